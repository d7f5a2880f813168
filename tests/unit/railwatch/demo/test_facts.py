"""The episode on facts is what was published: the days of the reports, their numbers, and the real share of clouds."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.demo.episode import LOOKS, trains
from railwatch.demo.facts import FACTS_LOOKS, ROOM, Report, reports, verdicts

BY_DAY = {look.at.date(): look for look in FACTS_LOOKS}
ONSET = {"at": "2023-09-19T00:00:00Z", "low": "2023-09-17T02:20:00Z", "high": "2023-09-22T02:37:00Z"}
OPENED: dict[str, Any] = {
    "opened_at": "2023-09-22T02:37:00Z",
    "state": "standing",
    "onset": ONSET,
}


def judged(day: str, count: float | None, low: float = 0, high: float = 0) -> dict[str, Any]:
    return {"observed_at": f"{day}T02:00:00Z", "count": count, "low": low, "high": high, "state": "alert"}


def verdict(day: str, looks: list[dict[str, Any]], *alerts: dict[str, Any]) -> str:
    found = {report.on: verdict for report, _, verdict in verdicts(looks, [{"alert": alert} for alert in alerts])}
    return found[date.fromisoformat(day)]


def test_every_reported_count_is_rendered_on_its_day_under_a_clear_sky() -> None:
    counted = [report for report in reports() if report.unit == "cars"]
    assert len(counted) == 13
    for report in counted:
        look = BY_DAY[report.on]
        assert look.sky == "clear"
        assert report.low is not None
        assert report.high is not None
        assert min(report.low, ROOM) <= look.cars <= report.high


def test_some_thirty_percent_of_days_are_overcast() -> None:
    assert 0.25 <= sum(look.sky == "overcast" for look in FACTS_LOOKS) / len(FACTS_LOOKS) <= 0.35


def test_looks_come_in_order_and_have_their_cars() -> None:
    days = [look.at for look in FACTS_LOOKS]
    assert days == sorted(days)
    assert {look.scene: len(trains(FACTS_LOOKS)[look.scene]) for look in FACTS_LOOKS} == {
        look.scene: look.cars for look in FACTS_LOOKS
    }


def test_the_short_episode_stays_short() -> None:
    assert len(LOOKS) == 33


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (judged("2023-10-05", 70, 66, 74), "agrees; alert"),
        (judged("2023-10-05", 60, 55, 65), "DIFFERS; alert"),
        (judged("2023-10-05", None), "not seen: overcast"),
        (judged("2023-10-06", 70, 66, 74), "no look"),
    ],
)
def test_a_report_agrees_if_the_interval_touches_it(look: dict[str, Any], words: str) -> None:
    assert verdict("2023-10-05", [look]) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "agrees; alert on 22 Sep, standing at the end"),
        ({"opened_at": "2023-10-01T02:39:00Z"}, "DIFFERS; alert on 01 Oct"),
        ({"onset": {**ONSET, "low": "2023-09-20T00:00:00Z"}}, "DIFFERS"),
        ({"onset": {**ONSET, "high": "2023-09-17T00:00:00Z"}}, "DIFFERS"),
    ],
)
def test_the_rise_agrees_if_one_alert_opens_in_time_and_holds_its_day(changes: dict[str, Any], words: str) -> None:
    before = {**OPENED, "opened_at": "2023-02-02T02:38:00Z", "state": "resolved"}
    assert verdict("2023-09-18", [], before, {**OPENED, **changes}).startswith(words)


def test_two_alerts_for_one_rise_do_not_agree() -> None:
    again = {**OPENED, "opened_at": "2024-04-08T02:41:00Z"}
    assert verdict("2023-09-18", [], OPENED, again).startswith("DIFFERS")


def test_reports_are_read_as_they_are_written() -> None:
    assert reports()[0] == Report(
        date(2022, 10, 28), 7, 7, "cars", "VOA (Planet imagery)", "one train at a time that stays two to four days"
    )


def test_the_rule_finds_the_rise_in_what_was_reported_and_lets_the_winter_pass(tmp_path: Path) -> None:
    """The rule alone, on the numbers of cars that are rendered, seen with an error of 6 %."""
    lines = ["observed_at,count,low,high,coverage"]
    for look in FACTS_LOOKS:
        off = max(1, round(0.06 * look.cars))
        seen = f"{look.cars},{max(0, look.cars - off)},{look.cars + off},1"
        lines.append(f"{look.at.isoformat()},{',,,0' if look.sky == 'overcast' else seen}")
    (tmp_path / "counts.csv").write_text("\n".join(lines) + "\n")
    done = CliRunner().invoke(app, ["alerts", str(tmp_path / "counts.csv"), "--json"])
    found = {line["observed_at"][:10]: line for line in map(json.loads, done.stdout.splitlines())}
    states = {day: line["state"] for day, line in found.items() if line["state"] != "unobserved"}

    alerting = [day for day, state in states.items() if state == "alert"]
    assert alerting[0] == "2023-02-02", "thirty cars where there were twelve at most, for less than a week"
    assert states["2023-02-08"] == "normal"
    assert alerting[1] == "2023-09-22", "the first clear look of the rise"
    assert all(state == "alert" for day, state in states.items() if day >= "2023-09-22"), "one alert, to the end"
    assert found["2023-09-22"]["onset"] == "2023-09-18"
