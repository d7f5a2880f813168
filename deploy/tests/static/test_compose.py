"""Compose runs on one machine what the overlay `dev` runs on one node."""

import re
from typing import Any

import pytest

from deploy.tests.rendering import overlay, pod_templates
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import HttpSettings
from tests.support.compose import COMPOSE_DIRECTORY, composed

# A host and its port, as they stand in addresses.
ADDRESS = re.compile(r"(?<![\w.-])([a-z][a-z-]+|127\.0\.0\.1):(\d{4})\b")
COMPOSE: dict[str, Any] = composed()["services"]
DEV = pod_templates(overlay("dev"))


def container(workload: str) -> dict[str, Any]:
    (found,) = DEV[workload]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_the_same_image_command_and_user_with_the_same_sign_of_readiness(service: str) -> None:
    pod, ours, beside = DEV[f"railwatch-{service}"]["spec"], container(f"railwatch-{service}"), COMPOSE[service]
    assert beside["image"] == ours["image"]
    assert beside["command"] == ours["args"]
    assert beside["user"] == "{runAsUser}:{runAsGroup}".format(**pod["securityContext"])
    assert beside["read_only"] is ours["securityContext"]["readOnlyRootFilesystem"] is True
    assert beside["cap_drop"] == ours["securityContext"]["capabilities"]["drop"]
    asked = f"http://127.0.0.1:{HttpSettings().port}{ours['readinessProbe']['httpGet']['path']}"
    assert f"urlopen('{asked}')" in beside["healthcheck"]["test"][-1]
    assert beside["healthcheck"]["timeout"] == f"{ours['readinessProbe']['timeoutSeconds']}s"
    assert int(beside["stop_grace_period"].removesuffix("s")) >= pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("server", ["kafka", "redis"])
def test_a_server_is_the_same_image(server: str) -> None:
    assert COMPOSE[server]["image"] == container(server)["image"]


def test_kafka_is_told_the_same() -> None:
    given = {variable["name"]: variable["value"] for variable in container("kafka")["env"]}
    assert {name: str(value) for name, value in COMPOSE["kafka"]["environment"].items()} == given


def test_the_topics_are_made_with_the_same_command() -> None:
    (topics,) = DEV["railwatch-ingest"]["spec"]["initContainers"]
    assert (COMPOSE["topics"]["command"], COMPOSE["topics"]["image"]) == (topics["args"], topics["image"])


def test_the_episode_is_replayed_by_the_same_command_with_the_addresses_of_each() -> None:
    replay = container("railwatch-replay")
    assert COMPOSE["replay"]["command"][0] == replay["args"][0] == "replay"
    assert COMPOSE["replay"]["image"] == replay["image"]


def test_every_address_that_a_file_or_a_variable_names_is_a_service_of_the_file() -> None:
    text = (COMPOSE_DIRECTORY / "compose.yaml").read_text()
    mounted = {m.split(":")[0] for service in COMPOSE.values() for m in service.get("volumes", ()) if m.startswith(".")}
    files = [COMPOSE_DIRECTORY / source for source in mounted]
    named = set(ADDRESS.findall(text))
    for file in (each for path in files for each in ([path] if path.is_file() else path.rglob("*.yaml"))):
        named |= set(ADDRESS.findall(file.read_text()))
    hosts = {host for host, _ in named} - {"127.0.0.1"}
    assert {"kafka", "redis", "objects", "alerting", "alertmanager", "receiver", "ingest", "detector"} <= hosts
    assert hosts <= COMPOSE.keys()
