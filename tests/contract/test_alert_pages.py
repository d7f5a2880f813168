"""The pages as HTML: what they say, and that nothing from outside becomes markup or leads outside."""

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import AlertEvent, EvidenceItem, Transition
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import ContextEvent, Site
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, blob, missed_look, on_day, small_site

HOSTILE = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Collects the text, the tags and the addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def open_alert(**fields: Any) -> AlertEvent:
    looks = tuple(
        alert_event().look.model_copy(update={"observed_at": on_day(5 * n), "count": count, "low": low, "high": high})
        for n, (count, low, high) in enumerate([(5, 4, 6), (None, None, None), (7, 5, 9), (6, 5, 7)])
    )
    evidence = EvidenceItem(
        tile="r0c0",
        scene="scene-205",
        image=blob("tile", "image/tiff"),
        baseline=BaselineRef(
            id="b", version=3, image=blob("base"), observed_at=on_day(1), scene="scene-1", origin="composite"
        ),
        pictures={name: blob(name) for name in ("baseline", "tile", "difference", "cars")},
        algorithm="railwatch 1.2",
    )
    return alert_event().model_copy(update={"history": looks, "evidence": (evidence,), **fields})


def client(redis_settings: RedisSettings, *events: AlertEvent, sites: Mapping[str, Site] | None = None) -> TestClient:
    store = Store(connect(redis_settings))
    store.transact("tumangang", lambda transaction: transaction.announce(events))
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    return TestClient(make_app(store, sites or {"tumangang": small_site()}, blobs, Tokens(None), Progress(), {}))


def read(app: TestClient, address: str) -> Reader:
    answer = app.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return Reader(answer.text)


def test_the_page_of_an_alert_shows_everything_that_proves_it(redis_settings: RedisSettings) -> None:
    event = open_alert()
    page = read(client(redis_settings, event), f"/alerts/{event.alert}")
    for words in (
        "Standing, warning",
        "25 railcars (22 to 28) on 22 September 2023, where at most 19 were expected.",
        "1 in 2,500",
        "version 3, composite",
        "railwatch 1.2",
        event.evidence[0].image.sha256,
        "scene-205",
        "The count is above its bound.",
        "not seen",
    ):
        assert words in page.text, words
    assert {f"/v1/alerts/{event.alert}/pictures/{blob(name).sha256}" for name in ("tile", "cars")} < {*page.addresses}
    assert "svg" in page.tags


def test_the_frames_of_a_look_are_told_apart(redis_settings: RedisSettings) -> None:
    (item,) = open_alert().evidence
    event = open_alert(evidence=(item, item.model_copy(update={"scene": "scene-206"})))
    page = read(client(redis_settings, event), f"/alerts/{event.alert}")
    for scene in ("scene-205", "scene-206"):
        assert f"Evidence, tile r0c0, frame {scene}" in page.text


def test_pages_lead_nowhere_outside(redis_settings: RedisSettings) -> None:
    event = open_alert()
    app = client(redis_settings, event)
    for address in ("/", f"/alerts/{event.alert}"):
        page = read(app, address)
        assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in page.addresses)
        bundled = [link for link in page.addresses if link.startswith("/assets/")]
        assert len(bundled) >= 4
        assert all(app.get(link).status_code == 200 for link in bundled)


def test_what_comes_from_outside_stays_text(redis_settings: RedisSettings) -> None:
    hostile = open_alert(site_name=HOSTILE, sentence=f"{HOSTILE} on fire", reason=HOSTILE)
    site = small_site().model_copy(update={"name": HOSTILE, "events": (ContextEvent(title=HOSTILE, at=on_day(3)),)})
    app = client(redis_settings, hostile, sites={"tumangang": site})
    for address in ("/", f"/alerts/{hostile.alert}"):
        page = read(app, address)
        assert page.tags.count("script") == sum(link.endswith((".js", ".mjs")) for link in page.addresses)
        assert HOSTILE in page.text


@pytest.mark.parametrize(("transition", "word"), [(Transition.RESOLVED, "Ended"), (Transition.RETRACTED, "Withdrawn")])
def test_an_alert_that_is_over_says_so(redis_settings: RedisSettings, transition: Transition, word: str) -> None:
    opened = open_alert()
    over = open_alert(sequence=2, transition=transition)
    app = client(redis_settings, opened, over)
    assert word in read(app, f"/alerts/{over.alert}").text
    assert "No alert stands" in read(app, "/").text


def test_an_alert_without_pictures_or_bound_still_has_a_page(redis_settings: RedisSettings) -> None:
    bare = alert_event().look.model_copy(update={"threshold": None, "expected": None, "p_value": None})
    event = open_alert(look=bare, history=(), evidence=(), onset=None)
    assert "25" in read(client(redis_settings, event), f"/alerts/{event.alert}").text


def test_the_overview_says_which_sites_are_overdue(redis_settings: RedisSettings) -> None:
    app = client(redis_settings)
    store = Store(connect(redis_settings))
    store.transact("tumangang", lambda transaction: transaction.announce_missed([missed_look()]))
    at_first = read(app, "/").text.count("overdue")
    store.transact(
        "tumangang", lambda transaction: transaction.announce_missed([missed_look(Transition.RESOLVED, sequence=2)])
    )
    assert read(app, "/").text.count("overdue") == at_first - 1


def test_the_overview_lists_standing_alerts_before_sites(redis_settings: RedisSettings) -> None:
    event = open_alert()
    page = read(client(redis_settings, event), "/")
    assert "1 alert stands" in page.text
    assert f"/alerts/{event.alert}" in page.addresses
    assert page.text.index("25 railcars") < page.text.index("never seen")


def test_many_sites_are_shown_page_by_page(redis_settings: RedisSettings) -> None:
    sites = {f"site-{n:03}": small_site(f"site-{n:03}") for n in range(450)}
    app = client(redis_settings, sites=sites)
    pages = [read(app, f"/?page={number}").addresses for number in range(1, 6)]
    shown = [[link for link in page if link.startswith("/sites/")] for page in pages]
    assert [len(links) for links in shown] == [100, 100, 100, 100, 50]
    assert {link for links in shown for link in links} == {f"/sites/{site}" for site in sites}


def test_there_is_no_page_for_an_alert_that_is_not_there(redis_settings: RedisSettings) -> None:
    assert client(redis_settings).get("/alerts/none").status_code == 404
