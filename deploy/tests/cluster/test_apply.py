"""What Kubernetes' own API server says to each overlay: `make test-cluster`."""

import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.tests.cluster.control_plane import DEPLOYER, NAMESPACE, Cluster, api_server, controllers
from deploy.tests.cluster.platform import path_of, prepare, with_other_image
from deploy.tests.rendering import OVERLAYS, Resource, name_of, of_kind, overlay, pod_templates
from deploy.tests.strimzi import strimzi_pods
from railwatch.shared.process import SERVICES

# Kubernetes' role `admin` is empty without the first, and a namespace has no account for pods without the second.
OF_RIGHTS = ("clusterrole-aggregation-controller", "serviceaccount-controller")


@dataclass(frozen=True)
class Applied:
    """An overlay in a cluster of its own, in which nothing acts on its resources.

    Attributes:
        name: of the overlay.
        cluster: the API server.
        said: what kubectl printed while it was applied for the first time.
        warned: the warnings and errors.
    """

    name: str
    cluster: Cluster
    said: str
    warned: str


@pytest.fixture(scope="module", params=OVERLAYS)
def applied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    name: str = request.param
    with api_server(tmp_path_factory.mktemp(name)) as cluster, controllers(cluster, *OF_RIGHTS):
        prepare(cluster)
        words = ("kubectl", "apply", "--server-side", "--kustomize", path_of(name))
        ended = cluster.run(*words, user=DEPLOYER)
        yield Applied(name, cluster, ended.stdout, ended.stderr)


def test_every_resource_is_taken_without_a_warning(applied: Applied) -> None:
    assert applied.warned == ""
    assert [line.split()[-1] for line in applied.said.splitlines()] == ["serverside-applied"] * len(
        overlay(applied.name)
    )


def test_a_second_apply_changes_nothing(applied: Applied) -> None:
    before = _held(applied)
    assert len(before) == len(overlay(applied.name))
    applied.cluster.kubectl("apply", "--server-side", "--kustomize", path_of(applied.name), user=DEPLOYER)
    assert _held(applied) == before


def test_nothing_differs_from_what_was_applied_but_what_is_changed(applied: Applied, tmp_path: Path) -> None:
    words = ("kubectl", "diff", "--server-side", "--kustomize")
    same = applied.cluster.run(*words, path_of(applied.name), user=DEPLOYER)
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "")

    other = applied.cluster.run(*words, with_other_image(applied.name, "0.0.1", tmp_path), user=DEPLOYER)
    assert other.returncode == 1, other.stderr
    added = [line[1:].split() for line in other.stdout.splitlines() if line.startswith("+ ")]
    assert {words[-2] for words in added} == {"generation:", "image:"}
    assert {words[-1].rpartition(":")[2] for words in added if words[-2] == "image:"} == {"0.0.1"}


def test_another_image_and_another_setting_may_be_applied(applied: Applied, tmp_path: Path) -> None:
    """Nothing in an overlay is of a kind that cannot be changed, as a Job is."""
    changed = with_other_image(applied.name, "0.0.1", tmp_path)
    ended = applied.cluster.run(
        "kubectl", "apply", "--server-side", "--dry-run=server", "--kustomize", changed, user=DEPLOYER
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_pod_security_refuses_no_pod_of_ours_and_none_of_strimzi(applied: Applied) -> None:
    pods = _pods(applied.name)
    assert set(pods) >= {f"railwatch-{service}" for service in SERVICES}
    for name, pod in pods.items():
        ended = _created(applied.cluster, name, pod)
        assert (ended.returncode, ended.stderr) == (0, ""), name


def test_pod_security_refuses_a_pod_that_may_be_root(applied: Applied) -> None:
    pod = {"spec": {"containers": [{"name": "root", "image": "example"}]}}
    ended = _created(applied.cluster, "root", pod)
    assert ended.returncode == 1
    assert 'violates PodSecurity "restricted:latest"' in ended.stderr


def test_the_rules_of_the_operators_are_asked(applied: Applied) -> None:
    """Those in CEL, which no schema shows: without them the overlays would pass for nothing."""
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "wrong", "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": {"name": "any"}, "minReplicaCount": 3, "maxReplicaCount": 2, "triggers": []},
    }
    ended = applied.cluster.run("kubectl", "create", "--dry-run=server", "--filename", "-", given=scaled)
    assert "minReplicaCount must be less than or equal to maxReplicaCount" in ended.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_ask_the_api_server_for_nothing(applied: Applied, service: str) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:railwatch-{service}"
    nobody = f"system:serviceaccount:{NAMESPACE}:nobody"
    rights = [applied.cluster.kubectl("auth", "can-i", "--list", "--as", who) for who in (account, nobody)]
    assert rights[0] == rights[1]
    assert "pods" not in rights[0]


def _created(cluster: Cluster, name: str, pod: Resource) -> subprocess.CompletedProcess[str]:
    """What the API server says to a pod. It does not stay."""
    made = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {**pod.get("metadata", {}), "name": name}}
    return cluster.run("kubectl", "create", "--dry-run=server", "--filename", "-", given=made)


def _held(applied: Applied) -> dict[tuple[str, str], Resource]:
    """All that the API server holds of each resource, but for its version: a claim may be written anew as it was."""
    words = ("--kustomize", path_of(applied.name), "--show-managed-fields")
    found = {(resource["kind"], name_of(resource)): resource for resource in applied.cluster.get(*words)}
    for resource in found.values():
        del resource["metadata"]["resourceVersion"]
    return found


def _pods(name: str) -> dict[str, Resource]:
    """The pods of all workloads of an overlay, and of Strimzi."""
    pods = deepcopy({**pod_templates(overlay(name)), **strimzi_pods(overlay(name))})
    for claiming in of_kind(overlay(name), "StatefulSet"):
        for claim in claiming["spec"]["volumeClaimTemplates"]:
            volume = {"name": name_of(claim), "persistentVolumeClaim": {"claimName": name_of(claim)}}
            pods[name_of(claiming)]["spec"].setdefault("volumes", []).append(volume)
    return pods
