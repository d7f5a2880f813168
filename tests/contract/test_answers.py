"""What every answer of a service says to a browser, and what it does not say to anybody."""

from pathlib import Path
from typing import cast

import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings
from tests.support.alerting import small_site
from tests.support.ingest import desk_over


class Junk:
    """A Redis whose every value is junk."""

    def hgetall(self, name: str) -> dict[str, str]:
        return {"tumangang": "{junk"}

    def hvals(self, name: str) -> list[str]:
        return ["{junk"]

    def hget(self, name: str, field: str) -> str:
        return "{junk"

    def mget(self, names: list[str]) -> list[str]:
        return ["{junk" for _ in names]


@pytest.fixture(params=["ingest", "alerting"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> FastAPI:
    return desk_over(tmp_path).app() if request.param == "ingest" else alerting()


def alerting() -> FastAPI:
    store, blobs = Store(cast("redis.Redis", Junk())), BlobStore.open(BlobSettings(url="memory://"))
    return make_app(store, {"tumangang": small_site()}, blobs, Tokens(None), Progress(), {})


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json", "/nothing", "/v1/alerts/x", "/v1/scenes"])
def test_every_answer_says_how_little_a_browser_may_do_with_it(app: FastAPI, path: str) -> None:
    answer = TestClient(app, raise_server_exceptions=False).get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "public" not in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/v1/sites/", "/assets", "/v1/scenes/"])
def test_no_page_loads_scripts_from_elsewhere_and_nothing_redirects(app: FastAPI, path: str) -> None:
    answer = TestClient(app, raise_server_exceptions=False).get(
        path, headers={"Host": "evil.example"}, follow_redirects=False
    )
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/sites", "/v1/sites/tumangang", "/v1/sites/tumangang/observations", "/v1/alerts/x", "/alerts/x", "/"]
)
def test_junk_in_redis_gives_an_answer_with_a_name(path: str) -> None:
    answer = TestClient(alerting(), raise_server_exceptions=False).get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["reason"] == "state-unreadable"
    assert "{junk" not in answer.text
