"""`GET /v1/scenes/{scene}` and `railwatch push`: where a scene stands, without polling another service."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.services.alerting.api import make_app as make_alerting
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.ingest.settings import IngestSettings
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.blobs import BlobStore
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import count_event, empty_archive, small_site
from tests.support.geotiff import NoiseScene
from tests.support.ingest import TOKEN, Desk, desk_over

BEARER = {"Authorization": f"Bearer {TOKEN}"}
WHEN = "2023-10-05T02:11:00Z"
JUDGEMENT = {"count": 7.0, "low": 5.0, "high": 9.0, "state": "alert", "threshold": 4.0}


class StandIn:
    """Alerting, as far as ingest asks it."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.tokens: list[str | None] = []
        self.url = ""


@pytest.fixture
def alerting() -> Iterator[StandIn]:
    told = StandIn()
    routes = FastAPI(openapi_url=None)

    @routes.get("/v1/sites/{site}/scenes/{scene}")
    def scene(site: str, scene: str) -> dict[str, Any]:
        if scene not in told.known:
            raise HTTPException(404)
        return {"site": site, "scene": scene, "awaited": [], "judgement": None, **told.known[scene]}

    with serve(routes, HttpSettings(port=0)) as url:
        told.url = url
        yield told


@pytest.fixture
def desk(tmp_path: Path, alerting: StandIn) -> Desk:
    desk = desk_over(tmp_path)
    desk.settings = IngestSettings(alerting_url=alerting.url)
    return desk


def pushed(client: TestClient, **metadata: str) -> str:
    """The address where a pushed scene's standing is."""
    files = {"file": ("s.tif", NoiseScene().geotiff(), "image/tiff")}
    document = {"scene": "S1", "observed_at": WHEN, **metadata}
    answer = client.post("/v1/scenes", files=files, data={"metadata": json.dumps(document)}, headers=BEARER)
    assert answer.is_success, answer.text
    return str(answer.headers["location"])


def test_a_scene_is_taken_then_counted_then_judged(desk: Desk, alerting: StandIn) -> None:
    client = TestClient(desk.app())
    address = pushed(client)
    [event] = desk.tiles

    taken = client.get(address, headers=BEARER).json()
    alerting.known["S1"] = {"awaited": ["r0c1"]}
    waiting = client.get(address, headers=BEARER).json()
    alerting.known["S1"] = {}
    counted = client.get(address, headers=BEARER).json()
    alerting.known["S1"] = {"judgement": JUDGEMENT, "alert_url": "http://alerts.example/alerts/1"}
    judged = client.get(address, headers=BEARER).json()

    assert [each["state"] for each in (taken, waiting, counted, judged)] == ["taken", "taken", "counted", "judged"]
    assert (taken["scene"], taken["role"], taken["observed_at"]) == ("S1", "observation", WHEN)
    [site] = judged["sites"]
    assert (site["site"], site["scene"]) == ("yard", "S1")
    assert site["tiles"] == [{"tile": "r0c0", "event": event.id, "sha256": event.image.sha256}]
    assert site["at_alerting"]["judgement"] == JUDGEMENT
    assert site["links"] == {"observations": "/v1/sites/yard/observations", "alert": "http://alerts.example/alerts/1"}


def test_a_scene_that_was_known_before_stands_as_it_did(desk: Desk, alerting: StandIn) -> None:
    client = TestClient(desk.app())
    alerting.known["S1"] = {"judgement": JUDGEMENT}
    assert pushed(client) == pushed(client)
    assert client.get("/v1/scenes/S1", headers=BEARER).json()["sites"][0]["state"] == "judged"


def test_a_baseline_is_taken_and_never_counted(desk: Desk) -> None:
    client = TestClient(desk.app())
    assert client.get(pushed(client, role="baseline"), headers=BEARER).json()["state"] == "taken"


def test_a_refused_scene_says_why(desk: Desk) -> None:
    client = TestClient(desk.app())
    files = {"file": ("s.tif", b"no picture", "image/tiff")}
    client.post("/v1/scenes", files=files, data={"metadata": json.dumps({"observed_at": WHEN})}, headers=BEARER)
    standing = client.get("/v1/scenes/s.tif", headers=BEARER).json()
    assert (standing["state"], standing["reason"]) == ("refused", "format-unsupported")
    assert standing["detail"] == desk.dead_letters[0].detail


def test_a_later_refusal_under_the_same_name_does_not_hide_what_was_taken(desk: Desk) -> None:
    client = TestClient(desk.app())
    pushed(client, scene="s.tif")
    files = {"file": ("s.tif", b"no picture", "image/tiff")}
    client.post("/v1/scenes", files=files, data={"metadata": json.dumps({"observed_at": WHEN})}, headers=BEARER)
    assert client.get("/v1/scenes/s.tif", headers=BEARER).json()["state"] == "taken"


def test_a_scene_that_never_came_is_not_found(desk: Desk) -> None:
    answer = TestClient(desk.app()).get("/v1/scenes/S9", headers=BEARER)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_alerting_it_says_what_it_does_not_know(desk: Desk, tmp_path: Path) -> None:
    for settings, remark in (
        (IngestSettings(), "RAILWATCH_INGEST_ALERTING_URL is not set"),
        (IngestSettings(alerting_url="http://127.0.0.1:9"), "Alerting does not answer now"),
    ):
        desk.settings = settings
        client = TestClient(desk.app())
        standing = client.get(pushed(client), headers=BEARER).json()
        assert standing["state"] == "taken"
        assert remark in standing["remarks"][0]


