"""Every address of every service: none answers without admission, and none shows a site that is out of reach."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from railwatch.services.alerting.api import make_app
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.admission import readers
from railwatch.shared.health import Progress
from railwatch.shared.proxy import ProxySettings, trusted
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import on_day
from tests.support.drawing import office
from tests.support.products import World, cars_event, world

# What answers strangers, and says nothing of any site: operation, the description of the interface, who the reader is,
# and what the page for drawing is made of.
OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/me", "/draw", "/draw/map.json"}
MOUNTED = {"/assets", "/draw/assets"}
# What only a reader of tumangang may see: its name, and where it lies.
OF_TUMANGANG = ("umangang", "135.6")
PROXY = ProxySettings(person_header="X-Person", secret="what-only-the-proxy-knows")  # type: ignore[arg-type]

Door = tuple[str, str]


def flat(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from flat(included.routes) if included else [route]


def doors(app: FastAPI) -> list[Door]:
    """Each method and path, and a check that nothing else is mounted."""
    found = []
    for route in flat(app.routes):
        if isinstance(route, Mount):
            assert route.path in MOUNTED
        elif route.path not in OPEN:
            found += [(method, route.path) for method in sorted(route.methods)]
    return found


@pytest.fixture
def made(redis_settings: RedisSettings) -> World:
    """Two sites that were seen, each with an alert that stands."""
    found = world(connect(redis_settings))
    for site, from_day in (("najin", 0), ("tumangang", 1)):
        found.take(cars_event(from_day + 3 * n, 6 + n % 4, site=site) for n in range(20))
        found.take([cars_event(from_day + 60, 40, site=site)])
    return found


def alerting(made: World, tokens: Tokens) -> FastAPI:
    reader = readers(tokens, everyone=False)
    return make_app(made.store, made.products.sites, made.blobs, tokens, Progress(), {}, reader)


def ingest(directory: Path, tokens: Tokens) -> FastAPI:
    made = office(directory, tokens)
    return made.app


def alert_at(made: World, site: str) -> str:
    (alert,) = made.store.alerts(site)
    return alert


def filled(path: str, site: str, scene: str, alert: str, product: str = "looks", item: str = "") -> str:
    known = {
        "site": site,
        "scene": scene,
        "alert": alert,
        "sha256": "0" * 64,
        "product": product,
        "item": item or f"{site}:{scene}",
        "kind": "gif",
        "ms": f"{on_day(61).timestamp() * 1000:.0f}",
        "cell": "r0c0",
        "z": "15",
        "x": "28270",
        "y": "12130",
    }
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: known[name[1]], path)


STRANGERS: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Basic YWRhOndyb25n"},
    {"X-Person": "ada", "X-Groups": "desk", "Sec-Fetch-Site": "same-origin"},
]


def test_nothing_is_answered_without_admission(made: World, tmp_path: Path) -> None:
    tokens = Tokens(None, proxy=trusted(PROXY))
    walked = 0
    for app in (alerting(made, tokens), ingest(tmp_path, tokens)):
        client = TestClient(app, follow_redirects=False)
        for method, path in doors(app):
            address = filled(path, "tumangang", "scene-61", alert_at(made, "tumangang"))
            for headers in STRANGERS:
                answer = client.request(method, address, headers=headers)
                assert answer.status_code == 401, (method, path, headers, answer.text[:200])
                walked += 1
    assert walked >= 4 * 40


def limited_to_najin(directory: Path) -> tuple[Tokens, dict[str, str]]:
    token, entry = new_entry("desk", Scope, ["najin"])
    (directory / "tokens.yaml").write_text(entry)
    return Tokens(directory / "tokens.yaml"), {"Authorization": f"Bearer {token}"}


def test_nothing_of_another_site_is_shown(made: World, tmp_path: Path) -> None:
    tokens, headers = limited_to_najin(tmp_path)
    app = alerting(made, tokens)
    client = TestClient(app, headers=headers)
    theirs, ours = alert_at(made, "tumangang"), alert_at(made, "najin")
    shown = 0
    for method, path in doors(app):
        if method not in ("GET", "HEAD"):
            answer = client.request(method, filled(path, "tumangang", "scene-61", theirs), json=body_of(path))
            assert (answer.status_code, answer.json().get("reason")) == (403, "site-not-allowed"), path
            continue
        for product in ("sites", "looks", "cars", "alerts") if "{product}" in path else ("",):
            item = {"sites": "tumangang", "alerts": theirs, "cars": "tumangang:scene-61:r0c0:0"}.get(product, "")
            other = filled(path, "tumangang", "scene-61", theirs, product, item)
            answer = client.request(method, other)
            if other != filled(path, "najin", "scene-60", ours, product, "x"):
                assert answer.status_code == 404, (other, answer.status_code)
            own = client.request(method, filled(path, "najin", "scene-60", ours, product, item_of(product, ours)))
            shown += own.status_code == 200
            for told in OF_TUMANGANG:
                assert told not in own.text, (path, product)
            assert theirs not in own.text, path
    for listed in ("/v1/sites", "/v1/looks", "/v1/cars", "/v1/alerts"):
        for form in ("json", "geojson", "csv"):
            text = client.get(f"{listed}?f={form}&limit=500").text
            assert "najin" in text
            assert not any(told in text for told in OF_TUMANGANG), (listed, form)
        assert "umangang" not in client.get(f"{listed}?site=tumangang").text.replace("?site=tumangang", "")
    assert shown >= 30, "the walk has seen what it should look through"


def item_of(product: str, alert: str) -> str:
    return {"sites": "najin", "alerts": alert, "looks": "najin:scene-60"}.get(product, "")


def body_of(path: str) -> dict[str, str]:
    if path.endswith("/silence"):
        return {"by": "Ada", "until": (on_day(0) + timedelta(days=1)).isoformat()}
    return {"by": "Ada"} if path.endswith("/acknowledge") else {"by": "Ada", "kind": "right"}
