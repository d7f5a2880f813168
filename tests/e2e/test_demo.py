"""The demo runs to its end, writes its summary, and stops what it started, even if something fails."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from railwatch.demo.episode import BASELINE, LOOKS
from railwatch.demo.facts import FACTS_BASELINE, FACTS_LOOKS
from railwatch.demo.replay import Observation, ReplayProgress, Scenes, replay
from railwatch.demo.run import Episode, run_demo
from railwatch.demo.system import System
from railwatch.shared.errors import RailwatchError

TWO_LOOKS = Episode("two looks", BASELINE, LOOKS[:2])
TWO_REPORTED = Episode("two reported looks", FACTS_BASELINE, FACTS_LOOKS[:2], on_facts=True)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[System]:
    """Every system that the demo starts."""
    systems: list[System] = []

    def noted(system: System, scenes: Scenes, show: Callable[[ReplayProgress], None]) -> list[Observation]:
        systems.append(system)
        return replay(system, scenes, show)

    monkeypatch.setattr("railwatch.demo.run.replay", noted)
    return systems


def test_the_demo_ends_by_itself_with_a_summary_and_nothing_left_running(started: list[System], tmp_path: Path) -> None:
    console = Console(record=True, width=120)
    run_demo(console, keep=False, output=tmp_path, episode=TWO_LOOKS)
    document = json.loads((tmp_path / "summary.json").read_text())
    assert [look["observed_at"][:10] for look in document["observations"]] == ["2023-03-07", "2023-03-12"]
    assert all(look["low"] <= look["count"] <= look["high"] for look in document["observations"])
    assert document["alerts"] == []
    shown = console.export_text()
    assert "07 Mar" in shown
    assert "No alert was raised" in shown
    (system,) = started
    assert all(process.poll() == 0 for process in system.processes.values())


def test_a_service_that_dies_ends_the_demo_with_one_sentence_and_its_log(
    started: list[System], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(progress: ReplayProgress) -> str:
        started[0].processes["alerting"].kill()
        return ""

    monkeypatch.setattr("railwatch.demo.run.last_judged", killed)
    with pytest.raises(RailwatchError, match=r"alerting ended by itself with exit code -9; its log is .*alerting\.log"):
        run_demo(Console(record=True), keep=False, output=tmp_path, episode=TWO_LOOKS)
    assert all(process.poll() is not None for process in started[0].processes.values())


def test_the_demo_on_facts_compares_its_counts_with_the_reports(started: list[System], tmp_path: Path) -> None:
    console = Console(record=True, width=160)
    run_demo(console, keep=False, output=tmp_path, episode=TWO_REPORTED)
    told = {entry["date"]: entry for entry in json.loads((tmp_path / "summary.json").read_text())["reports"]}
    assert told["2022-10-28"]["verdict"] == "agrees; learning"
    assert told["2022-11-04"]["verdict"] == "agrees; learning"
    assert told["2022-11-08"]["verdict"] == "no look"
    assert "Public reports" in console.export_text()
