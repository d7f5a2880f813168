"""The scripts of deploy/kubernetes against Kubernetes' own API server, by someone who has only the rights for them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.tests.cluster.conftest import Running
from deploy.tests.cluster.control_plane import NEWCOMER, NIGHT_SHIFT
from deploy.tests.cluster.kubelet import FAILED, READY, usual_fate
from deploy.tests.rendering import DEPLOY, Resource, name_of
from tests.support.bus import eventually

REBUILD = str(DEPLOY / "kubernetes" / "rebuild")
OPERATE = str(DEPLOY / "kubernetes" / "operate")


@pytest.mark.parametrize("service", ["detector", "alerting"])
def test_a_rebuild_gives_back_the_replicas_that_there_were(production: Running, service: str) -> None:
    production.scale(service, 4)
    ended = production.cluster.run(REBUILD, service, user=NIGHT_SHIFT)
    assert ended.returncode == 0, ended.stderr
    assert production.kubelet.log in ended.stdout
    assert production.replicas(service) == 4
    assert _notes(production, service) == ({}, {})


def test_after_a_failure_another_rebuild_gives_back_the_replicas_that_there_were(production: Running) -> None:
    production.scale("alerting", 4)
    production.kubelet.fate = lambda pod: FAILED if _is_of_the_rebuild(pod) else usual_fate(pod)
    failed = production.cluster.run(REBUILD, "alerting", user=NIGHT_SHIFT)
    assert failed.returncode == 1
    assert "Run this again" in failed.stderr
    assert production.replicas("alerting") == 0
    assert production.pods("alerting") == []
    paused = {"autoscaling.keda.sh/paused": "true"}
    assert _notes(production, "alerting") == ({"railwatch/replicas": "4"}, paused)

    production.kubelet.fate = usual_fate
    again = production.cluster.run(REBUILD, "alerting", user=NIGHT_SHIFT)
    assert again.returncode == 0, again.stderr
    assert production.replicas("alerting") == 4
    assert _notes(production, "alerting") == ({}, {})


def test_nodes_may_be_drained_while_a_rebuild_runs(production: Running) -> None:
    """A budget that counted the pod of the Job could not say how many it should have, and would let no pod go."""
    with ThreadPoolExecutor() as beside:
        production.kubelet.fate = lambda pod: READY if _is_of_the_rebuild(pod) else usual_fate(pod)
        ended = beside.submit(production.cluster.run, REBUILD, "detector", user=NIGHT_SHIFT)
        eventually(lambda: production.cluster.get("jobs"), "the rebuild begins")
        eventually(lambda: _budget(production, "detector") == (0, 0, "InsufficientPods"), "the budget sees no pod")
        assert _budget(production, "alerting")[1] == 1
        production.kubelet.fate = usual_fate
        assert ended.result().returncode == 0, ended.result().stderr
    production.await_rollout("detector")
    eventually(lambda: _budget(production, "detector")[1] == 1, "a pod of the service may go")


def test_a_rebuild_by_someone_who_may_not_pause_the_autoscaler_changes_nothing(production: Running) -> None:
    before = production.replicas("alerting")
    ended = production.cluster.run(REBUILD, "alerting", user=NEWCOMER)
    assert ended.returncode == 1
    assert 'cannot get resource "scaledobjects"' in ended.stderr
    assert production.replicas("alerting") == before


def test_an_operator_s_command_runs_in_a_pod_that_is_admitted_and_ends_with_it(production: Running) -> None:
    words = ("detector", "dead-letters", "list", "--from", "2023-10-05")
    ended = production.cluster.run(OPERATE, *words, user=NIGHT_SHIFT)
    assert production.kubelet.asked[-1] == ["railwatch", *words[1:]]
    assert "nothing runs here" in ended.stderr
    eventually(lambda: not [pod for pod in production.pods("operator") if "-operate-" in name_of(pod)], "it is gone")


def _budget(running: Running, service: str) -> tuple[int, int, str]:
    """How many pods a service's budget counts, how many may go, and what it says of itself."""
    found = running.cluster.get("poddisruptionbudgets", "--field-selector", f"metadata.name=railwatch-{service}")
    status = found[0]["status"]
    return status["expectedPods"], status["disruptionsAllowed"], status["conditions"][0]["reason"]


def _is_of_the_rebuild(pod: Resource) -> bool:
    return name_of(pod).startswith("railwatch-rebuild-")


def _notes(running: Running, service: str) -> tuple[dict[str, str], dict[str, str]]:
    """The annotations of ours at the Deployment, and all at KEDA's object."""
    (deployment,) = running.cluster.get("deployment", "--field-selector", f"metadata.name=railwatch-{service}")
    (scaled,) = running.cluster.get("scaledobject", "--field-selector", f"metadata.name=railwatch-{service}")
    notes = deployment["metadata"].get("annotations", {})
    return (
        {key: value for key, value in notes.items() if key.startswith("railwatch/")},
        scaled["metadata"].get("annotations", {}),
    )
