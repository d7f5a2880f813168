"""What the demo writes is what other programs read."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from railwatch.demo import report
from railwatch.demo.episode import LOOKS
from railwatch.demo.replay import push
from railwatch.shared.errors import RailwatchError

LOOK = {
    "scene": "s2",
    "observed_at": "2023-10-05T02:19:00Z",
    "count": 69.0,
    "low": 65.0,
    "high": 73.0,
    "coverage": 1.0,
    "threshold": 24.3,
    "state": "alert",
}
CLOUDED = {**LOOK, "scene": "s1", "observed_at": "2023-04-18T01:49:00Z", "state": "unobserved"} | dict.fromkeys(
    ("count", "low", "high", "threshold")
)
RENDERED = {"s1": 7, "s2": 70}
DETAIL: dict[str, Any] = {
    "alert": {
        "alert": "a1",
        "state": "standing",
        "severity": "critical",
        "opened_at": "2023-09-22T02:27:00Z",
        "onset": {"at": "2023-09-18T02:13:00Z", "low": "2023-09-16T03:08:00Z", "high": "2023-09-22T02:27:00Z"},
        "sentence": "Tumangang: 69 railcars.",
    },
    "event": {
        "context": [{"title": "Kim-Putin meeting", "at": "2023-09-13T04:00:00Z", "lag_days": 4.9}],
        "evidence": [
            {"scene": "s2", "tile": "r0c0", "pictures": {"cars": {"sha256": "ab", "media_type": "image/png"}}}
        ],
    },
    "transitions": [{"transition": "opened", "look": LOOK, "reason": "above"}],
}


def test_the_summary_has_the_agreed_fields_and_labels_what_was_rendered() -> None:
    document = json.loads(json.dumps(report.summary([CLOUDED, LOOK], [DETAIL], RENDERED)))
    assert document["observations"][0]["count"] is None
    last = document["observations"][1]
    assert {name: last[name] for name in ("observed_at", "count", "low", "high", "coverage", "threshold")} == {
        name: LOOK[name] for name in ("observed_at", "count", "low", "high", "coverage", "threshold")
    }
    assert last["rendered_count"] == 70
    (alert,) = document["alerts"]
    assert alert["id"] == "a1"
    assert alert["opened_at"] == "2023-09-22T02:27:00Z"
    assert alert["onset"] == "2023-09-18T02:13:00Z"
    assert alert["onset_low"] < alert["onset"] < alert["onset_high"]
    assert alert["sentence"] == "Tumangang: 69 railcars."


def test_the_table_shows_a_clouded_look_as_unobserved_never_as_zero() -> None:
    console = Console(record=True, width=120)
    console.print(report.looks_table([CLOUDED, LOOK], RENDERED))
    clouded, last = (line for line in console.export_text().splitlines() if "Apr" in line or "Oct" in line)
    assert "unobserved" in clouded
    assert " 0 " not in clouded
    for expected in ("69", "65 to 73", "24", "alert"):
        assert expected in last


def test_the_alert_is_printed_with_onset_lag_and_the_paths_of_its_pictures(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/alerts/a1/pictures/ab"
        return httpx.Response(200, content=b"picture")

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://alerting") as client:
        saved = report.save_evidence(client, DETAIL, tmp_path / "evidence")
    assert [path.name for path in saved] == ["s2-r0c0-cars.png"]
    assert saved[0].read_bytes() == b"picture"
    console = Console(record=True, width=120)
    report.print_alert(console, DETAIL, saved)
    printed = console.export_text()
    for expected in ("22 September 2023", "18 September", "+4.9 days from: Kim-Putin meeting", "s2-r0c0-cars.png"):
        assert expected in printed


def test_a_scene_that_ingest_refuses_ends_the_replay_with_its_words() -> None:
    refuse = httpx.MockTransport(lambda request: httpx.Response(422, json={"detail": "the scene has no CRS"}))
    with (
        httpx.Client(transport=refuse, base_url="http://ingest") as client,
        pytest.raises(RailwatchError, match=r"tumangang-20230307: 422 .*no CRS"),
    ):
        push(client, LOOKS[0], b"II*")
