"""`deploy/kubernetes/first-alert` in an empty cluster of one node, by someone who may deploy and no more."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from deploy.tests.cluster.conftest import Running, running_cluster
from deploy.tests.cluster.control_plane import DEPLOYER
from deploy.tests.cluster.kubelet import FAILED, usual_fate
from deploy.tests.cluster.platform import path_of
from deploy.tests.rendering import DEPLOY, Resource, name_of, of_kind, overlay
from tests.support.bus import eventually

FIRST_ALERT = str(DEPLOY / "kubernetes" / "first-alert")
OF_STRIMZI = ("Kafka", "KafkaTopic", "KafkaUser")


@pytest.mark.parametrize("name", ["dev", "trial"])
def test_the_episode_is_replayed_once_each_time(name: str, tmp_path: Path) -> None:
    with running_cluster(tmp_path, {"only": "here"}) as running, ThreadPoolExecutor() as beside:
        running.kubelet.log = "what the replay said"
        first = beside.submit(running.cluster.run, FIRST_ALERT, path_of(name), user=DEPLOYER)
        if name == "trial":
            _be_strimzi(running)
        assert first.result().returncode == 0, first.result().stderr
        assert running.kubelet.log in first.result().stdout
        (job,) = running.cluster.get("jobs")
        assert (name_of(job), job["status"]["succeeded"]) == ("railwatch-first-alert", 1)

        again = running.cluster.run(FIRST_ALERT, path_of(name), user=DEPLOYER)
        assert again.returncode == 0, again.stderr
        (other,) = running.cluster.get("jobs")
        assert other["metadata"]["uid"] != job["metadata"]["uid"]
        assert other["status"]["succeeded"] == 1


def test_a_replay_that_fails_is_told(tmp_path: Path) -> None:
    with running_cluster(tmp_path, {"only": "here"}) as running:
        running.kubelet.fate = lambda pod: FAILED if name_of(pod).startswith("railwatch-first-") else usual_fate(pod)
        ended = running.cluster.run(FIRST_ALERT, path_of("dev"), user=DEPLOYER)
        assert ended.returncode == 1
        assert "The replay failed: see above." in ended.stderr


def _be_strimzi(running: Running) -> None:
    """Say that all that Strimzi should make is ready, as soon as it is asked for."""
    for resource in of_kind(overlay("trial"), *OF_STRIMZI):
        eventually(partial(_make_ready, running, resource), f"{resource['kind']} {name_of(resource)} is there")


def _make_ready(running: Running, resource: Resource) -> bool:
    """Whether the resource is there, and so was made ready."""
    patch = '--patch={"status": {"conditions": [{"type": "Ready", "status": "True"}]}}'
    named = (resource["kind"].lower(), name_of(resource), "--subresource=status", "--type=merge")
    return running.cluster.run("kubectl", "patch", *named, patch).returncode == 0
