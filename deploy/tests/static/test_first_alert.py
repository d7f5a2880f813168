"""`deploy/kubernetes/first-alert`, against a cluster that is made up."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.tests.rendering import DEPLOY, name_of, of_kind, overlay

APPLIED = "apply --server-side --kustomize /some/overlay"
SERVED = [f"rollout status deployment/railwatch-{name} --timeout 10m" for name in ("ingest", "detector", "alerting")]
REPLAYED = [
    "delete job railwatch-first-alert --ignore-not-found",
    "create job railwatch-first-alert --from cronjob/railwatch-replay",
]
KAFKA = [
    "wait kafka/railwatch --for condition=Ready --timeout 15m",
    "wait kafkatopic,kafkauser --all --for condition=Ready --timeout 5m",
]


@pytest.mark.parametrize("strimzi", [True, False])
def test_it_waits_for_all_that_runs_and_then_replays(strimzi: bool, tmp_path: Path) -> None:
    ended, calls = _run(tmp_path, strimzi, "SuccessCriteriaMet Complete")
    assert ended.returncode == 0, ended.stderr
    assert [call for call in calls if not call.startswith(("get", "logs"))] == [
        APPLIED,
        *(KAFKA if strimzi else []),
        *SERVED,
        *REPLAYED,
    ]
    assert "what the replay said" in ended.stdout


def test_a_replay_that_failed_is_told(tmp_path: Path) -> None:
    ended, _ = _run(tmp_path, False, "FailureTarget Failed")
    assert ended.returncode == 1
    assert "The replay failed" in ended.stderr
    assert "what the replay said" in ended.stdout


@pytest.mark.parametrize("name", ["dev", "trial"])
def test_the_overlays_for_trials_have_what_it_starts_and_it_never_starts_by_itself(name: str) -> None:
    (replay,) = of_kind(overlay(name), "CronJob")
    assert name_of(replay) == "railwatch-replay"
    assert replay["spec"]["suspend"] is True


def _run(directory: Path, strimzi: bool, conditions: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run it. Returns how it ended, and what it asked of kubectl."""
    kubectl = directory / "kubectl"
    kubectl.write_text(
        f"""#!/bin/sh
shift 2
echo "$@" >>{directory}/calls
case "$*" in
"get kafka"*) {"echo kafka/railwatch" if strimzi else "exit 1"} ;;
"get job"*) echo {conditions} ;;
logs*) echo what the replay said ;;
esac
"""
    )
    kubectl.chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}"}
    command = [str(DEPLOY / "kubernetes" / "first-alert"), "/some/overlay"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended, (directory / "calls").read_text().splitlines()
