import json
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

import railwatch.services.alerting.settings
import railwatch.services.detector.settings
import railwatch.services.ingest.settings
from deploy.tests.rendering import (
    BUILT_IN,
    DEPLOY,
    OVERLAYS,
    SERVICES,
    Resource,
    environment,
    labels_of,
    name_of,
    of_kind,
    overlay,
    pod_templates,
    policies_of,
    rendered,
    selects,
)
from railwatch.services.detector.settings import memory_mb_for
from railwatch.services.ingest.sources.forms import SourcesFile
from railwatch.shared.environment import load
from railwatch.shared.events import AlertEvent, BaselineEvent, CountEvent, DeadLetter, TileEvent
from railwatch.shared.health import Progress, health_router
from railwatch.shared.settings import PREFIX, HttpSettings
from railwatch.shared.sites import load_sites
from railwatch.shared.sites.document import read_yaml
from railwatch.shared.tiles import MAX_TILE_PIXELS
from tests.support.tls_proxy import CERTIFICATE

VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
SETTINGS: dict[str, ModuleType] = {
    "ingest": railwatch.services.ingest.settings,
    "detector": railwatch.services.detector.settings,
    "alerting": railwatch.services.alerting.settings,
}
# The pause before SIGTERM, the drain of a worker, and what closing and a request under way may take.
LONGEST_STOP_S = 5 + 25 + 10
# What the detector's own process may take beside those that count (docs/security.md), with room.
SERVICE_MB = 300

every_overlay = pytest.mark.parametrize("name", OVERLAYS)


@every_overlay
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_every_resource(name: str, version: str) -> None:
    checked = 0
    for resource in overlay(name):
        if resource["apiVersion"].split("/")[0] in BUILT_IN:
            kubernetes_validate.validate(resource, version, strict=True)
            checked += 1
    assert checked > 20


