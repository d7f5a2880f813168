"""What lies in Redis: whatever a version of this schema version has written, later ones read."""

import json
from pathlib import Path
from typing import Any

import pytest

from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.history.observations import TileReading
from railwatch.services.alerting.rule.judgement import Judgement, Observation, State
from railwatch.services.alerting.state.records import SceneRecord, SiteRecord, SiteStatus
from railwatch.services.alerting.state.schema_version import SCHEMA_VERSION
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.events import JudgedLook, Onset, Severity, Transition
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import on_day

# What this schema version held at its release, as one finds it in Redis. It changes only with the schema version.
RELEASED = Path(__file__).parent / "released" / f"alerting-state.v{SCHEMA_VERSION}.json"

QUIET = Judgement(
    scene="quiet", observed_at=on_day(1), count=7.0, low=6.0, high=8.0, coverage=0.9, state=State.LEARNING
)
SURGE = Judgement(
    scene="surge",
    observed_at=on_day(3),
    count=70.0,
    low=66.0,
    high=74.0,
    coverage=1.0,
    expected=7.5,
    threshold=14.0,
    p_value=1e-9,
    missing_tiles=("r0c1",),
    state=State.ALERT,
    exceeds=True,
    cusum=2.5,
    cusum_exceeds=True,
    transition=Transition.OPENED,
    reason="Above the threshold.",
    opened_at=on_day(3),
    onset=Onset(at=on_day(2), low=on_day(1), high=on_day(3)),
    archival=True,
)
SHADOWED = Observation(
    scene="other", observed_at=on_day(3), count=None, low=None, high=None, coverage=0.0, missing_tiles=("r0c1",)
)
ALERT = AlertRecord(
    alert="a1",
    opened_at=on_day(3),
    sequence=1,
    transition=Transition.OPENED,
    severity=Severity.CRITICAL,
    look_at=on_day(3),
    count=70.0,
    onset_on=on_day(2).date(),
)
HISTORY = History(judgements=(QUIET, SURGE), shadowed=(SHADOWED,), horizon=on_day(1), starts=(on_day(0),))
RECORD = SiteRecord(history=HISTORY, alerts=(ALERT,))
READING = TileReading(
    event="e1",
    recorded_at=on_day(4),
    observed_at=on_day(3),
    tiles_in_scene=("r0c0", "r0c1"),
    count=70.0,
    low=66.0,
    high=74.0,
    coverage=1.0,
)
SCENE = SceneRecord(readings={"r0c0": READING}, due_at=on_day(5))
STATUS = SiteStatus(
    state=State.ALERT,
    last_look_at=on_day(3),
    judged=JudgedLook(observed_at=on_day(3), count=70.0, low=66.0, high=74.0, coverage=1.0),
    alert="a1",
    look_due_at=on_day(9),
    clear_due_at=on_day(10),
)


def written(client: Any) -> dict[str, Any]:
    """What lies in Redis, as JSON."""
    lines = client.get("railwatch:alerting:judgements:tumangang")
    return {
        "judgements": [json.loads(line) for line in lines.splitlines()],
        "record": json.loads(client.get("railwatch:alerting:record:tumangang")),
        "scene": json.loads(client.hget("railwatch:alerting:scenes:tumangang", "surge")),
        "status": json.loads(client.hget("railwatch:alerting:sites", "tumangang")),
    }


def write(client: Any, state: dict[str, Any]) -> None:
    """The inverse of `written`."""
    lines = "".join(json.dumps(judgement) + "\n" for judgement in state["judgements"])
    client.set("railwatch:alerting:judgements:tumangang", lines)
    client.set("railwatch:alerting:record:tumangang", json.dumps(state["record"]))
    client.hset("railwatch:alerting:scenes:tumangang", "surge", json.dumps(state["scene"]))
    client.hset("railwatch:alerting:sites", "tumangang", json.dumps(state["status"]))


def read(client: Any) -> tuple[SiteRecord, SceneRecord | None, SiteStatus | None]:
    """What alerting takes from Redis."""
    scene = Store(client).transact("tumangang", lambda transaction: transaction.scene("surge"))
    return Store(client).record("tumangang"), scene, Store(client).status("tumangang")


def released() -> dict[str, Any]:
    state: dict[str, Any] = json.loads(RELEASED.read_text())
    return state


def with_unknown_fields(value: Any) -> Any:
    """The same, with one more field in each object that is not a map by id."""
    if isinstance(value, list):
        return [with_unknown_fields(item) for item in value]
    if isinstance(value, dict):
        more = {} if "r0c0" in value else {"added_later": {"by": ["another", "version"]}}
        return {**{name: with_unknown_fields(item) for name, item in value.items()}, **more}
    return value


def keep(transaction: Transaction) -> None:
    transaction.put_record(RECORD)
    transaction.put_scene("surge", SCENE, {})
    transaction.put_status(STATUS)


def test_what_is_kept_is_plain_json_and_is_read_again(redis_settings: RedisSettings) -> None:
    client = connect(redis_settings)
    Store(client).transact("tumangang", keep)
    assert written(client) == released()
    assert read(client) == (RECORD, SCENE, STATUS)


@pytest.mark.parametrize("changed", [lambda state: state, with_unknown_fields], ids=["released", "with-more-fields"])
def test_the_released_form_is_read_whatever_a_later_version_added(redis_settings: RedisSettings, changed: Any) -> None:
    client = connect(redis_settings)
    write(client, changed(released()))
    assert read(client) == (RECORD, SCENE, STATUS)


def test_a_look_without_any_optional_field_is_read(redis_settings: RedisSettings) -> None:
    client = connect(redis_settings)
    required = ("scene", "observed_at", "count", "low", "high", "coverage", "state")
    bare = [{name: judgement[name] for name in required} for judgement in released()["judgements"]]
    write(client, {**released(), "judgements": bare})
    looks = read(client)[0].history.judgements
    assert [(look.count, look.threshold, look.exceeds, look.onset) for look in looks] == [
        (7.0, None, False, None),
        (70.0, None, False, None),
    ]
