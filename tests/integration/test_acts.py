"""The log of acts on a real broker: what was answered with success is in it, and `railwatch audit` reads it."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from obstore.store import MemoryStore
from typer.testing import CliRunner, Result

from railwatch.cli import app as command
from railwatch.cli.audit import read_acts
from railwatch.cli.person import act_by
from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.history.lifecycle import record_of
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.services.detector.baselines import Baselines
from railwatch.shared.access import Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.letters import mark
from railwatch.shared.bus.recording import recorded
from railwatch.shared.errors import NotPublishedError, RailwatchError
from railwatch.shared.events import (
    ActEvent,
    ActKind,
    AlertEvent,
    BaselineChange,
    BaselineEvent,
    DeadLetter,
    Event,
    Settled,
)
from railwatch.shared.health import Progress
from railwatch.shared.proxy import ProxySettings, trusted
from railwatch.shared.schemas import example_path
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, alert_event, small_site

ALERT = "a" * 32
PROXY = {
    "person_header": "X-Person",
    "groups_header": "X-Groups",
    "secret": "what-only-the-proxy-knows",
    "roles": "desk=operator",
}
ADA = {
    "X-Person": "ada@desk.example",
    "X-Groups": "desk",
    "X-Railwatch-Proxy-Secret": "what-only-the-proxy-knows",
    "Sec-Fetch-Site": "same-origin",
}


@pytest.fixture(autouse=True)
def settings(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", kafka_settings.bootstrap_servers)
    monkeypatch.setenv("RAILWATCH_KAFKA_PREFIX", kafka_settings.prefix)


def audit(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["audit", *arguments])


def seed(transaction: Transaction, event: AlertEvent) -> None:
    transaction.put_record(SiteRecord(alerts=(record_of(event),)))
    transaction.announce([event])


def test_what_a_person_did_behind_a_proxy_is_in_the_log_when_they_are_answered(
    kafka_settings: KafkaSettings, redis_settings: RedisSettings, tmp_path: Path
) -> None:
    store, publisher = Store(connect(redis_settings)), Publisher(kafka_settings)
    store.transact("tumangang", partial(seed, event=alert_event(alert=ALERT)))
    tokens = Tokens(None, proxy=trusted(ProxySettings.model_validate(PROXY)))
    blobs = BlobStore.open(BlobSettings(url=tmp_path.as_uri()))
    sites = {"tumangang": small_site()}
    app = make_app(store, sites, blobs, tokens, Progress(), {}, publish=Announcer(store, publisher).publish)
    address = f"/v1/alerts/{ALERT}"
    with TestClient(app, headers=ADA) as client:
        assert client.post(f"{address}/acknowledge", json={"note": "On it."}).status_code == 200
        assert client.post(f"{address}/acknowledge", json={"note": "On it."}).status_code == 200
        assert client.post(f"{address}/verdicts", json={"kind": "right"}).status_code == 200
        (said,) = client.get(f"{address}/verdicts").json()["verdicts"]
        back = {"kind": "taken-back", "takes_back": said["id"]}
        assert client.post(f"{address}/verdicts", json=back).status_code == 200
        assert client.get(address).status_code == 200
        assert client.post(f"{address}/acknowledge", json={}, headers={"X-Groups": "staff"}).status_code == 403
    publisher.close()

    acts = read_acts(kafka_settings)
    assert [act.act for act in acts] == ["acknowledge", "verdict", "take-back"], (
        "the same again and reading are no acts"
    )
    assert {(act.by, act.sender, act.admission, act.site, act.about, act.outcome) for act in acts} == {
        ("ada@desk.example", None, "proxy", "tumangang", ALERT, "done")
    }
    assert "what-only-the-proxy-knows" not in "".join(act.model_dump_json() for act in acts)
    lines = audit("--json", "--site", "tumangang", "--by", "ada@desk.example").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(act.model_dump_json()) for act in acts]
    assert audit("--site", "najin").stdout == "0 acts.\n"
    assert audit("--to", "2020-01-01").stdout == "0 acts.\n"
    table = audit().stdout
    assert "take-back" in table
    assert table.endswith("3 acts.\n")


def test_an_act_without_an_event_is_in_the_log_before_anything_is_done_and_with_its_outcome(
    kafka_settings: KafkaSettings,
) -> None:
    publisher = Publisher(kafka_settings)
    done = act_by("ada", ActKind.RECOUNT, "tumangang", "tumangang")
    with recorded(publisher.publish, done):
        assert [act.outcome for act in read_acts(kafka_settings)] == ["ordered"]
    failed = act_by("eve", ActKind.REBUILD, "alerting")
    with pytest.raises(RailwatchError, match="no look"), recorded(publisher.publish, failed):
        raise RailwatchError("There is no look.")
    publisher.close()
    assert [(act.by, act.outcome) for act in read_acts(kafka_settings)] == [
        ("ada", "ordered"),
        ("ada", "done"),
        ("eve", "ordered"),
        ("eve", "failed"),
    ]
    table = audit().stdout
    assert "ordered" not in table, "the table shows how it ended"
    assert table.endswith("2 acts.\n")


def test_nothing_is_done_that_cannot_be_recorded_and_what_was_done_stays_done() -> None:
    taken: list[Event] = []
    act = act_by("ada", ActKind.REBUILD, "alerting")

    def away(event: ActEvent) -> None:
        raise NotPublishedError("Kafka did not acknowledge.")

    with pytest.raises(NotPublishedError), recorded(away, act):
        taken.append(act)
    assert taken == []

    def away_at_the_end(event: ActEvent) -> None:
        if taken:
            away(event)
        taken.append(event)

    with recorded(away_at_the_end, act):
        pass
    assert [event.outcome for event in taken if isinstance(event, ActEvent)] == ["ordered"]


def test_a_dead_letter_that_is_dropped_is_in_the_log(kafka_settings: KafkaSettings) -> None:
    letter = DeadLetter(recorded_at=RECORDED, service="ingest", reason="no-tiff", detail="No TIFF.", subject="a.tif")
    publisher = Publisher(kafka_settings)
    mark(letter, publisher, Settled(how="dropped", at=datetime.now(UTC), by="ada", why="A test."))
    publisher.close()
    (act,) = read_acts(kafka_settings)
    assert (act.act, act.by, act.admission, act.about) == ("dead-letter-drop", "ada", "command", letter.id)
    assert act.detail == "no-tiff: A test."


@pytest.mark.parametrize(
    ("change", "by", "recorded_as"),
    [
        (BaselineChange.SET, "ada", [("baseline-set", "done")]),
        (BaselineChange.RENEWED, "ada", [("baseline-rebuild", "done")]),
        (BaselineChange.KEPT, "ada", [("baseline-rebuild", "failed")]),
        (BaselineChange.FORGOTTEN, "ada", [("baseline-forget", "done")]),
        (BaselineChange.RENEWED, "railwatch", []),
        (BaselineChange.SET, "ingest (api)", []),
    ],
)
def test_what_a_person_decides_about_a_baseline_is_in_the_log_and_what_the_detector_does_itself_is_not(
    kafka_settings: KafkaSettings,
    redis_settings: RedisSettings,
    change: BaselineChange,
    by: str,
    recorded_as: list[tuple[str, str]],
) -> None:
    example = BaselineEvent.model_validate_json(example_path(BaselineEvent.TYPE).read_bytes())
    baselines, publisher = Baselines(connect(redis_settings)), Publisher(kafka_settings)
    event = example.model_copy(update={"change": change, "by": by, "why": "A test."})
    stays = change is BaselineChange.KEPT
    earlier = range(1, event.version + 1 if stays else event.version)
    baselines.restore(event.site, event.tile, dict.fromkeys(earlier, event.baseline))
    assert baselines.change(event)
    baselines.publish(publisher, MemoryStore())
    publisher.close()
    acts = read_acts(kafka_settings)
    assert [(act.act, act.outcome) for act in acts] == recorded_as
    assert all((act.by, act.admission, act.event) == ("ada", "command", event.id) for act in acts)