@every_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_the_variables_it_is_given(
    name: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(overlay(name), pod_templates(overlay(name))[f"railwatch-{service}"])
    for variable in [*os.environ]:
        if variable.startswith(PREFIX):
            monkeypatch.delenv(variable)
    for variable, value in given.items():
        monkeypatch.setenv(
            variable, str(CERTIFICATE) if variable.endswith(("_CAFILE", "_TOKENS_FILE", "_SOURCES_FILE")) else value
        )
    settings = load(SETTINGS[service].Settings)
    assert settings.http.host == "0.0.0.0"  # noqa: S104


def test_the_example_of_sources_is_one_that_ingest_reads() -> None:
    file = read_yaml(DEPLOY / "kubernetes" / "components" / "sources" / "sources.yaml")
    assert [source.kind for source in file.validate(SourcesFile).sources] == ["stac", "bucket"]


@every_overlay
def test_every_variable_is_a_setting_of_some_service(name: str) -> None:
    known = {
        f"{PREFIX}{group}_{field}".upper()
        for module in SETTINGS.values()
        for group, declared in module.Settings.model_fields.items()
        for field in declared.annotation.model_fields
    }
    for template in pod_templates(overlay(name)).values():
        for container in template["spec"]["containers"]:
            given = {variable["name"] for variable in container.get("env", ())} | set(
                environment(overlay(name), template)
            )
            assert {variable for variable in given if variable.startswith(PREFIX)} <= known


@every_overlay
def test_ports_and_probes_are_those_of_the_app(name: str) -> None:
    routes = {route.path for route in health_router("ingest", Progress(), {}).routes}  # type: ignore[attr-defined]
    for service in SERVICES:
        (container,) = pod_templates(overlay(name))[f"railwatch-{service}"]["spec"]["containers"]
        assert container["args"] == [service]
        (port,) = container["ports"]
        assert (port["name"], port["containerPort"]) == ("http", HttpSettings().port)
        probes = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert {probe["port"] for probe in probes.values()} == {"http"}
        assert {probe["path"] for probe in probes.values()} <= routes
        assert probes["livenessProbe"]["path"] == "/healthz"
        assert probes["readinessProbe"]["path"] == "/readyz"
    for monitor in of_kind(overlay(name), "ServiceMonitor"):
        assert {(endpoint["port"], endpoint["path"]) for endpoint in monitor["spec"]["endpoints"]} == {
            ("http", "/metrics")
        }
        watched = [s for s in of_kind(overlay(name), "Service") if selects(monitor["spec"]["selector"], _labels(s))]
        assert {name_of(service) for service in watched} == {f"railwatch-{service}" for service in SERVICES}


@every_overlay
def test_selectors_match_pods(name: str) -> None:
    templates = pod_templates(overlay(name))
    pods = [labels_of(template) for template in templates.values()]
    for service in of_kind(overlay(name), "Service"):
        taken = [
            template
            for template in templates.values()
            if selects({"matchLabels": service["spec"]["selector"]}, labels_of(template))
        ]
        assert len(taken) == 1, name_of(service)
        ports = {port["name"]: port["containerPort"] for port in taken[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["port"]) in {*ports, *ports.values()}
    for resource in of_kind(overlay(name), "PodDisruptionBudget", "Deployment", "StatefulSet"):
        assert sum(selects(resource["spec"]["selector"], pod) for pod in pods) == 1, name_of(resource)
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        if "strimzi.io" not in str(policy["spec"]["podSelector"]):
            assert any(selects(policy["spec"]["podSelector"], pod) for pod in pods), name_of(policy)
    for target in of_kind(overlay(name), "ScaledObject", "HorizontalPodAutoscaler"):
        scaled = target["spec"]["scaleTargetRef"]["name"]
        (deployment,) = (d for d in of_kind(overlay(name), "Deployment") if name_of(d) == scaled)
        assert "replicas" not in deployment["spec"], "the scaler and the manifest would fight over the number"


@every_overlay
def test_references_resolve(name: str) -> None:
    resources = overlay(name)
    maps = {name_of(resource) for resource in of_kind(resources, "ConfigMap")}
    secrets = {name_of(resource) for resource in of_kind(resources, "Secret", "ExternalSecret", "KafkaUser")}
    secrets |= {f"{name_of(kafka)}-cluster-ca-cert" for kafka in of_kind(resources, "Kafka")}
    claims = {name_of(resource) for resource in of_kind(resources, "PersistentVolumeClaim")}
    accounts = {name_of(resource) for resource in of_kind(resources, "ServiceAccount")}
    for template in pod_templates(resources).values():
        spec = template["spec"]
        if "serviceAccountName" in spec:
            assert spec["serviceAccountName"] in accounts
        for volume in spec.get("volumes", ()):
            assert volume.get("configMap", {}).get("name") in {None, *maps}
            secret = volume.get("secret", {})
            assert secret.get("optional") or secret.get("secretName") in {None, *secrets}
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
        for variable in spec["containers"][0].get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            assert reference is None or reference.get("optional") or reference["name"] in secrets, variable


@every_overlay
def test_images_and_limits_are_pinned(name: str) -> None:
    for template in pod_templates(overlay(name)).values():
        for container in template["spec"]["containers"]:
            _, _, tag = container["image"].rpartition(":")
            assert tag[0].isdigit(), f"{container['image']} is not pinned"
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys()


@every_overlay
def test_a_detector_s_pod_has_memory_for_the_largest_tile_that_ingest_cuts(name: str) -> None:
    counting = railwatch.services.detector.settings.DetectorSettings()
    (container,) = pod_templates(overlay(name))["railwatch-detector"]["spec"]["containers"]
    assert not [variable for variable in container["env"] if variable["name"].startswith("RAILWATCH_DETECTOR_M")]
    pod_mb = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024**3 / 1e6

    assert counting.max_pixels == MAX_TILE_PIXELS
    assert memory_mb_for(counting.max_pixels) <= counting.memory_mb
    assert SERVICE_MB + counting.threads * counting.memory_mb <= pod_mb


@every_overlay
def test_pods_keep_to_the_restricted_standard(name: str) -> None:
    (namespace,) = of_kind(overlay(name), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload, template in pod_templates(overlay(name)).items():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        allowed = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected"}
        assert all(volume.keys() - {"name"} <= allowed for volume in spec.get("volumes", ()))
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            if workload.startswith("railwatch-"):
                assert context["readOnlyRootFilesystem"] is True


@every_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_policies_let_a_service_reach_what_its_settings_name_and_nothing_private_else(name: str, service: str) -> None:
    resources = overlay(name)
    template = pod_templates(resources)[f"railwatch-{service}"]
    rules = list(policies_of(resources, labels_of(template), "egress"))
    given = environment(resources, template)
    for host, port in _destinations(given, service):
        assert any(_allows(resources, rule, host, port) for rule in rules), f"{service} cannot reach {host}:{port}"
    for rule in rules:
        assert rule.get("to"), "a rule without `to` lets everything out"


@every_overlay
def test_policies_let_in_the_front_and_the_monitoring_and_nobody_else(name: str) -> None:
    for service in SERVICES:
        template = pod_templates(overlay(name))[f"railwatch-{service}"]
        peers = [
            next(iter(next(iter(peer.values()))["matchLabels"].values()))
            for rule in policies_of(overlay(name), labels_of(template), "ingress")
            for peer in rule["from"]
        ]
        assert (
            sorted(peers)
            == {
                "ingest": ["front", "monitoring"],
                "detector": ["monitoring"],
                "alerting": ["front", "monitoring", "railwatch-ingest"],
            }[service]
        )


@every_overlay
def test_a_pod_has_time_to_finish_its_work(name: str) -> None:
    for service in SERVICES:
        spec = pod_templates(overlay(name))[f"railwatch-{service}"]["spec"]
        assert spec["terminationGracePeriodSeconds"] > LONGEST_STOP_S


def test_scaling_stops_at_the_partitions_and_alerting_never_goes_to_zero() -> None:
    topics = {name_of(topic): topic["spec"]["partitions"] for topic in of_kind(overlay("production"), "KafkaTopic")}
    by_target = {s["spec"]["scaleTargetRef"]["name"]: s["spec"] for s in of_kind(overlay("production"), "ScaledObject")}
    consumed = {"railwatch-detector": TileEvent.TOPIC, "railwatch-alerting": CountEvent.TOPIC}
    for target, topic in consumed.items():
        (trigger,) = by_target[target]["triggers"]
        assert trigger["metadata"]["topic"] == topic
        assert trigger["metadata"]["consumerGroup"] == target
        assert by_target[target]["maxReplicaCount"] <= topics[topic]
        assert by_target[target]["fallback"]["replicas"] >= 2
    assert by_target["railwatch-alerting"]["minReplicaCount"] >= 2


def test_each_kafka_user_may_do_what_its_service_does_and_no_more() -> None:
    may = {
        name_of(user): {
            (acl["resource"]["type"], acl["resource"]["name"], operation)
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
            if operation != "Describe"
        }
        for user in of_kind(overlay("production"), "KafkaUser")
    }
    buries = ("topic", DeadLetter.TOPIC, "Write")
    assert may == {
        "kafka-ingest": {("topic", TileEvent.TOPIC, "Write"), buries},
        "kafka-detector": {
            ("topic", TileEvent.TOPIC, "Read"),
            ("group", "railwatch-detector", "Read"),
            ("topic", CountEvent.TOPIC, "Write"),
            ("topic", BaselineEvent.TOPIC, "Write"),
            ("topic", BaselineEvent.TOPIC, "Read"),
            ("topic", CountEvent.TOPIC, "Read"),
            buries,
        },
        "kafka-alerting": {
            ("topic", CountEvent.TOPIC, "Read"),
            ("group", "railwatch-alerting", "Read"),
            ("topic", AlertEvent.TOPIC, "Write"),
            ("topic", AlertEvent.TOPIC, "Read"),
            buries,
        },
        "kafka-scaler": set(),
    }
    topics = {name_of(topic) for topic in of_kind(overlay("production"), "KafkaTopic")}
    assert topics == {event.TOPIC for event in (TileEvent, CountEvent, BaselineEvent, AlertEvent, DeadLetter)}


def test_each_service_is_a_user_of_redis_whose_rights_are_shipped() -> None:
    production = overlay("production")
    users = {
        service: environment(production, pod_templates(production)[f"railwatch-{service}"])["RAILWATCH_REDIS_USERNAME"]
        for service in SERVICES
    }
    assert users == {service: f"railwatch-{service}" for service in SERVICES}
    lines = (DEPLOY / "redis" / "users.acl").read_text().splitlines()
    assert {line.split()[1] for line in lines} == {"default", *users.values()}


def test_the_alternative_scaler_fits_the_base(tmp_path: Path) -> None:
    kubernetes = Path(os.path.relpath(DEPLOY / "kubernetes", tmp_path))
    paths = {"resources": [str(kubernetes / "base")], "components": [str(kubernetes / "components/hpa")]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(paths))
    resources = rendered(tmp_path)
    partitions = min(topic["spec"]["partitions"] for topic in of_kind(overlay("production"), "KafkaTopic"))
    for autoscaler in of_kind(resources, "HorizontalPodAutoscaler"):
        kubernetes_validate.validate(autoscaler, VERSIONS[-1], strict=True)
        assert autoscaler["spec"]["maxReplicas"] <= partitions
        scaled = [
            d for d in of_kind(resources, "Deployment") if name_of(d) == autoscaler["spec"]["scaleTargetRef"]["name"]
        ]
        assert ["replicas" in deployment["spec"] for deployment in scaled] == [False]


@pytest.mark.parametrize("service", ["detector", "alerting"])
def test_a_rebuild_is_a_job_with_the_settings_of_its_deployment(service: str, tmp_path: Path) -> None:
    (deployment,) = (d for d in of_kind(overlay("production"), "Deployment") if name_of(d) == f"railwatch-{service}")
    ended, calls = _rebuild(service, deployment, tmp_path, "SuccessCriteriaMet Complete")
    assert ended.returncode == 0, ended.stderr
    job = json.loads((tmp_path / "job.json").read_text())
    kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (served,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["rebuild", service]
    assert [container[key] for key in ("env", "envFrom", "image")] == [
        served[key] for key in ("env", "envFrom", "image")
    ]
    assert not [key for key in container if key.endswith("Probe")]
    changes = [call for call in calls if call.split()[0] in ("annotate", "scale", "create")]
    paused = f"annotate scaledobject.keda.sh/railwatch-{service}"
    assert changes == [
        f"{paused} --overwrite autoscaling.keda.sh/paused=true",
        f"scale deployment railwatch-{service} --replicas 0",
        "create --filename -",
        f"scale deployment railwatch-{service} --replicas 2",
        f"{paused} autoscaling.keda.sh/paused-",
    ]


def test_a_service_whose_rebuild_failed_stays_stopped(tmp_path: Path) -> None:
    (deployment,) = (d for d in of_kind(overlay("dev"), "Deployment") if name_of(d) == "railwatch-alerting")
    ended, calls = _rebuild("alerting", deployment, tmp_path, "FailureTarget Failed")
    assert ended.returncode == 1
    assert "Run this again" in ended.stderr
    assert [call for call in calls if call.startswith("scale")] == ["scale deployment railwatch-alerting --replicas 0"]


def _rebuild(
    service: str, deployment: Resource, directory: Path, conditions: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run deploy/kubernetes/rebuild against a fake cluster. Returns how it ended, and what it asked for."""
    (directory / "deployment.json").write_text(json.dumps(deployment))
    kubectl = directory / "kubectl"
    kubectl.write_text(
        f"""#!/bin/sh
shift 2
echo "$@" >>{directory}/calls
case "$*" in
"get scaledobject"*) echo scaledobject.keda.sh/railwatch-{service} ;;
"get job"*) echo {conditions} ;;
"get deployment"*jsonpath*) echo 2 ;;
"get deployment"*) cat {directory}/deployment.json ;;
create*) cat >{directory}/job.json ;;
esac
"""
    )
    kubectl.chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}"}
    command = [str(DEPLOY / "kubernetes" / "rebuild"), service]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended, (directory / "calls").read_text().splitlines()


def test_the_sites_that_are_shipped_can_be_read(tmp_path: Path) -> None:
    (sites,) = (r for r in of_kind(overlay("dev"), "ConfigMap") if name_of(r).startswith("railwatch-sites"))
    for file, text in sites["data"].items():
        (tmp_path / file).write_text(text)
    catalogue = load_sites(tmp_path)
    assert not catalogue.faults
    assert set(catalogue.sites) == {"tumangang"}


def _labels(resource: Resource) -> dict[str, str]:
    return dict(resource["metadata"].get("labels", {}))


def _destinations(given: dict[str, str], service: str) -> list[tuple[str, int]]:
    """Host and port of everything that the settings name."""
    found = [_host_port(server, 9092) for server in given["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"].split(",")]
    found.append(_host_port(given["RAILWATCH_REDIS_URL"], 6379))
    if given["RAILWATCH_BLOBS_URL"].startswith("s3://"):
        found.append(("s3.example", 443))
    if service == "alerting":
        urls = given.get("RAILWATCH_ALERTMANAGER_URLS", "")
        found += [_host_port(pair.partition("=")[2], 9093) for pair in urls.split(",") if pair]
    return found


def _host_port(address: str, default: int) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"//{address}")
    return str(parts.hostname), parts.port or default


def _allows(resources: tuple[Resource, ...], rule: dict[str, Any], host: str, port: int) -> bool:
    """Whether an egress rule lets a connection out, and for a pod of ours an ingress rule lets it in."""
    if port not in {allowed.get("port") for allowed in rule.get("ports", ())}:
        return False
    for peer in rule["to"]:
        if "ipBlock" in peer and host.endswith(".example"):
            return True
        if "namespaceSelector" in peer and host.endswith(".monitoring"):
            return True
        if "podSelector" in peer and "namespaceSelector" not in peer and "." not in host:
            if "strimzi.io/name" in peer["podSelector"].get("matchLabels", {}):
                cluster = peer["podSelector"]["matchLabels"]["strimzi.io/name"]
                if host.startswith(cluster):  # its ingress is Strimzi's to allow
                    return True
            for template in pod_templates(resources).values():
                if (
                    selects(peer["podSelector"], labels_of(template))
                    and labels_of(template)["app.kubernetes.io/name"] == host
                ):
                    return any(
                        _admits(rule, template, port) for rule in policies_of(resources, labels_of(template), "ingress")
                    )
    return False


def _admits(rule: dict[str, Any], template: Resource, port: int) -> bool:
    ports = {p["name"]: p["containerPort"] for p in template["spec"]["containers"][0]["ports"]}
    return port in {ports.get(allowed["port"], allowed["port"]) for allowed in rule["ports"]}


def test_nothing_of_operation_can_be_reached_from_outside() -> None:
    operation = {route.path for route in health_router("alerting", Progress(), {}).routes}  # type: ignore[attr-defined]
    for ingress in of_kind(overlay("production"), "Ingress"):
        (rule,) = ingress["spec"]["rules"]
        for path in rule["http"]["paths"]:
            for hidden in {*operation, "/openapi.json", "/docs"}:
                inside = hidden == path["path"] if path["pathType"] == "Exact" else hidden.startswith(path["path"])
                assert not inside, f"{hidden} can be reached by {path}"
