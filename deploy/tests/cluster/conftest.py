"""Production in a cluster with nodes in three zones."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.tests.cluster.control_plane import Cluster, api_server, controllers, scheduler
from deploy.tests.cluster.kubelet import Kubelet, playing
from deploy.tests.cluster.platform import apply, path_of, prepare
from deploy.tests.rendering import Resource
from railwatch.shared.process import SERVICES

ZONES = {f"{zone}{number}": zone for zone in ("north", "east", "south") for number in (1, 2)}


@dataclass(frozen=True)
class Running:
    """A cluster in which pods start, although no container runs.

    Attributes:
        cluster: the API server.
        kubelet: says what becomes of pods.
    """

    cluster: Cluster
    kubelet: Kubelet

    def scale(self, service: str, replicas: int) -> None:
        """Scale a service as KEDA would, and wait until all its pods are ready."""
        self.cluster.kubectl("scale", f"deployment/railwatch-{service}", f"--replicas={replicas}")
        self.await_rollout(service)

    def await_rollout(self, service: str) -> None:
        """Wait until as many pods as there should be are ready, all from the last template."""
        self.cluster.kubectl("rollout", "status", f"deployment/railwatch-{service}", "--timeout=120s")

    def pods(self, service: str) -> list[Resource]:
        """The pods of a service that are not on their way out."""
        found = self.cluster.get("pods", "--selector", f"app.kubernetes.io/name=railwatch-{service}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def replicas(self, service: str) -> int:
        """How many replicas a Deployment should have."""
        return int(self.cluster.kubectl("get", f"deployment/railwatch-{service}", "--output=jsonpath={.spec.replicas}"))


@contextmanager
def running_cluster(directory: Path, zones: dict[str, str]) -> Iterator[Running]:
    """A cluster with a prepared platform."""
    with ExitStack() as stack:
        cluster = stack.enter_context(api_server(directory))
        stack.enter_context(controllers(cluster))
        stack.enter_context(scheduler(cluster))
        prepare(cluster)
        yield Running(cluster, stack.enter_context(playing(cluster, zones)))


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The overlay `production` with three replicas of each service."""
    with running_cluster(tmp_path_factory.mktemp("production"), ZONES) as running:
        apply(running.cluster, path_of("production"))
        for service in SERVICES:
            running.scale(service, 3)
        yield running


def is_ready(pod: Resource) -> bool:
    """Whether a pod takes work."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
