"""Servers that ingest asks for pages and assets, and that lead elsewhere, drip, or never end."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from railwatch.services.ingest.scenes import fetch
from railwatch.services.ingest.scenes.bringing import fetched
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import SceneSettings
from railwatch.services.ingest.sources import pages
from railwatch.shared.errors import TransientError
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.bus import PATIENCE_S
from tests.support.geotiff import NoiseScene
from tests.support.ingest import TOKEN, Desk, stac_source
from tests.support.receivers import rude_server
from tests.support.stac_api import StacApi, running

SECRET = "the-secret-of-the-api"
NEVER = threading.Event()
SPOOL = Spool(10_000_000)


@pytest.fixture
def elsewhere() -> Iterator[StacApi]:
    with running(StacApi()) as api:
        yield api


def poll(desk: Desk, api: StacApi, **settings: Any) -> None:
    source = stac_source(api.url, SECRET, **settings)
    desk.limits = SceneSettings(asset_roots=(api.url, *source.other_origins))
    desk.poll_api(source)


# Links


def leading_to(api: StacApi, elsewhere: StacApi, how: str) -> None:
    """An API that leads to a page elsewhere."""
    api.items, elsewhere.items = [api.item("I1")], [api.item("I2", datetime="2023-10-06T02:11:00Z")]
    there = f"{elsewhere.url}/search"
    match how:
        case "next":
            following = {"rel": "next", "href": there, "method": "GET", "headers": {"Authorization": "x", "Host": "y"}}
            api.answers = [(api.page(api.items, [following]), 200)]
        case "search":
            api.links = [{"rel": "search", "href": there, "method": "POST", "type": "application/geo+json"}]
        case "redirect":
            there = f"{api.url}/elsewhere?{there}"
            api.links = [{"rel": "search", "href": there, "method": "POST", "type": "application/geo+json"}]


each_way = pytest.mark.parametrize("how", ["next", "search", "redirect"])


@each_way
def test_no_link_leads_to_another_origin(desk: Desk, api: StacApi, elsewhere: StacApi, how: str) -> None:
    leading_to(api, elsewhere, how)
    with capture_logs() as lines:
        poll(desk, api)
    assert elsewhere.searches == []
    assert [line["detail"] for line in lines if line["event"] == "search failed"] == ["LeadsElsewhereError"]


@each_way
def test_an_origin_that_the_operator_names_gets_no_token(
    desk: Desk, api: StacApi, elsewhere: StacApi, how: str
) -> None:
    leading_to(api, elsewhere, how)
    poll(desk, api, other_origins=[elsewhere.url])
    assert [search["authorization"] for search in elsewhere.searches] == [None]
    assert all(search["authorization"] == f"Bearer {SECRET}" for search in api.searches)
    assert "I2" in {tile.scene for tile in desk.tiles}


@pytest.mark.parametrize("kind", ["path", "file"])
def test_a_link_to_a_file_reads_no_file(desk: Desk, api: StacApi, tmp_path: Path, kind: str) -> None:
    page = tmp_path / "page.json"
    page.write_bytes(api.page([api.item("I1")]))
    href = str(page) if kind == "path" else page.as_uri()
    api.links = [{"rel": "search", "href": href, "method": "GET", "type": "application/geo+json"}]
    poll(desk, api)
    assert desk.published == []


@pytest.mark.parametrize("href", ["ftp://127.0.0.1/x", "http://[::1", "//", "http://\ud800/", "http://127.0.0.1:x/"])
def test_a_link_that_is_no_address_ends_the_search(desk: Desk, api: StacApi, href: str) -> None:
    api.links = [{"rel": "search", "href": href, "method": "GET", "type": "application/geo+json"}]
    with suppress(TransientError):
        poll(desk, api)
    assert desk.published == []


# Endless


def test_pages_without_end_end(desk: Desk, api: StacApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_SEARCH_BYTES", 20_000)
    following = {"rel": "next", "href": f"{api.url}/search", "method": "GET"}
    api.answers = [(api.page([api.item("I1"), "x" * 5_000], [following]), 200)] * 100
    with capture_logs() as lines:
        poll(desk, api)
    assert len(api.searches) <= 5
    assert "search failed" in [line["event"] for line in lines]
    assert [tile.scene for tile in desk.tiles] == ["I1"]


def test_a_search_takes_only_so_long(api: StacApi, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = pages.Pages(api.url, Credentials(), (), NEVER)
    reader.request(f"{api.url}/search")
    monkeypatch.setattr(pages, "SEARCH_WITHIN_S", 0.0)
    reader.begin_search()
    with pytest.raises(fetch.TooSlowError):
        reader.request(f"{api.url}/search")


# Drips


def drip(connection: socket.socket, first: bytes, then: bytes, until: threading.Event = NEVER) -> None:
    """Says something, and then a byte now and then for as long as somebody listens."""
    with suppress(OSError):
        connection.sendall(first)
        while not until.wait(0.05):
            connection.sendall(then)


DRIPS = {
    "status": (b"", b"H"),
    "head": (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: ", b"x"),
}
each_drip = pytest.mark.parametrize(("first", "then"), DRIPS.values(), ids=DRIPS.keys())


@each_drip
def test_an_asset_that_drips_is_given_up(first: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BEGIN_WITHIN_S", 0.5)
    with rude_server(partial(drip, first=first, then=then)) as url:
        root = url.removesuffix("/hook")
        with pytest.raises(TransientError), fetched(f"{root}/a.tif", SceneSettings(asset_roots=(root,)), SPOOL):
            pass


@each_drip
def test_an_api_that_drips_is_given_up(desk: Desk, first: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "BEGIN_WITHIN_S", 0.5)
    with rude_server(partial(drip, first=first, then=then)) as url, pytest.raises(TransientError):
        desk.poll_api(stac_source(url))


def test_a_body_that_comes_at_a_fair_rate_is_taken(api: StacApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MIN_BYTES_PER_S", 1)
    with fetched(f"{api.url}/scene.tif", SceneSettings(asset_roots=(api.url,)), SPOOL) as path:
        assert isinstance(path, Path)
        assert path.read_bytes() == api.scene


def test_assets_that_drip_do_not_shut_the_door(desk: Desk, api: StacApi) -> None:
    enough = threading.Event()
    dripping = partial(drip, first=DRIPS["body"][0], then=b"x", until=enough)
    with rude_server(dripping) as url, ThreadPoolExecutor(2) as senders:
        root = url.removesuffix("/hook")
        desk.limits = SceneSettings(asset_roots=(root,))
        item = {**api.item("I1"), "assets": {"visual": {"href": f"{root}/a.tif", "type": "image/tiff"}}}
        scene = {"file": ("a.tif", NoiseScene().geotiff())}
        metadata = {"metadata": '{"observed_at": "2023-10-05T02:11:00Z"}'}
        authorized = {"Authorization": f"Bearer {TOKEN}"}
        with (
            serve(desk.app(), HttpSettings(port=0), max_body_bytes=None) as door,
            httpx.Client(base_url=door, headers=authorized, timeout=PATIENCE_S) as sender,
        ):
            slow = [senders.submit(sender.post, "/v1/scenes", json=item) for _ in range(2)]
            pushed = sender.post("/v1/scenes", files=scene, data=metadata)
            assert pushed.status_code == 201
            assert not any(each.done() for each in slow)
            enough.set()
            assert [each.result().status_code for each in slow] == [503, 503]