@pytest.mark.parametrize(
    ("scopes", "sites", "status", "reads"),
    [
        ((Scope.PUSH,), ("yard",), 200, False),
        ((Scope.PUSH, Scope.READ), (), 200, True),
        ((Scope.READ,), ("elsewhere",), 404, False),
        ((Scope.ACKNOWLEDGE,), (), 403, False),
    ],
)
def test_who_may_see_a_scene_and_its_count(
    desk: Desk,
    alerting: StandIn,
    tmp_path: Path,
    scopes: tuple[Scope, ...],
    sites: tuple[str, ...],
    status: int,
    reads: bool,
) -> None:
    desk.settings = IngestSettings(alerting_url=alerting.url, alerting_token=SecretStr("a-token-that-reads-all"))
    alerting.known["S1"] = {"judgement": JUDGEMENT}
    pushed(TestClient(desk.app()))
    secret, entry = new_entry("somebody", scopes, sites)
    (tmp_path / "tokens.yaml").write_text(entry)
    client = TestClient(desk.app(Tokens(tmp_path / "tokens.yaml", [], ())))
    answer = client.get("/v1/scenes/S1", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["state"] == "judged"
        assert (answer.json()["sites"][0]["at_alerting"] is not None) == reads


def push(desk: Desk, *arguments: object) -> Result:
    with serve(desk.app(), HttpSettings(port=0), max_body_bytes=None) as url:
        options = ["push", *map(str, arguments), "--url", url, "--token", TOKEN]
        return CliRunner().invoke(app, options)


def test_push_takes_files_in_order_of_time_and_tells_what_was_found(
    desk: Desk, alerting: StandIn, tmp_path: Path
) -> None:
    for name, when in (("b", "2023-10-05T02:11:00Z"), ("a", "2023-10-06T02:11:00Z")):
        (tmp_path / f"{name}.tif").write_bytes(NoiseScene(seed=ord(name)).geotiff())
        (tmp_path / f"{name}.json").write_text(json.dumps({"scene": name, "observed_at": when}))
        alerting.known[name] = {"judgement": JUDGEMENT}
    done = push(desk, tmp_path / "a.tif", tmp_path / "b.tif", "--wait")
    assert done.exit_code == 0, done.output
    assert [event.scene for event in desk.tiles] == ["b", "a"]
    assert "a: yard: 7 cars (5 to 9): alert, threshold 4" in done.output


def test_push_names_a_refused_file_and_goes_on(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"no picture")
    (tmp_path / "good.tif").write_bytes(NoiseScene().geotiff())
    for name in ("bad", "good"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"observed_at": WHEN}))
    done = push(desk, tmp_path / "bad.tif", tmp_path / "good.tif", "--baseline")
    assert done.exit_code == 1
    assert "bad.tif: refused: format-unsupported" in done.output
    assert [event.role for event in desk.tiles] == ["baseline"]


def test_push_that_waits_says_what_is_not_judged(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(NoiseScene().geotiff())
    done = push(desk, tmp_path / "a.tif", "--observed-at", WHEN, "--wait", "--wait-s", "1")
    assert done.exit_code == 1
    assert "taken, and not judged after 1 s without any change" in done.output


@pytest.mark.parametrize("url", ["notaurl", "localhost:8080", "ftp://here", "http://", "http://here:port"])
def test_push_refuses_what_is_no_address_of_ingest(url: str) -> None:
    done = CliRunner().invoke(app, ["push", "a.tif", "--url", url], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert f"'{url}' is not an address such as http://127.0.0.1:8080." in done.output


def test_alerting_tells_of_a_scene_what_is_counted_and_what_was_found(redis_settings: RedisSettings) -> None:
    store = Store(connect(redis_settings))
    site = small_site(tile_size_m=1100)
    now = datetime(2024, 1, 1, tzinfo=UTC)
    handler = CountHandler(
        store,
        {site.id: site},
        Rule(),
        timedelta(minutes=15),
        timedelta(minutes=10),
        "http://here",
        lambda: now,
        empty_archive(),
    )
    tokens = Tokens(None, [SecretStr(TOKEN)], Scope)
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    client = TestClient(make_alerting(store, {site.id: site}, blobs, tokens, Progress(), {}))
    tiles = ("r0c0", "r0c1")

    assert client.get("/v1/sites/tumangang/scenes/scene-1").status_code == 404
    handler.handle(count_event(1, 4, tile="r0c0", tiles=tiles))
    half = client.get("/v1/sites/tumangang/scenes/scene-1").json()
    handler.handle(count_event(1, 3, tile="r0c1", tiles=tiles))
    whole = client.get("/v1/sites/tumangang/scenes/scene-1").json()

    assert (half["awaited"], half["judgement"], half["counted"]["r0c0"]["count"]) == (["r0c1"], None, 4)
    assert half["judged_by"] == "2024-01-01T00:15:00Z"
    assert (whole["awaited"], whole["judged_by"]) == ([], None)
    assert (whole["judgement"]["count"], whole["judgement"]["state"]) == (7, "learning")
    assert client.get("/v1/sites/nowhere/scenes/scene-1").status_code == 404
