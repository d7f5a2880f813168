"""`deploy/kubernetes/first-alert`, against a cluster that is made up."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.tests.fake_kubectl import Ended, run_script
from deploy.tests.rendering import DEPLOY, environment, name_of, of_kind, overlay, pod_templates
from railwatch.cli import app
from railwatch.demo.replay import STALLED_S
from railwatch.services.alerting.settings import AlertingSettings

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
    ended = _run(tmp_path, strimzi, "SuccessCriteriaMet Complete")
    assert ended.result.returncode == 0, ended.result.stderr
    assert [call for call in ended.calls if not call.startswith(("get", "logs"))] == [
        APPLIED,
        *(KAFKA if strimzi else []),
        *SERVED,
        *REPLAYED,
    ]
    assert "what the replay said" in ended.result.stdout


def test_a_replay_that_failed_is_told(tmp_path: Path) -> None:
    ended = _run(tmp_path, False, "FailureTarget Failed")
    assert ended.result.returncode == 1
    assert "The replay failed" in ended.result.stderr
    assert "what the replay said" in ended.result.stdout


@pytest.mark.parametrize("name", ["dev", "trial"])
def test_the_overlays_for_trials_have_what_it_starts_and_it_never_starts_by_itself(name: str) -> None:
    (replay,) = of_kind(overlay(name), "CronJob")
    assert name_of(replay) == "railwatch-replay"
    assert replay["spec"]["suspend"] is True


@pytest.mark.parametrize("name", ["dev", "trial"])
def test_the_replay_waits_longer_than_alerting_waits_for_other_frames(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("railwatch.demo.replay.rendering", lambda looks: nullcontext(()))
    monkeypatch.setattr("railwatch.demo.replay.replay", lambda *_, patience_s: waits.append(patience_s))
    assert CliRunner().invoke(app, ["replay"]).exit_code == 0
    assert waits[0] > AlertingSettings().scene_wait_s, "as where nothing is set, in production"
    alerting = environment(overlay(name), pod_templates(overlay(name))["railwatch-alerting"])
    assert float(alerting["RAILWATCH_ALERTING_SCENE_WAIT_S"]) < STALLED_S


def _run(directory: Path, strimzi: bool, conditions: str) -> Ended:
    answers = {
        '"get kafka"*': "kafka/railwatch" if strimzi else None,
        '"get job"*': conditions,
        "logs*": "what the replay said",
    }
    return run_script([str(DEPLOY / "kubernetes" / "first-alert"), "/some/overlay"], directory, answers)
