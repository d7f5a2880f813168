"""What Kubernetes' scheduler and controllers do with production: zones, drains, new images, numbers of replicas."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from deploy.tests.cluster.conftest import ZONES, Running, is_ready
from deploy.tests.cluster.control_plane import ADMIN
from deploy.tests.cluster.kubelet import READY, UNREADY, usual_fate
from deploy.tests.cluster.platform import apply, path_of, with_other_image
from deploy.tests.rendering import Resource, name_of, overlay
from deploy.tests.strimzi import strimzi_pods
from railwatch.shared.process import SERVICES
from tests.support.bus import eventually


@pytest.mark.parametrize("service", SERVICES)
def test_pods_spread_over_zones_and_nodes(production: Running, service: str) -> None:
    production.scale(service, 6)
    nodes = [pod["spec"]["nodeName"] for pod in production.pods(service)]
    assert sorted(nodes) == sorted(ZONES)
    production.scale(service, 3)


@pytest.mark.parametrize("pool", ["broker", "controller"])
def test_kafka_s_pods_are_in_three_zones(production: Running, pool: str) -> None:
    """As Strimzi would make them. The zone is a must: each is where no other of its pool is."""
    pod = strimzi_pods(overlay("production"))[f"railwatch-{pool}-0"]
    names = [f"railwatch-{pool}-{number}" for number in range(3)]
    for name in names:
        made = {**pod, "metadata": {**pod["metadata"], "name": name}, "spec": {**pod["spec"], "volumes": []}}
        production.cluster.kubectl("create", "--filename", "-", given=made)
    production.cluster.kubectl("wait", "pod", *names, "--for", "condition=Ready", "--timeout", "60s")
    placed = production.cluster.get("pods", "--selector", f"strimzi.io/pool-name={pool}")
    assert Counter(ZONES[each["spec"]["nodeName"]] for each in placed) == {"north": 1, "east": 1, "south": 1}


@pytest.mark.parametrize("service", SERVICES)
def test_a_drain_takes_one_pod_of_a_service_at_a_time(production: Running, service: str) -> None:
    full, *others = ZONES
    production.scale(service, 0)
    eventually(lambda: not production.pods(service), "all pods are gone")
    production.cluster.kubectl("cordon", *others)
    production.scale(service, 3)
    production.cluster.kubectl("uncordon", *others)
    assert {pod["spec"]["nodeName"] for pod in production.pods(service)} == {full}

    production.kubelet.fate = lambda pod: READY if pod["spec"]["nodeName"] == full else UNREADY
    command = ["kubectl", "drain", full, "--ignore-daemonsets", "--delete-emptydir-data", "--force"]
    command += [f"--pod-selector=app.kubernetes.io/name=railwatch-{service}"]
    environment = production.cluster.environment(ADMIN)
    drain = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert drain.stderr is not None
    refused = next(line for line in drain.stderr if "Cannot evict pod" in line)
    assert "would violate the pod's disruption budget" in refused
    eventually(lambda: len(production.pods(service)) == 3, "the evicted pod is replaced")
    ready = [pod for pod in production.pods(service) if is_ready(pod)]
    assert [pod["spec"]["nodeName"] for pod in ready] == [full, full]

    production.kubelet.fate = usual_fate
    _, said = drain.communicate(timeout=300)
    assert drain.returncode == 0, said
    production.await_rollout(service)
    assert full not in {pod["spec"]["nodeName"] for pod in production.pods(service)}
    production.cluster.kubectl("uncordon", full)


def test_a_new_image_replaces_pods_only_when_the_new_ones_are_ready(production: Running, tmp_path: Path) -> None:
    production.kubelet.fate = lambda pod: UNREADY if _tag(pod) == "0.2.0" else usual_fate(pod)
    apply(production.cluster, with_other_image("production", "0.2.0", tmp_path))
    for service in SERVICES:
        _await_pods(production, service, {("0.1.0", True): 3, ("0.2.0", False): 1})

    production.kubelet.fate = usual_fate
    for service in SERVICES:
        production.await_rollout(service)
        _await_pods(production, service, {("0.2.0", True): 3})
    apply(production.cluster, path_of("production"))
    for service in SERVICES:
        production.await_rollout(service)


def test_an_apply_leaves_the_numbers_to_the_autoscaler(production: Running) -> None:
    for service in SERVICES:
        production.scale(service, 5)
    apply(production.cluster, path_of("production"))
    assert [production.replicas(service) for service in SERVICES] == [5, 5, 5]
    for service in SERVICES:
        production.scale(service, 3)


def test_each_budget_lets_one_pod_go(production: Running) -> None:
    def budgets() -> dict[str, tuple[int, int]]:
        found = production.cluster.get("poddisruptionbudgets")
        return {
            name_of(budget): (budget["status"]["expectedPods"], budget["status"]["disruptionsAllowed"])
            for budget in found
        }

    expected = {f"railwatch-{service}": (3, 1) for service in SERVICES}
    eventually(lambda: budgets() == expected, "each budget knows its pods")


def _await_pods(running: Running, service: str, expected: dict[tuple[str, bool], int]) -> None:
    """Wait until a service has these pods, by the tag of their image and whether they are ready."""

    def pods() -> Counter[tuple[str, bool]]:
        return Counter((_tag(pod), is_ready(pod)) for pod in running.pods(service))

    eventually(lambda: pods() == expected, f"{service} has {expected}")


def _tag(pod: Resource) -> str:
    return str(pod["spec"]["containers"][0]["image"]).rpartition(":")[2]
