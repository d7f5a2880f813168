"""What a person sees in a browser when something is wrong, and what a program reads of the same."""

import html
import re
from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient
from pydantic import SecretStr

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.admission import readers
from railwatch.shared.blobs import BlobStore
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support import drawing
from tests.support.alerting import small_site
from tests.support.watched import TOKEN

# What browsers send when a person goes to an address.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
PROGRAMS = ("*/*", "application/json", "application/json, text/html;q=0.5", "application/geo+json,text/html;q=0.9", "")
UNKNOWN = {
    "/sites/nowhere": "There is no site 'nowhere'.",
    "/sites/tumangang/looks/none": "There is no look of the scene 'none' at the site 'tumangang'.",
    "/sites/tumangang/at/0": "The site 'tumangang' was not seen until then.",
    "/alerts/none": "There is no alert 'none'.",
    "/v1/sites/nowhere": "There is no site 'nowhere'.",
    "/nothing/here": "There is nothing at <code>/nothing/here</code>.",
}


@pytest.fixture
def app(redis_settings: RedisSettings) -> TestClient:
    return app_with(redis_settings, everyone=True)


def app_with(settings: RedisSettings, *, everyone: bool) -> TestClient:
    tokens = Tokens(None, [SecretStr(TOKEN)], [Scope.PUSH])
    store, blobs = Store(connect(settings)), BlobStore.open(BlobSettings(url="memory://"))
    known = {"tumangang": small_site()}
    return TestClient(make_app(store, known, blobs, tokens, Progress(), {}, readers(tokens, everyone=everyone)))


def shown(app: TestClient, path: str, status: int) -> str:
    answer = app.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.headers["vary"] == "Accept"
    return html.unescape(answer.text)


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_browser_gets_a_page_that_says_what_was_not_found(app: TestClient, path: str) -> None:
    page = shown(app, path, 404)
    assert UNKNOWN[path] in page
    assert '<a href="/">All sites</a>' in page


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("accept", PROGRAMS)
def test_a_program_gets_problem_details(app: TestClient, path: str, accept: str) -> None:
    answer = app.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.headers["vary"] == "Accept"
    assert answer.json()["status"] == 404


def test_what_is_asked_for_cannot_become_markup(app: TestClient) -> None:
    for path in ("/sites/<script>alert(1)</script>", "/<script>alert(1)</script>", "/alerts/`<b>`"):
        text = app.get(path, headers=BROWSER).text
        assert "<script" not in text
        assert "<b>" not in text


def test_the_page_loads_nothing_and_its_style_is_allowed(app: TestClient) -> None:
    answer = app.get("/sites/nowhere", headers=BROWSER)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert not re.findall(r"src=|<link|@import|url\(", answer.text)


def test_a_browser_is_told_how_to_sign_in(redis_settings: RedisSettings) -> None:
    app = app_with(redis_settings, everyone=False)
    challenge = app.get("/", headers=BROWSER).headers["www-authenticate"]
    assert challenge.startswith("Basic"), "the browser asks before it shows the page"
    page = shown(app, "/", 401)
    assert "any name will do, and the password is a token with the scope <code>read</code>" in page


def test_a_browser_is_told_what_its_token_lacks(redis_settings: RedisSettings) -> None:
    app = app_with(redis_settings, everyone=False)
    app.auth = ("anyone", TOKEN)
    page = shown(app, "/sites/tumangang", 403)
    assert "You may not do this" in page
    assert "it lacks the scope <code>read</code>." in page


def test_a_browser_is_told_to_come_again(app: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(redis.Redis, "execute_command", away)
    monkeypatch.setattr(redis.client.Pipeline, "execute", away)
    answer = app.get("/sites/tumangang", headers=BROWSER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "Not now" in answer.text
    assert '<a href="">Try again</a>' in answer.text


def test_the_drawing_service_leads_to_its_own_page(tmp_path: Path) -> None:
    place = drawing.office(tmp_path, Tokens(None))
    page = shown(TestClient(place.app), "/drow", 404)
    assert "There is nothing at <code>/drow</code>." in page
    assert '<a href="/draw">Draw a site</a>' in page
