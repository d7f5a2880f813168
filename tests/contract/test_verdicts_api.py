"""The API of verdicts, as a page or a program of analysts sees it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.settings import AlertingSettings
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Car, TrackCount
from railwatch.shared.events import ActEvent, VerdictEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, count_event, judged, on_day, small_site
from tests.support.verdicts import CARS

SHARED = "a-token-that-many-have"
ALERT = alert_event().alert
LOOK = "/v1/sites/tumangang/looks/scene-3/verdicts"
PLACES = [{"lon": place.lon, "lat": place.lat, "tile": "r0c0", "track": "1"} for place in CARS]


@pytest.fixture
def store(redis_settings: RedisSettings) -> Store:
    found = Store(connect(redis_settings))

    def seed(transaction: Transaction) -> None:
        looks: tuple[Judgement, ...] = tuple(judged(day, 5.0) for day in range(1, 5))
        transaction.put_record(SiteRecord(history=History(judgements=looks)))
        transaction.announce([alert_event()])

    found.transact("tumangang", seed)
    return found


@pytest.fixture
def published() -> list[str]:
    return []


@pytest.fixture
def client(store: Store, tmp_path: Path, published: list[str]) -> TestClient:
    """A site with four looks and an alert. Ada has a token of her own."""
    blobs = BlobStore.open(BlobSettings(url=f"file://{tmp_path}/blobs"))
    archive = Archive(blobs.objects)
    cars = tuple(
        Car(lon=place.lon, lat=place.lat, length_m=14, probability=0.9, along_m=20.0 * n)
        for n, place in enumerate(CARS[:6])
    )
    track = TrackCount(track="1", count=6, low=5, high=8, length_m=2000, occupied_m=84, cars=cars)
    for day in (3, 900):
        archive.put(count_event(day, 5.4, reasons=["no-baseline"], tracks=[track]))
    token, entry = new_entry("ada", [Scope.VERDICT], [])
    (tmp_path / "tokens.yaml").write_text(entry)
    tokens = Tokens(tmp_path / "tokens.yaml", [SecretStr(SHARED)], [Scope.VERDICT])
    app = make_app(
        store,
        {"tumangang": small_site(), "najin": small_site("najin")},
        blobs,
        tokens,
        Progress(),
        {},
        publish=published.append,
        alerting=AlertingSettings(public_url="https://railwatch.example/"),
    )
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


def say(client: TestClient, path: str = LOOK, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_the_count_stays_and_the_look_shows_both(client: TestClient) -> None:
    say(client, kind="not-a-car", places=[PLACES[0]], reason="shadow")
    say(client, kind="missed-car", places=[PLACES[30]])
    say(client, kind="missed-car", places=[PLACES[31]])
    look = say(client, kind="right")
    assert (look["found"]["count"], look["found"]["low"], look["found"]["high"]) == (5.0, 3.0, 7.0)
    assert (look["found"]["cars"], look["false"], look["missed"], look["true"]) == (6, 1, 2, 7)
    assert "no-baseline" in look["found"]["conditions"]
    assert look["explained"]
    assert client.get(LOOK).json() == look
    (seen,) = (
        one for one in client.get("/v1/sites/tumangang/observations").json()["items"] if one["scene"] == "scene-3"
    )
    assert (seen["count"], seen["low"], seen["high"]) == (5.0, 3.0, 7.0)


def test_a_verdict_carries_the_name_of_the_token_and_is_published(
    client: TestClient, store: Store, published: list[str]
) -> None:
    before = datetime.now(UTC)
    look = say(client, kind="total", total=9, note="two behind the shed")
    (told,) = look["verdicts"]
    assert (told["by"], told["sender"], told["stands"]) == ("ada", "ada", True)
    assert told["sentence"] == (
        "ada says that the look of 4 March 2023 at Tumangang has 9 railcars: two behind the shed"
    )
    assert published == ["tumangang"]
    event, act = store.outbox("tumangang")[-2:]
    assert isinstance(event, VerdictEvent)
    assert isinstance(act, ActEvent)
    assert (act.act, act.by, act.sender, act.admission, act.event) == ("verdict", "ada", "ada", "token", event.id)
    assert event.recorded_at >= before
    assert (event.id, event.scene, event.total) == (told["id"], "scene-3", 9)
    assert event.page_url == "https://railwatch.example/sites/tumangang/looks/scene-3"


def test_of_a_shared_token_somebody_must_say_who_they_are(client: TestClient) -> None:
    client.headers["Authorization"] = f"Bearer {SHARED}"
    assert client.post(LOOK, json={"kind": "right"}).status_code == 422
    (told,) = say(client, kind="right", by="Bob")["verdicts"]
    assert (told["by"], told["sender"]) == ("Bob", None)


def test_what_was_said_can_be_taken_back_once_and_said_again(client: TestClient, store: Store) -> None:
    (first,) = say(client, kind="total", total=9)["verdicts"]
    look = say(client, kind="taken-back", takes_back=first["id"])
    assert (look["true"], [one["stands"] for one in look["verdicts"]]) == (None, [False, False])
    assert say(client, kind="taken-back", takes_back=first["id"]) == look, "the same again changes nothing"
    assert client.post(LOOK, json={"kind": "taken-back", "takes_back": "f" * 32}).status_code == 409
    again = say(client, kind="total", total=9)
    assert again["true"] == 9
    assert len({one["id"] for one in again["verdicts"]}) == len(store.verdicts("tumangang")) == 3


def test_the_same_again_changes_nothing(client: TestClient, store: Store) -> None:
    one = say(client, kind="missed-car", places=[PLACES[30]])
    assert say(client, kind="missed-car", places=[PLACES[30]]) == one
    assert len(store.verdicts("tumangang")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "not-a-car", "places": [PLACES[0]]},
        {"kind": "not-a-car", "reason": "snow"},
        {"kind": "one-car", "places": [PLACES[0]]},
        {"kind": "total"},
        {"kind": "right", "total": 3},
        {"kind": "total", "total": -1},
        {"kind": "unclear"},
        {"kind": "taken-back"},
        {"kind": "missed-car", "places": [{"lon": 400, "lat": 0}]},
        {"kind": "right", "note": "x" * 501},
        {"kind": "wonderful"},
    ],
)
def test_half_a_verdict_is_refused(client: TestClient, body: dict[str, Any], store: Store) -> None:
    answer = client.post(LOOK, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert store.verdicts("tumangang") == ()


def test_an_alert_is_judged(client: TestClient) -> None:
    path = f"/v1/alerts/{ALERT}/verdicts"
    told = say(client, path, kind="false", reason="wagon-body")
    assert told["judged"] == "false"
    assert told["verdicts"][0]["sentence"].endswith("at Tumangang is false, because of a wagon body used as a shed.")
    assert say(client, path, kind="right")["judged"] == "right"
    assert client.post(path, json={"kind": "total", "total": 3}).status_code == 422
    assert client.get("/v1/sites/tumangang/verdicts").json()["taught"]["alerts"]["right"] == 1


def test_a_second_look_needs_one_click(client: TestClient) -> None:
    for path in (LOOK, f"/v1/alerts/{ALERT}/verdicts"):
        assert say(client, path, kind="second-look")["verdicts"][0]["kind"] == "second-look"


def test_a_look_that_the_history_has_forgotten_can_still_be_judged(client: TestClient) -> None:
    look = say(client, "/v1/sites/tumangang/looks/scene-900/verdicts", kind="right")
    assert (look["found"]["count"], look["true"]) == (5.4, 6)


def test_what_does_not_exist_is_not_found(client: TestClient) -> None:
    for path in (
        "/v1/sites/tumangang/looks/nothing/verdicts",
        "/v1/sites/nowhere/looks/scene-3/verdicts",
        "/v1/sites/nowhere/verdicts",
        "/v1/alerts/nothing/verdicts",
    ):
        assert client.get(path).status_code == 404


def test_a_site_says_what_its_verdicts_teach(client: TestClient) -> None:
    assert client.get("/v1/sites/najin/verdicts").json()["taught"]["cars"] == []
    say(client, kind="not-a-car", places=[PLACES[0]], reason="shadow")
    say(client, kind="right")
    known = client.get("/v1/sites/tumangang/verdicts").json()
    everything = known["taught"]["cars"][0]
    assert (everything["condition"], everything["found"], everything["false"]) == ("all", 5, 1)
    assert 0.4 < everything["precision"]["low"] < everything["precision"]["at"] < everything["precision"]["high"] < 1
    assert known["taught"]["learned"]["looks"] == 1
    assert [one["kind"] for one in known["verdicts"]] == ["right", "not-a-car"]


@pytest.mark.parametrize("path", [LOOK, f"/v1/alerts/{ALERT}/verdicts"])
def test_only_who_may_judge_does(client: TestClient, store: Store, tmp_path: Path, path: str) -> None:
    for headers, status in (({"Authorization": ""}, 401), ({"Authorization": "Bearer wrong"}, 401)):
        assert client.post(path, json={"kind": "right"}, headers=headers).status_code == status
    for scopes, sites in (([Scope.READ, Scope.ACKNOWLEDGE], []), ([Scope.VERDICT], ["najin"])):
        token, entry = new_entry("bob", scopes, sites)
        (tmp_path / "tokens.yaml").write_text(entry)
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post(path, json={"kind": "right"}, headers=headers).status_code == 403
    assert store.verdicts("tumangang") == ()


def test_verdicts_come_after_all_counts_whatever_the_clocks_say(client: TestClient, store: Store) -> None:
    ahead = datetime(2999, 1, 1, tzinfo=UTC)
    look = judged(30, 5.0).model_copy(update={"counted_at": ahead})

    def seed(transaction: Transaction) -> None:
        held = transaction.record.history.judgements
        transaction.put_record(SiteRecord(history=History(judgements=(*held, look))))

    store.transact("tumangang", seed)
    say(client, kind="right")
    assert store.verdicts("tumangang")[0].recorded_at > ahead
    assert on_day(3) == store.verdicts("tumangang")[0].observed_at
