"""The custom resources are ones that their operators take, in the versions that deploy/kubernetes/README.md names."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from deploy.tests.crds import definitions, schema_of
from deploy.tests.crds.sources import SOURCES, STRIMZI
from deploy.tests.rendering import (
    BUILT_IN,
    DEPLOY,
    Resource,
    assert_is_restricted,
    every_overlay,
    name_of,
    of_kind,
    overlay,
)
from deploy.tests.strimzi import strimzi_pods

# The version of Kafka that a version of Strimzi is built with: `kafka.version` in the POM of io.strimzi:strimzi.
KAFKA_OF_STRIMZI = {"1.2.0": "4.3.1"}


@pytest.mark.parametrize("name", ["trial", "production"])
def test_the_operators_would_take_every_custom_resource(name: str) -> None:
    resources = _custom(overlay(name))
    kinds = {resource["kind"] for resource in resources}
    assert kinds >= {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "ScaledObject", "PrometheusRule"}
    for resource in resources:
        assert not list(faults(resource)), f"{resource['kind']} {name_of(resource)}"


def test_every_definition_is_of_a_kind_that_an_overlay_uses() -> None:
    used = {resource["kind"] for resource in _custom(overlay("production"))}
    assert {definition["spec"]["names"]["kind"] for definition in definitions()} == used


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("spec", "kafka", "rak"), {"topologyKey": "zone"}, "rak is unknown"),
        (("spec", "kafka", "listeners", 0, "port"), "9093", "'9093' is not of type 'integer'"),
        (("spec", "kafka", "metricsConfig", "type"), "none", "'none' is not one of"),
    ],
)
def test_a_mistake_in_a_custom_resource_is_found(path: tuple[str | int, ...], value: Any, fault: str) -> None:
    (kafka,) = deepcopy(of_kind(overlay("production"), "Kafka"))
    node: Any = kafka
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert fault in "; ".join(faults(kafka))


@pytest.mark.parametrize("name", ["trial", "production"])
def test_kafka_s_version_is_the_one_that_strimzi_is_built_with(name: str) -> None:
    (kafka,) = of_kind(overlay(name), "Kafka")
    version = KAFKA_OF_STRIMZI[STRIMZI.version]
    assert kafka["spec"]["kafka"]["version"] == version
    # The form of Kafka's metadata: a step, such as IV0, of a minor version.
    assert kafka["spec"]["kafka"]["metadataVersion"].startswith(f"{version.rpartition('.')[0]}-IV")


def test_every_kafka_has_the_version_that_the_tests_run_on() -> None:
    (kafka,) = of_kind(overlay("production"), "Kafka")
    version = kafka["spec"]["kafka"]["version"]
    pom = (DEPLOY.parent / "tests" / "kafka" / "pom.xml").read_text()
    assert re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.*)</version>", pom).group(1) == version  # type: ignore[union-attr]
    (broker,) = (s for s in of_kind(overlay("dev"), "StatefulSet") if name_of(s) == "kafka")
    assert broker["spec"]["template"]["spec"]["containers"][0]["image"] == f"docker.io/apache/kafka:{version}"
    assert f"apache/kafka:{version}}}" in (DEPLOY / "compose" / "compose.yaml").read_text()


def test_the_table_of_tested_versions_is_that_of_the_tests() -> None:
    page = (DEPLOY / "kubernetes" / "README.md").read_text()
    rows = dict(re.findall(r"^\| ([\w -]+) \| ([\d.]+)[^|]* \|", page, re.MULTILINE))
    names = {
        "Strimzi": "strimzi",
        "KEDA": "keda",
        "External Secrets": "external-secrets",
        "Prometheus operator": "prometheus-operator",
    }
    assert {name: rows[name] for name in names} == {
        name: source.version for source in SOURCES for name, operator in names.items() if operator == source.operator
    }
    (kafka,) = of_kind(overlay("production"), "Kafka")
    assert rows["Apache Kafka"] == kafka["spec"]["kafka"]["version"]
    module = (DEPLOY / "tests" / "cluster" / "go.mod").read_text()
    assert re.search(r"^\tk8s.io/kubernetes v(\S+)", module, re.MULTILINE).group(1) == rows["Kubernetes"]  # type: ignore[union-attr]


@every_overlay
def test_strimzi_s_pods_keep_to_the_restricted_standard(name: str) -> None:
    pods = strimzi_pods(overlay(name))
    assert bool(pods) == (name != "dev")
    for pod in pods.values():
        assert_is_restricted(pod)


def test_brokers_ask_the_api_server_for_nothing() -> None:
    """The network policies let them reach nothing but each other, so an init container that asks would never end."""
    for name, pod in strimzi_pods(overlay("production")).items():
        assert not pod["spec"]["initContainers"], name


def faults(resource: Resource) -> Iterator[str]:
    """What the API server would refuse, but for the rules in CEL: unknown fields, types, values, missing fields."""
    schema = schema_of(resource["apiVersion"], resource["kind"])
    yield from _unknown(resource, schema, "")
    for error in Draft202012Validator(_as_json_schema(schema)).iter_errors(resource):
        yield f"{error.json_path}: {error.message}"


def _custom(resources: tuple[Resource, ...]) -> list[Resource]:
    return [resource for resource in resources if resource["apiVersion"].split("/")[0] not in BUILT_IN]


def _unknown(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from _unknown(part, schema.get("items", {}), f"{path}[{number}]")
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    for key, part in value.items():
        if key in known:
            yield from _unknown(part, known[key], f"{path}.{key}")
        elif isinstance(rest, dict):
            yield from _unknown(part, rest, f"{path}.{key}")
        elif path != ".metadata" and not rest:
            yield f"{path}.{key} is unknown"


def _as_json_schema(node: Any) -> Any:
    """OpenAPI's `nullable` and Kubernetes' `int-or-string`, in the words of JSON Schema."""
    if isinstance(node, list):
        return [_as_json_schema(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_json_schema(part) for key, part in node.items() if key != "format"}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        plain["type"] = [node["type"], "null"]
    return plain
