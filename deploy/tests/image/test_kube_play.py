"""The Deployments of the overlay `dev`, as pods: the pipeline from push to alert, and an orderly end."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.tests.image.conftest import IMAGE, podman
from deploy.tests.rendering import name_of, of_kind, overlay
from deploy.tests.running.conftest import ENOUGH
from railwatch.demo.episode import BASELINE
from railwatch.demo.replay import alerts, rendering, replay
from railwatch.demo.system import System
from railwatch.embedded import embedded_broker, embedded_redis, free_port
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.process import SERVICES
from tests.support.bus import eventually

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The overlay's Deployments and their references, run by Podman, with Kafka and Redis beside them."""
    with ExitStack() as stack:
        addresses = {**stack.enter_context(embedded_broker()), **stack.enter_context(embedded_redis())}
        made = podman(
            *("run", "--rm", "--network=host"),
            f"--env=RAILWATCH_KAFKA_BOOTSTRAP_SERVERS={addresses['RAILWATCH_KAFKA_BOOTSTRAP_SERVERS']}",
            *(IMAGE, "topics", "--partitions=2", "--replication=1"),
        )
        assert set(made.stdout.split()) == {event.TOPIC for event in EVENT_TYPES.values()}, made.stderr
        ports: dict[str, int] = {service: free_port() for service in SERVICES}
        manifest = tmp_path_factory.mktemp("play") / "pods.yaml"
        manifest.write_text(yaml.safe_dump_all(_as_pods(addresses, ports)))
        stack.callback(podman, "volume", "rm", "--force", "railwatch-blobs", check=False)
        (secret,) = (each for each in of_kind(overlay("dev"), "Secret") if name_of(each).startswith("railwatch-ingest"))
        # Podman 4 plays a Secret into a form that it cannot read; this is the one that it can.
        podman("secret", "create", name_of(secret), "-", input=json.dumps(secret["data"]))
        stack.callback(podman, "secret", "rm", name_of(secret), check=False)
        stack.callback(podman, "kube", "down", str(manifest), check=False)
        played = podman("kube", "play", "--network=host", str(manifest), check=False)
        assert played.returncode == 0, played.stderr
        urls: dict[str, str] = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
        for service, url in urls.items():
            eventually(partial(_is_ready, url), f"{service} is ready")
        yield System(token=base64.b64decode(secret["data"]["tokens"]).decode(), logs=Path(), urls=urls)


def test_the_pipeline_works_from_push_to_alert(system: System) -> None:
    with rendering((BASELINE, *ENOUGH)) as scenes:
        judged = replay(system, scenes, lambda progress: None)
    assert [look["scene"] for look in judged] == [look.scene for look in ENOUGH]
    with httpx.Client(base_url=system.urls["alerting"]) as alerting:
        (alert,) = alerts(alerting)
    assert alert["alert"]["state"] == "standing"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_its_probes_and_ends_in_order(system: System, service: str) -> None:
    for probe in ("healthz", "readyz", "metrics"):
        assert httpx.get(f"{system.urls[service]}/{probe}", timeout=10).status_code == 200
    (container,) = podman("ps", "--quiet", f"--filter=name=railwatch-{service}-pod.*-railwatch").stdout.split()
    podman("stop", "--time=60", container)
    (state,) = json.loads(podman("inspect", container).stdout)
    assert state["State"]["ExitCode"] == 0, podman("logs", container).stderr


def _as_pods(addresses: dict[str, str], ports: dict[str, int]) -> list[dict[str, Any]]:
    """What Podman is given: the rendered resources, with loopback addresses in place of the cluster's."""
    resources = of_kind(overlay("dev"), "ConfigMap", "PersistentVolumeClaim", "Deployment")
    for resource in resources:
        if resource["kind"] == "ConfigMap" and "RAILWATCH_REDIS_URL" in resource["data"]:
            resource["data"] |= addresses
        if resource["kind"] == "Deployment":
            service = name_of(resource).removeprefix("railwatch-")
            spec = resource["spec"]["template"]["spec"]
            spec["hostNetwork"] = True
            spec.pop("initContainers", None)  # it makes the topics, which are there; Podman 4 cannot remove it in time
            (container,) = spec["containers"]
            container["image"] = IMAGE
            for unknown in ("ports", "startupProbe", "livenessProbe", "readinessProbe"):
                del container[unknown]  # the host's network has no mappings, and the image no curl for Podman's probes
            own = {"RAILWATCH_HTTP_HOST": "127.0.0.1", "RAILWATCH_HTTP_PORT": str(ports[service])}
            container["env"] = [v for v in container["env"] if v["name"] not in own and not _is_absent(v)]
            container["env"] += [{"name": name, "value": value} for name, value in own.items()]
    order = ("ConfigMap", "PersistentVolumeClaim", "Deployment")
    return sorted(resources, key=lambda resource: order.index(resource["kind"]))


def _is_absent(variable: dict[str, Any]) -> bool:
    """Podman 4 does not know optional secrets."""
    return bool(variable.get("valueFrom", {}).get("secretKeyRef", {}).get("optional"))


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False
