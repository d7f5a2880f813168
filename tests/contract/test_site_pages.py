"""The pages of sites and of looks, as HTML."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.ground import lapse
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.settings import AlertingSettings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import CountEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import Site
from railwatch.shared.state import connect
from tests.contract.test_alert_pages import HOSTILE, read
from tests.support.alerting import RECORDED, count_event, frame_event, on_day, small_site

Counted = Callable[..., TestClient]


@pytest.fixture
def counted(redis_settings: RedisSettings) -> Counted:
    """An app that has taken counts in."""

    def with_counts(*events: CountEvent, reader: Holder | None = None, sites: Sequence[Site] = ()) -> TestClient:
        store, blobs = Store(connect(redis_settings)), BlobStore.open(BlobSettings(url="memory://"))
        known = {site.id: site for site in sites or (small_site(), small_site("unseen"))}
        handler = CountHandler(
            store,
            known,
            Rule(),
            timedelta(minutes=15),
            timedelta(minutes=10),
            "http://127.0.0.1",
            lambda: RECORDED,
            Archive(blobs.objects),
        )
        for event in events:
            handler.handle(event)
        admitted = (lambda: reader) if reader else None
        return TestClient(make_app(store, known, blobs, Tokens(None), Progress(), {}, admitted))

    return with_counts


def test_every_site_has_a_page_whether_it_was_seen_or_not(counted: Counted) -> None:
    app = counted(*(count_event(3 * n, 6 + n % 4) for n in range(12)), count_event(40, 60))
    seen = read(app, "/sites/tumangang")
    for words in ("Tumangang", "60 (58 to 62)", "2 tracks, 4.0 km", "alert", "The looks as a table"):
        assert words in seen.text, words
    assert "/sites/tumangang/looks/scene-40" in seen.addresses
    assert any(address.startswith("/alerts/") for address in seen.addresses)
    assert "never seen" in read(app, "/sites/unseen").text
    assert app.get("/sites/nowhere").status_code == 404


def test_the_overview_and_the_alert_lead_to_site_and_look(counted: Counted) -> None:
    app = counted(*(count_event(3 * n, 6 + n % 4) for n in range(12)), count_event(40, 60))
    overview = read(app, "/")
    assert "/sites/tumangang" in overview.addresses
    alert = read(app, next(address for address in overview.addresses if address.startswith("/alerts/")))
    assert {"/sites/tumangang", "/sites/tumangang/looks/scene-40"} <= {*alert.addresses}


def test_a_look_leads_to_those_beside_it_its_alert_and_its_json(counted: Counted) -> None:
    app = counted(*(count_event(3 * n, 6 + n % 4) for n in range(12)), count_event(40, 60), count_event(43, 61))
    page = read(app, "/sites/tumangang/looks/scene-40")
    for words in ("60 (58 to 62)", "10 April 2023", "version 1, operator"):
        assert words in page.text, words
    assert {"/sites/tumangang/looks/scene-33", "/sites/tumangang/looks/scene-43"} <= {*page.addresses}
    assert any(address.startswith("/alerts/") for address in page.addresses)
    assert app.get("/v1/sites/tumangang/scenes/scene-40").status_code == 200
    assert {"/v1/sites/tumangang/scenes/scene-40", "/v1/sites/tumangang/looks/scene-40/cars.geojson"} < {
        *page.addresses
    }


def test_all_frames_of_a_pass_lead_to_one_look(counted: Counted) -> None:
    app = counted(frame_event(1, (0, 1100), [100, 200]), frame_event(1, (900, 2000), [100, 200, 1500], minute=1))
    addresses = {app.get(f"/sites/tumangang/looks/frame-1-{first}").url.path for first in (0, 900)}
    assert addresses == {"/sites/tumangang/looks/frame-1-0"}


def test_a_token_of_other_sites_sees_none_of_it(counted: Counted) -> None:
    stranger = Holder(name="stranger", scopes=frozenset({Scope.READ}), sites=frozenset({"unseen"}))
    app = counted(count_event(1, 5), reader=stranger)
    assert app.get("/sites/tumangang").status_code == 404
    for below in ("", "/ground.json", "/ground/5/27/11.webp", "/cars.geojson", "/thumbnail.webp"):
        assert app.get(f"/v1/sites/tumangang/looks/scene-1{below}").status_code == 404
    assert app.get("/sites/tumangang/looks/scene-1").status_code == 404
    assert app.get("/sites/tumangang/at/1700000000000").status_code == 404
    assert app.get("/v1/sites/tumangang/time-lapse.gif").status_code == 404
    assert [row[0] for row in app.get("/sites.json").json()["rows"]] == ["unseen"]
    assert app.get("/sites/unseen").status_code == 200


def test_a_point_of_a_dashboard_leads_to_the_last_look_until_then(counted: Counted) -> None:
    app = counted(count_event(1, 5), count_event(4, 6))
    for day, scene in ((1, "scene-1"), (3.5, "scene-1"), (4, "scene-4"), (90, "scene-4")):
        assert app.get(f"/sites/tumangang/at/{on_day(day).timestamp() * 1000:.0f}").url.path.endswith(f"/{scene}")
    assert app.get(f"/sites/tumangang/at/{on_day(0).timestamp() * 1000:.0f}").status_code == 404


def test_a_log_line_of_a_judged_look_has_its_page(counted: Counted) -> None:
    with capture_logs() as lines:
        counted(count_event(1, 5))
    (judged,) = [line for line in lines if line["event"] == "judged"]
    assert judged["page_url"] == "http://127.0.0.1/sites/tumangang/looks/scene-1"


def test_a_look_that_redis_has_forgotten_still_has_its_page(counted: Counted, redis_settings: RedisSettings) -> None:
    app = counted(count_event(1, 5), count_event(4, 6))
    connect(redis_settings).flushall()
    page = read(app, "/sites/tumangang/looks/scene-1")
    assert "5 (3 to 7)" in page.text
    assert "/sites/tumangang/looks/scene-4" in page.addresses


def test_a_look_without_a_judgement_says_that_its_threshold_is_not_known(
    counted: Counted, redis_settings: RedisSettings
) -> None:
    app = counted(count_event(1, 5), count_event(4, 6))
    store, client = Store(connect(redis_settings)), connect(redis_settings)

    def forget(transaction: Transaction) -> None:
        record = transaction.record
        newest = record.history.judgements[-1:]
        changes = {"judgements": newest, "horizon": newest[0].observed_at}
        transaction.put_record(record.model_copy(update={"history": record.history.model_copy(update=changes)}))

    store.transact("tumangang", forget)
    page = read(app, "/sites/tumangang/looks/scene-1").text
    for words in (
        "judgement not kept",
        "5 (3 to 7)",
        "the threshold and whether it had a part in an alert are not known",
    ):
        assert words in page, words
    look = app.get("/v1/sites/tumangang/looks/scene-1").json()["look"]
    assert (look["count"], look["no_state"]) == (5, "forgotten")
    assert {look[name] for name in ("state", "expected", "threshold", "p_value", "alert")} == {None}
    client.flushall()
    assert "not judged yet" in read(app, "/sites/tumangang/looks/scene-1").text


def test_pictures_that_are_gone_are_a_problem_with_words(counted: Counted) -> None:
    app = counted(count_event(1, 5))
    root = "/v1/sites/tumangang/looks/scene-1"
    for address in (f"{root}/ground.json", f"{root}/ground/5/27/11.webp", f"{root}/thumbnail.webp"):
        answer = app.get(address)
        assert answer.status_code == 404
        assert "cannot be shown" in answer.json()["detail"]
    assert app.get(f"{root}/ground/2/9/0.webp").status_code == 404
    assert app.get("/v1/sites/tumangang/looks/never/ground.json").status_code == 404


def test_what_comes_from_outside_stays_text(counted: Counted) -> None:
    track = small_site().tracks[0].model_copy(update={"id": HOSTILE})
    hostile = small_site().model_copy(update={"name": HOSTILE, "tracks": (track,)})
    app = counted(count_event(1, 5), sites=[hostile])
    for address in ("/", "/sites/tumangang", "/sites/tumangang/looks/scene-1"):
        page = read(app, address)
        assert page.tags.count("script") == sum(link.endswith((".js", ".mjs")) for link in page.addresses)
        assert HOSTILE in page.text


def test_one_time_lapse_is_made_at_a_time(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    app = counted(count_event(1, 5))
    meanwhile = []

    def slowly(*_: object) -> bytes:
        meanwhile.append(app.get("/v1/sites/tumangang/time-lapse.webp"))
        return b"made"

    monkeypatch.setattr(lapse, "time_lapse", slowly)
    assert app.get("/v1/sites/tumangang/time-lapse.gif").content == b"made"
    assert (meanwhile[0].status_code, meanwhile[0].headers["retry-after"]) == (503, "5")
    assert app.get("/v1/sites/tumangang/time-lapse.gif").status_code == 200


def test_the_base_map_of_the_operator_is_let_load_and_nothing_else(redis_settings: RedisSettings) -> None:
    settings = AlertingSettings(base_map="https://tiles.example/{z}/{x}/{y}.png", base_map_credit="Example")
    store, blobs = Store(connect(redis_settings)), BlobStore.open(BlobSettings(url="memory://"))
    app = TestClient(make_app(store, {}, blobs, Tokens(None), Progress(), {}, alerting=settings))
    assert app.get("/").headers["content-security-policy"].count("https://") == 2
    assert app.get("/map.json").json() == {"base_map": settings.base_map, "credit": "Example"}
