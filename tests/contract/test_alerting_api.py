"""Alerting's JSON API, as a program sees it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.rule.judgement import Observation, State
from railwatch.services.alerting.state.records import SiteRecord, SiteStatus
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.services.alerting.views import AlertView
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.events import EvidenceItem, Severity, Transition
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, alert_event, blob, judged, on_day, small_site

TOKEN = "a-token-of-the-duty-desk"
TOKENS = Tokens(None, [SecretStr(TOKEN)], Scope)
STORE = BlobStore.open(BlobSettings(url="memory://"))
PICTURE = b"\x89PNG picture of cars"
LATER = "f" * 32
EARLIER = "e" * 32


@pytest.fixture(scope="module")
def picture_ref() -> BlobRef:
    return STORE.put(PICTURE, "image/png")


@pytest.fixture
def client(redis_settings: RedisSettings, picture_ref: BlobRef) -> TestClient:
    """Two sites; one of them with thirty looks, an alert that ended and one that stands."""
    store = Store(connect(redis_settings))
    looks = tuple(judged(day, 5 + day % 3) for day in range(30))
    record = AlertRecord(
        alert=LATER,
        opened_at=on_day(300),
        sequence=1,
        transition=Transition.OPENED,
        severity=Severity.CRITICAL,
        look_at=on_day(300),
        count=25,
        onset_on=None,
    )
    status = SiteStatus(state=State.ALERT, last_look_at=on_day(29), judged=looks[-1], alert=LATER)
    evidence = EvidenceItem(
        tile="r0c0",
        scene="scene-29",
        image=blob("tile", "image/tiff"),
        baseline=None,
        pictures={"cars": picture_ref, "gone": blob("gone"), "page": blob("page", "text/html")},
        algorithm="railwatch 1",
    )
    opened = alert_event(alert=EARLIER)
    ended = alert_event(Transition.RESOLVED, alert=EARLIER, sequence=2, recorded_at=RECORDED + timedelta(days=1))
    standing = alert_event(alert=LATER, severity=Severity.CRITICAL).model_copy(
        update={"opened_at": on_day(300), "evidence": (evidence,)}
    )

    def seed(transaction: Transaction) -> None:
        transaction.put_record(SiteRecord(history=History(judgements=looks), alerts=(record,)))
        transaction.put_status(status)
        transaction.announce([opened, ended, standing])

    store.transact("tumangang", seed)
    sites = {site: small_site(site) for site in ("tumangang", "najin")}
    return TestClient(make_app(store, sites, STORE, TOKENS, Progress(), {}))


def test_all_sites_are_listed_with_how_they_stand(client: TestClient) -> None:
    najin, tumangang = client.get("/v1/sites").json()["items"]
    assert (najin["id"], najin["status"]) == ("najin", None)
    assert (tumangang["status"]["state"], tumangang["status"]["alert"]) == ("alert", LATER)
    assert tumangang["status"]["judged"]["count"] == 7
    assert client.get("/v1/sites/tumangang").json() == tumangang


def test_observations_come_page_by_page_newest_first(client: TestClient) -> None:
    address, seen = "/v1/sites/tumangang/observations?limit=12", []
    while address:
        page = client.get(address).json()
        seen += [item["observed_at"] for item in page["items"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == 30
    assert seen == sorted(seen, reverse=True)


def test_what_a_newer_delivery_replaced_is_listed(redis_settings: RedisSettings, client: TestClient) -> None:
    store = Store(connect(redis_settings))
    record = store.record("tumangang")
    before = Observation(scene="before", observed_at=on_day(29), count=6, low=5, high=7, coverage=1.0)
    history = record.history.model_copy(update={"shadowed": (before,)})
    store.transact(
        "tumangang", lambda transaction: transaction.put_record(record.model_copy(update={"history": history}))
    )
    page = client.get("/v1/sites/tumangang/observations?limit=1").json()
    assert [item["scene"] for item in page["left_out"]] == ["before"]
    assert client.get(page["next"]).json()["left_out"] == []


def test_an_observation_says_how_it_was_judged(client: TestClient) -> None:
    item = client.get("/v1/sites/tumangang/observations?limit=1").json()["items"][0]
    assert item["scene"] == "scene-29"
    assert (item["count"], item["threshold"], item["state"], item["missing_tiles"]) == (7, 20.0, "normal", [])


def test_observations_can_be_asked_for_by_time(client: TestClient) -> None:
    window = {"from": on_day(3).isoformat(), "to": on_day(6).isoformat()}
    items = client.get("/v1/sites/tumangang/observations", params=window).json()["items"]
    assert [item["scene"] for item in items] == ["scene-5", "scene-4", "scene-3"]


def test_alerts_are_listed_last_opened_first_and_can_be_filtered(client: TestClient) -> None:
    def listed(**query: str) -> list[str]:
        return [item["alert"] for item in client.get("/v1/alerts", params=query).json()["items"]]

    assert listed() == [LATER, EARLIER]
    assert listed(state="standing") == [LATER]
    assert listed(state="resolved") == [EARLIER]
    assert listed(state="retracted") == []
    assert listed(site="najin") == []
    assert listed(site="tumangang", to=on_day(250).isoformat()) == [EARLIER]
    assert listed(**{"from": on_day(250).isoformat()}) == [LATER]


def test_an_alert_names_its_picture_and_a_site_its_context(client: TestClient, picture_ref: BlobRef) -> None:
    later, earlier = client.get("/v1/alerts").json()["items"]
    assert later["picture_url"].endswith(f"/v1/alerts/{LATER}/pictures/{picture_ref.sha256}")
    assert earlier["picture_url"] is None, "it has no picture"
    assert client.get("/v1/sites/tumangang").json()["context"] == [
        {"title": event.title, "at": event.at.isoformat().replace("+00:00", "Z")} for event in small_site().events
    ]


def test_a_picture_is_where_alerting_is_reached_whatever_its_path_is_called(picture_ref: BlobRef) -> None:
    image = blob("tile", "image/tiff")
    item = EvidenceItem(
        tile="r0c0", scene="s", image=image, baseline=None, pictures={"cars": picture_ref}, algorithm="a"
    )
    page = {"page_url": f"https://ops.example/alerts/alerts/{LATER}", "evidence": (item,)}
    view = AlertView.of(alert_event(alert=LATER).model_copy(update=page), None)
    assert view.picture_url == f"https://ops.example/alerts/v1/alerts/{LATER}/pictures/{picture_ref.sha256}"


def test_alerts_come_page_by_page(client: TestClient) -> None:
    first = client.get("/v1/alerts?limit=1&site=tumangang").json()
    second = client.get(first["next"]).json()
    assert [item["alert"] for page in (first, second) for item in page["items"]] == [LATER, EARLIER]
    assert second["next"] is None


def test_one_alert_lists_its_transitions(client: TestClient) -> None:
    detail = client.get(f"/v1/alerts/{EARLIER}").json()
    assert detail["alert"]["state"] == "resolved"
    assert [step["transition"] for step in detail["transitions"]] == ["opened", "resolved"]
    assert detail["event"]["sentence"].startswith("Tumangang: 25 railcars")


def test_a_picture_behind_an_alert_is_served_for_good(client: TestClient, picture_ref: BlobRef) -> None:
    address = f"/v1/alerts/{LATER}/pictures/{picture_ref.sha256}"
    answer = client.get(address)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PICTURE, "image/png")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "sha256",
    [
        blob("tile", "image/tiff").sha256,
        blob("page", "text/html").sha256,
        blob("gone").sha256,
        "0" * 64,
        "..%2f..%2fetc",
    ],
)
def test_nothing_but_the_pictures_of_an_alert_is_served(client: TestClient, sha256: str) -> None:
    assert client.get(f"/v1/alerts/{LATER}/pictures/{sha256}").status_code == 404


def test_a_picture_is_served_only_with_its_own_alert(client: TestClient, picture_ref: BlobRef) -> None:
    assert client.get(f"/v1/alerts/{EARLIER}/pictures/{picture_ref.sha256}").status_code == 404


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/v1/sites/nowhere", 404, "nowhere"),
        ("/v1/sites/nowhere/observations", 404, "nowhere"),
        ("/v1/alerts/none", 404, "none"),
        ("/v1/alerts?after=none", 404, "none"),
        ("/v1/alerts?limit=0", 422, "limit"),
        ("/v1/alerts?state=sleeping", 422, "state"),
        ("/v1/sites/tumangang/observations?from=yesterday", 422, "from"),
        ("/v1/sites/tumangang/observations?from=2023-01-01T00:00:00", 422, "timezone"),
        ("/v2/alerts", 404, "Not Found"),
    ],
)
def test_errors_are_problem_details(client: TestClient, address: str, status: int, words: str) -> None:
    answer = client.get(address)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text


def test_without_redis_the_api_asks_to_try_again_later() -> None:
    nobody = connect(RedisSettings(url="redis://127.0.0.1:1/0"))
    client = TestClient(make_app(Store(nobody), {}, STORE, TOKENS, Progress(), {}))
    answer = client.get("/v1/alerts")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"


AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def test_an_alert_that_stands_can_be_acknowledged_and_silenced(client: TestClient) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    said = {"by": "Ada", "note": "checking with the desk"}
    acknowledged = client.post(f"/v1/alerts/{LATER}/acknowledge", json=said, headers=AUTHORIZED)
    silenced = client.post(
        f"/v1/alerts/{LATER}/silence", json={"by": "Ada", "until": until.isoformat()}, headers=AUTHORIZED
    )
    assert (acknowledged.status_code, silenced.status_code) == (200, 200)
    assert silenced.json()["state"] == "standing"
    steps = client.get(f"/v1/alerts/{LATER}").json()["transitions"]
    assert [step["transition"] for step in steps] == ["opened", "acknowledged", "silenced"]
    assert [step["sequence"] for step in steps] == [1, 2, 3]
    assert steps[1]["reason"] == "Acknowledged by Ada: checking with the desk"
    assert (steps[2]["by"], datetime.fromisoformat(steps[2]["until"])) == ("Ada", until)


def test_the_same_again_changes_nothing_and_what_opened_the_alert_stays(client: TestClient) -> None:
    def acknowledge(by: str, note: str = "") -> None:
        answer = client.post(f"/v1/alerts/{LATER}/acknowledge", json={"by": by, "note": note}, headers=AUTHORIZED)
        assert answer.status_code == 200

    def steps() -> list[tuple[str, int]]:
        kept = client.get(f"/v1/alerts/{LATER}").json()["transitions"]
        return [(step["transition"], step["sequence"]) for step in kept]

    for _ in range(60):
        acknowledge("Ada")
    assert steps() == [("opened", 1), ("acknowledged", 2)]
    acknowledge("Bob")
    assert len(steps()) == 3
    for number in range(60):
        acknowledge("Eve", str(number))
    assert steps()[0] == ("opened", 1)
    assert steps()[-1] == ("acknowledged", 63)
    assert len(steps()) == 41


def test_a_silence_is_told_in_utc_whatever_offset_it_was_given_in(client: TestClient) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    local = until.astimezone(timezone(timedelta(hours=9))).isoformat()
    said = {"by": "Ada", "until": local}
    for _ in range(2):
        assert client.post(f"/v1/alerts/{LATER}/silence", json=said, headers=AUTHORIZED).status_code == 200
    opened, silenced = client.get(f"/v1/alerts/{LATER}").json()["transitions"]
    assert opened["transition"] == "opened"
    assert silenced["until"] == until.isoformat().replace("+00:00", "Z")
    assert f"{until:%H:%M} UTC" in silenced["reason"]


def test_a_time_outside_the_calendar_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/alerts", params={"from": "0001-01-01T00:00:00+09:00"})
    assert answer.status_code == 422


@pytest.mark.parametrize("action", ["acknowledge", "silence"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong-token-altogether"}, {"Authorization": "x"}])
def test_nobody_can_acknowledge_or_silence_without_a_token(
    client: TestClient, action: str, headers: dict[str, str]
) -> None:
    answer = client.post(f"/v1/alerts/{LATER}/{action}", json={"by": "Eve"}, headers=headers)
    assert answer.status_code == 401
    assert TOKEN not in answer.text
    assert len(client.get(f"/v1/alerts/{LATER}").json()["transitions"]) == 1


def test_what_is_answered_with_200_is_published_and_what_is_not_can_be_sent_again(
    client: TestClient, redis_settings: RedisSettings
) -> None:
    def publish(site: str) -> None:
        published.append(site)
        if away:
            raise NotPublishedError("Kafka did not acknowledge.")

    published: list[str] = []
    away = True
    store = Store(connect(redis_settings))
    app = make_app(store, {"tumangang": small_site()}, STORE, TOKENS, Progress(), {}, publish=publish)
    address = f"/v1/alerts/{LATER}/acknowledge"
    with TestClient(app) as served:
        refused = served.post(address, json={"by": "Ada"}, headers=AUTHORIZED)
        away = False
        taken = served.post(address, json={"by": "Ada"}, headers=AUTHORIZED)
    assert (refused.status_code, taken.status_code) == (503, 200)
    assert "Retry-After" in refused.headers
    assert published == ["tumangang", "tumangang"]
    steps = client.get(f"/v1/alerts/{LATER}").json()["transitions"]
    assert [step["transition"] for step in steps] == ["opened", "acknowledged"]


def test_an_act_that_was_lost_with_the_state_before_it_was_published_is_not_answered_with_200(
    client: TestClient, redis_settings: RedisSettings
) -> None:
    def lose(_: str) -> None:
        redis.flushall()

    redis = connect(redis_settings)
    app = make_app(Store(redis), {"tumangang": small_site()}, STORE, TOKENS, Progress(), {}, publish=lose)
    with TestClient(app) as served:
        answer = served.post(f"/v1/alerts/{LATER}/acknowledge", json={"by": "Ada"}, headers=AUTHORIZED)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    ("address", "said", "status"),
    [
        (f"/v1/alerts/{EARLIER}/acknowledge", {"by": "Ada"}, 409),
        ("/v1/alerts/none/acknowledge", {"by": "Ada"}, 404),
        (f"/v1/alerts/{LATER}/acknowledge", {"by": ""}, 422),
        (f"/v1/alerts/{LATER}/acknowledge", {"by": "Ada", "mood": "good"}, 422),
        (f"/v1/alerts/{LATER}/silence", {"by": "Ada"}, 422),
        (f"/v1/alerts/{LATER}/silence", {"by": "Ada", "until": "2020-01-01T00:00:00Z"}, 422),
        (f"/v1/alerts/{LATER}/silence", {"by": "Ada", "until": "2999-01-01T00:00:00Z"}, 422),
        (f"/v1/alerts/{LATER}/silence", {"by": "Ada", "until": "tomorrow"}, 422),
    ],
)
def test_a_wrong_acknowledgement_or_silence_is_refused(
    client: TestClient, address: str, said: dict[str, str], status: int
) -> None:
    answer = client.post(address, json=said, headers=AUTHORIZED)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
