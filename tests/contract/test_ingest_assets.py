"""Where the asset of a STAC Item may be read from, and where not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.ingest.scenes.access import allowed
from railwatch.services.ingest.scenes.assets import scene_href
from railwatch.services.ingest.scenes.bringing import fetched
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import RailwatchError, TransientError, UnprocessableError
from tests.support.http_server import LOOPBACK, Quiet, serving

CONTENT = b"II*\0" + bytes(2_000_000)
SPOOL = Spool(10_000_000)


class Handler(Quiet, BaseHTTPRequestHandler):
    """Serves one file, and whatever else a hostile or broken server might."""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/scenes/a.tif":
                self._answer(200, CONTENT)
            case "/scenes/moved.tif":
                self._answer(302, b"", "/scenes/a.tif")
            case "/scenes/lured.tif":
                self._answer(302, b"", "http://127.0.0.1:1/metadata")
            case "/scenes/climbing.tif":
                self._answer(302, b"", "/secret/a.tif")
            case "/scenes/loop.tif":
                self._answer(302, b"", "/scenes/loop.tif")
            case "/scenes/busy.tif":
                self._answer(503, b"")
            case "/scenes/cut-short.tif":
                self._answer(200, CONTENT, announced=3_000_000)
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes, location: str | None = None, announced: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(announced or len(body)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(ThreadingHTTPServer(LOOPBACK, Handler)) as url:
        yield url


def error_of(href: str, limits: SceneSettings) -> RailwatchError:
    with pytest.raises(RailwatchError) as raised, fetched(href, limits, SPOOL):
        pass
    return raised.value


def reason_of(href: str, limits: SceneSettings) -> str:
    error = error_of(href, limits)
    assert isinstance(error, UnprocessableError)
    return error.reason


@pytest.mark.parametrize("name", ["a.tif", "moved.tif"])
def test_an_allowed_server_is_read_and_nothing_is_left_behind(server: str, name: str) -> None:
    with fetched(f"{server}/scenes/{name}", SceneSettings(asset_roots=(f"{server}/scenes",)), SPOOL) as path:
        assert isinstance(path, Path)
        assert path.read_bytes() == CONTENT
    assert not path.exists()


@pytest.mark.parametrize("name", ["lured.tif", "climbing.tif", "loop.tif", "../secret/a.tif", "%2e%2e/secret/a.tif"])
def test_no_redirect_and_no_path_leads_out_of_the_root(server: str, name: str) -> None:
    limits = SceneSettings(asset_roots=(f"{server}/scenes",))
    assert reason_of(f"{server}/scenes/{name}", limits) == "asset-refused"


def test_what_a_server_lacks_is_told_apart_from_what_may_pass(server: str) -> None:
    limits = SceneSettings(asset_roots=(server,))
    assert reason_of(f"{server}/scenes/none.tif?token=secret", limits) == "asset-not-found"
    assert "secret" not in str(error_of(f"{server}/scenes/none.tif?token=secret", limits))
    for name in ("busy.tif", "cut-short.tif"):
        assert isinstance(error_of(f"{server}/scenes/{name}", limits), TransientError)
    assert isinstance(
        error_of("http://127.0.0.1:1/x.tif", SceneSettings(asset_roots=("http://127.0.0.1:1",))), TransientError
    )


def test_the_size_limit_holds_while_fetching(server: str) -> None:
    assert (
        reason_of(f"{server}/scenes/a.tif", SceneSettings(asset_roots=(server,), max_bytes=1000)) == "scene-too-large"
    )


def test_no_server_is_allowed_by_default(server: str) -> None:
    error = error_of(f"{server}/scenes/a.tif", SceneSettings())
    assert isinstance(error, UnprocessableError)
    assert "RAILWATCH_SCENES_ASSET_ROOTS" in error.detail


def test_a_refusal_does_not_tell_the_roots() -> None:
    inside = ("file:///srv/internal", "s3://hidden-bucket/raw")
    error = error_of("https://example.com/x.tif", SceneSettings(asset_roots=inside))
    assert isinstance(error, UnprocessableError)
    assert not any(word in error.detail for word in ("internal", "hidden", "srv", "s3:"))


def test_local_files_are_read_only_below_their_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.tif"
    root.mkdir()
    outside.write_bytes(CONTENT)
    (root / "a b.tif").write_bytes(CONTENT)
    (root / "link.tif").symlink_to(outside)
    limits = SceneSettings(asset_roots=(f"file://{root}",))
    with fetched(f"file://{root}/a%20b.tif", limits, SPOOL) as path:
        assert isinstance(path, Path)
        assert path.read_bytes() == CONTENT
    assert reason_of(f"file://{outside}", limits) == "asset-refused"
    assert reason_of(f"file://{root}/link.tif", limits) == "asset-refused"
    assert reason_of(f"file://{root}/none.tif", limits) == "asset-not-found"
    assert reason_of(f"file://{root}/", limits) == "asset-not-found"


@pytest.mark.parametrize(
    ("href", "root"),
    [
        ("https://host.evil/x.tif", "https://host"),
        ("https://host@evil/x.tif", "https://host"),
        ("https://host:444/x.tif", "https://host"),
        ("http://host/x.tif", "https://host"),
        ("https://host/scenes-of-others/x.tif", "https://host/scenes"),
        ("https://host\\@evil/x.tif", "https://host"),
        ("https://host/a\n/x.tif", "https://host"),
        ("s3://bucket/raw-private/x.tif", "s3://bucket/raw"),
        ("s3://bucket2/x.tif", "s3://bucket"),
        ("file://host/srv/x.tif", "file:///srv"),
        ("ftp://host/x.tif", "https://host"),
        ("https://host/ok/..;/secret/x.tif", "https://host/ok"),
        ("https://host/ok/..;a=b/secret/x.tif", "https://host/ok"),
        ("https://host/ok/%2e%2e%3b/secret/x.tif", "https://host/ok"),
        ("https://host/ok/%252e%252e/secret/x.tif", "https://host/ok"),
        ("https://host/ok/..%252fsecret/x.tif", "https://host/ok"),
        ("https://host/ok/.. /secret/x.tif", "https://host/ok"),
        ("file:///srv/ok/..;/x.tif", "file:///srv/ok"),
        ("https://[bad/x.tif", "https://host"),
        ("/srv/x.tif", "file:///srv"),
        ("/vsicurl/http://host/x.tif", "http://host"),
    ],
)
def test_an_address_beside_the_root_is_refused(href: str, root: str) -> None:
    assert not allowed(href, [root])


@given(st.text(max_size=30))
def test_whatever_is_allowed_begins_with_its_root(tail: str) -> None:
    for href in (tail, f"https://host{tail}", f"https://host/{tail}"):
        if allowed(href, ["https://host/a"]):
            assert href.startswith("https://host/")


def item(**assets: pystac.Asset) -> pystac.Item:
    return pystac.Item("i", None, None, datetime(2023, 10, 5, tzinfo=UTC), {}, assets=assets)


def test_the_only_geotiff_is_the_scene() -> None:
    found = item(
        visual=pystac.Asset("https://host/visual.tif", media_type=pystac.MediaType.COG),
        preview=pystac.Asset("https://host/preview.tif", roles=["overview"]),
        thumbnail=pystac.Asset("https://host/thumb.png", media_type=pystac.MediaType.PNG),
    )
    assert scene_href(found) == "https://host/visual.tif"


def test_of_several_geotiffs_one_must_be_named() -> None:
    several = item(pan=pystac.Asset("https://host/pan.tif"), visual=pystac.Asset("https://host/visual.tif"))
    with pytest.raises(UnprocessableError) as raised:
        scene_href(several)
    assert raised.value.reason == "asset-ambiguous"
    assert scene_href(several, "pan") == "https://host/pan.tif"
