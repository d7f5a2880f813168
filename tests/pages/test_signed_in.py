"""A person whom a proxy has signed in, in a browser: they act without a token, and no page elsewhere acts for them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import ActEvent
from railwatch.shared.health import Progress
from railwatch.shared.proxy import ProxySettings, trusted
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, empty_archive, small_site
from tests.support.chromium import Page, browser_page
from tests.support.drawing import office

PROXY = ProxySettings.model_validate(
    {
        "person_header": "X-Person",
        "groups_header": "X-Groups",
        "networks": "127.0.0.0/8",
        "roles": "desk=operator",
    }
)
ADA = {"X-Person": "ada@desk.example", "X-Groups": "desk"}


@dataclass
class Desk:
    url: str
    elsewhere: str
    store: Store
    alert: str

    def acts(self) -> list[tuple[str, str | None, str]]:
        events = self.store.outbox("tumangang")
        return [(event.act, event.by, event.admission.value) for event in events if isinstance(event, ActEvent)]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A browser whose requests go through a proxy that has signed Ada in."""
    with browser_page() as opened:
        opened.command("Network.enable")
        opened.command("Network.setExtraHTTPHeaders", headers=ADA)
        yield opened


@pytest.fixture
def desk(redis_settings: RedisSettings) -> Iterator[Desk]:
    store, blobs = Store(connect(redis_settings)), BlobStore.open(BlobSettings(url="memory://"))
    sites, minute = {"tumangang": small_site()}, timedelta(minutes=1)
    handler = CountHandler(store, sites, Rule(), minute, minute, "http://127.0.0.1", lambda: RECORDED, empty_archive())
    for look in range(20):
        handler.handle(count_event(3 * look, 2 + look % 2))
    (opened,) = handler.handle(count_event(66, 30))
    tokens = Tokens(None, [], (), trusted(PROXY))
    app = make_app(store, sites, blobs, tokens, Progress(), {})
    with serve(app, HttpSettings(port=0)) as url, serve(app, HttpSettings(port=0)) as elsewhere:
        yield Desk(url, elsewhere, store, opened.alert)


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)], ids=["desk", "phone"])
def test_they_acknowledge_and_judge_without_a_token(page: Page, desk: Desk, width: int, dark: bool) -> None:
    page.show(f"{desk.url}/alerts/{desk.alert}", width=width, dark=dark)
    page.wait_for("document.querySelectorAll('.signed-in').length === 2")
    page.evaluate("document.querySelector('.summary details').open = true")
    fields = "[...document.querySelectorAll('[name=token], [name=by]')].filter((field) => field.checkVisibility())"
    assert page.evaluate(f"{fields}.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if folder := os.environ.get("PICTURES"):
        Path(folder, f"signed-in-{width}.png").write_bytes(page.picture())
    page.evaluate("document.querySelector('form.acknowledge button').click()")
    page.wait_for("document.querySelector('.acknowledged')?.innerText === 'Acknowledged by ada@desk.example.'")
    page.wait_for("document.documentElement.dataset.verdicts && document.querySelectorAll('.signed-in').length === 2")
    page.evaluate("document.querySelector('.verdicts button[value=right]').click()")
    page.wait_for("document.querySelector('.said li')?.innerText.startsWith('ada@desk.example says')")
    assert desk.acts() == [("acknowledge", "ada@desk.example", "proxy"), ("verdict", "ada@desk.example", "proxy")]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_page_elsewhere_in_their_browser_acts_on_nothing(page: Page, desk: Desk, host: str, kind: str) -> None:
    page.show(f"{desk.elsewhere.replace('127.0.0.1', host)}/assets/icon.svg")
    sent = {"method": "POST", "mode": "no-cors", "body": "{}", "headers": {"Content-Type": kind}}
    address = f"{desk.url}/v1/alerts/{desk.alert}/acknowledge"
    said = page.evaluate(
        f"fetch({json.dumps(address)}, {json.dumps(sent)}).then((answer) => answer.type, (error) => error.message)"
    )
    assert said in ("opaque", "Failed to fetch")
    assert desk.acts() == []


def test_they_draw_a_site_without_a_token(page: Page, tmp_path: Path) -> None:
    place = office(tmp_path, Tokens(None, [], [Scope.DRAW], trusted(PROXY)))
    with place.serving() as url:
        page.show(f"{url}/draw?site=west-yard", width=1200, height=800)
        page.wait_for("document.documentElement.dataset.ready === 'yes'")
        assert page.evaluate("document.querySelectorAll('#list li').length") == 10
        assert page.evaluate("document.getElementById('sign-in').checkVisibility()") is False
        page.evaluate("document.getElementById('save').click()")
        page.wait_for("document.getElementById('said').textContent === 'west-yard is saved.'")
    acts = [event for event in place.desk.published if isinstance(event, ActEvent)]
    assert [(act.act, act.by, act.admission, act.site, act.outcome) for act in acts] == [
        ("site-save", "ada@desk.example", "proxy", "west-yard", "ordered"),
        ("site-save", "ada@desk.example", "proxy", "west-yard", "done"),
    ]
