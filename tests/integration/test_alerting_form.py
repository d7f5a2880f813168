"""State that another version of alerting wrote: it is not touched, and `railwatch rebuild` makes it readable."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from railwatch.embedded import free_port
from railwatch.services.alerting.history.entries import Entries, Entry
from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.history.observations import Observation, TileReading
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.services.alerting.state.schema_version import FORM, FORM_KEY
from railwatch.services.alerting.state.store import Windows
from railwatch.services.alerting.state.transaction import UNDECODED, SceneRecord, SiteStatus, SiteView, Window
from railwatch.shared.bus import Publisher
from railwatch.shared.events import JudgedLook, Severity, Transition
from railwatch.shared.settings import KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import count_event, on_day, write_site
from tests.support.bus import eventually

RAILWATCH = (sys.executable, "-c", "from railwatch.cli import main; main()")

JUDGEMENT = Judgement(
    observed_at=on_day(3),
    count=70.0,
    low=66.0,
    high=74.0,
    coverage=1.0,
    state=State.ALERT,
    expected=7.5,
    threshold=14.0,
    p_value=1e-9,
    exceeds=True,
    sustained=True,
    cusum=2.5,
    transition=Transition.OPENED,
    reason="Above the threshold.",
    opened_at=on_day(3),
    onset=None,
)
SHADOWED = Observation(
    scene="other", observed_at=on_day(3), count=None, low=None, high=None, coverage=0.0, missing_tiles=("r0c1",)
)
RECORD = AlertRecord(
    alert="a1",
    opened_at=on_day(3),
    sequence=1,
    transition=Transition.OPENED,
    severity=Severity.CRITICAL,
    look_at=on_day(3),
    count=70.0,
    onset_on=on_day(2).date(),
)
ENTRY = Entry(scene="surge", judgement=JUDGEMENT, missing_tiles=("r0c1",), archival=True)
HISTORY = History(entries=Entries.of([ENTRY]), shadowed=(SHADOWED,), horizon=on_day(1), starts=(on_day(0),))
WINDOW = Window(history=HISTORY, alerts=(RECORD,))
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


def written(redis_settings: RedisSettings) -> dict[str, Any]:
    """What lies in Redis once a site's state has been kept."""
    client: Any = connect(redis_settings)

    def keep(view: SiteView) -> None:
        view.put_window(WINDOW)
        view.put_scene("surge", SCENE, {})
        view.put_status(STATUS)

    Windows(client).transact("tumangang", keep)
    looks = client.execute_command("GET", "railwatch:alerting:looks:tumangang", **UNDECODED)
    labels = str(client.get("railwatch:alerting:labels:tumangang"))
    return {
        "looks": base64.b64encode(looks).decode(),
        "labels": json.loads(f"[{labels.removesuffix(',')}]"),
        "window": json.loads(str(client.get("railwatch:alerting:window:tumangang"))),
        "scene": json.loads(str(client.hget("railwatch:alerting:scenes:tumangang", "surge"))),
        "status": json.loads(str(client.hget("railwatch:alerting:sites", "tumangang"))),
    }


def missing(url: str) -> list[str] | None:
    """What the service says that it waits for; nothing while it does not listen."""
    try:
        found: list[str] = httpx.get(f"{url}/readyz", timeout=30).json()["missing"]
    except httpx.TransportError:
        return None
    return found


def test_whoever_changes_what_is_kept_raises_the_form(redis_settings: RedisSettings) -> None:
    released = Path(__file__).parents[1] / "contract" / "released" / f"alerting-state.form-{FORM}.json"
    assert written(redis_settings) == json.loads(released.read_text())


def test_alerting_waits_before_another_versions_state_until_it_is_rebuilt(
    tmp_path: Path,
    kafka_environment: dict[str, str],
    kafka_settings: KafkaSettings,
    redis_environment: dict[str, str],
    redis_settings: RedisSettings,
) -> None:
    client = connect(redis_settings)
    theirs = {FORM_KEY: str(FORM + 1), "railwatch:alerting:window:tumangang": "what only the other version can read"}
    client.mset(theirs)
    publisher = Publisher(kafka_settings)
    publisher.publish(count_event(0, 7))
    publisher.close()
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": (tmp_path / "store").as_uri(),
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
        "RAILWATCH_HTTP_PORT": url.rpartition(":")[2],
    }
    service = subprocess.Popen([*RAILWATCH, "alerting"], env=environment)
    try:
        eventually(lambda: "state" in (missing(url) or ()), "alerting says what it waits for")
        assert {name: client.get(name) for name in theirs} == theirs, "what it cannot read it does not touch"
        rebuild = subprocess.run([*RAILWATCH, "rebuild", "alerting"], env=environment, check=True, capture_output=True)
        assert b"tumangang: 1 looks" in rebuild.stdout
        eventually(lambda: missing(url) == [], "it goes on by itself")
        (look,) = httpx.get(f"{url}/v1/sites/tumangang/observations").json()["items"]
        assert look["count"] == 7
    finally:
        service.terminate()
        assert service.wait(60) == 0
