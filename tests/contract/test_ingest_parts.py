"""Of a large file that lies elsewhere, only the parts over the sites come here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore

from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.bringing import object_file
from railwatch.services.ingest.scenes.fetch import Part
from railwatch.services.ingest.scenes.remote import RemoteFile
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import TransientError, UnprocessableError
from tests.support.file_server import FileServer, file_server
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, desk_over
from tests.support.stac_item import stac_item

# 3000 x 3000 px around the site, 27 MB of noise that does not compress.
LARGE = NoiseScene(width=3000, height=3000)
FORMS: dict[str, dict[str, Any]] = {
    "tiled": {"tiled": True, "blockxsize": 256, "blockysize": 256},
    "by band": {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band", "compress": "deflate"},
    "big": {"tiled": True, "blockxsize": 512, "blockysize": 512, "BIGTIFF": "YES", "compress": "lzw"},
    "strips": {"compress": "deflate", "interleave": "pixel"},
}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray[Any, Any]:
    return LARGE.pixels()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: FileServer) -> Desk:
    return desk_over(tmp_path, SceneSettings(asset_roots=(server.url,)))


@pytest.mark.parametrize("form", FORMS)
def test_the_tiles_are_those_of_the_whole_file_and_only_their_blocks_come(
    desk: Desk, server: FileServer, pixels: np.ndarray[Any, Any], form: str
) -> None:
    mask = np.full((3000, 3000), 255, np.uint8)
    mask[100:150, 100:150] = 0
    data = LARGE.geotiff(pixels, mask=mask, **FORMS[form])
    server.files["/a.tif"] = data
    take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    read_bytes, server.sends_parts = server.sent_bytes, False
    take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    by_parts, whole = (tile.image.sha256 for tile in desk.tiles)
    assert by_parts == whole
    assert server.sent_bytes - read_bytes == len(data)
    # The window has 500 x 400 px, and 768 x 512 with all of its blocks: 1.2 MB. A strip is as wide as the file.
    assert read_bytes < (6_000_000 if form == "strips" else 3_200_000 if form == "big" else 1_700_000)


def test_a_mask_comes_by_parts_too(desk: Desk, server: FileServer, pixels: np.ndarray[Any, Any]) -> None:
    clouds = np.random.default_rng(1).integers(0, 2, (1, 3000, 3000), np.uint8)
    server.files["/a.tif"] = LARGE.geotiff(pixels, **FORMS["tiled"])
    server.files["/cloud.tif"] = NoiseScene(width=3000, height=3000, bands=1).geotiff(clouds, **FORMS["tiled"])
    clouded = {"cloud": {"href": f"{server.url}/cloud.tif", "roles": ["cloud"], "type": "image/tiff"}}
    receipt = take_item(desk.intake(), stac_item(f"{server.url}/a.tif", clouded), None, "stac")
    assert receipt.remarks == ()
    assert len(desk.tiles) == 1
    assert server.sent_bytes < 2_500_000


@pytest.mark.parametrize(("statuses", "reason"), [([500], None), ([429], None), ([404], "asset-not-found")])
@pytest.mark.parametrize("after", [1, 2])
def test_a_part_that_does_not_come_publishes_nothing(
    desk: Desk,
    server: FileServer,
    pixels: np.ndarray[Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    statuses: list[int],
    reason: str | None,
    after: int,
) -> None:
    monkeypatch.setattr("railwatch.services.ingest.scenes.fetch.PARTS_AT_ONCE", 1)
    server.files["/a.tif"] = LARGE.geotiff(pixels, mask=np.full((3000, 3000), 255, np.uint8), **FORMS["tiled"])
    take = server.files.get

    class Failing(dict[str, bytes]):
        def get(self, name: str, default: Any = None) -> Any:
            if len(server.asked) == after + 1:
                server.answers = [(status, {}) for status in statuses]
            return take(name, default)

    server.files = Failing(server.files)
    with pytest.raises((TransientError, UnprocessableError)) as raised:
        take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    assert getattr(raised.value, "reason", None) == reason
    assert desk.published == []


def test_a_file_that_changes_while_it_is_read_is_read_again_later(
    desk: Desk, server: FileServer, pixels: np.ndarray[Any, Any]
) -> None:
    server.files["/a.tif"] = LARGE.geotiff(pixels, **FORMS["tiled"])
    server.changes_after = 1
    with pytest.raises(TransientError, match="changed"):
        take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    assert desk.published == []
    take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    assert len(desk.tiles) == 1


def test_the_spool_limits_what_comes(desk: Desk, server: FileServer, pixels: np.ndarray[Any, Any]) -> None:
    server.files["/a.tif"] = LARGE.geotiff(pixels, **FORMS["tiled"])
    desk.limits = desk.limits.model_copy(update={"max_bytes": 500_000})
    with pytest.raises(UnprocessableError) as raised:
        take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    assert raised.value.reason == "scene-too-large"
    desk.limits = desk.limits.model_copy(update={"max_bytes": 5_000_000})
    take_item(desk.intake(), stac_item(f"{server.url}/a.tif"), None, "stac")
    assert len(desk.tiles) == 1, "the file is larger than that, and what comes of it is not"


@pytest.mark.parametrize("size_bytes", [0, 1, 4096, 65_536, 65_537, 1_000_003])
def test_what_is_read_of_an_object_is_what_is_there(size_bytes: int) -> None:
    data = np.random.default_rng(size_bytes).bytes(size_bytes)
    store = MemoryStore()
    obstore.put(store, "a", data)
    with Spool(10_000_000).file(10_000_000) as spooled:
        file = object_file(store, "a", spooled)
        if isinstance(file, Path):
            assert file.read_bytes() == data
            assert size_bytes <= 65_536
            return
        for start, length in [(0, 10), (size_bytes - 5, 100), (70_000, 1), (4095, 8194), (0, size_bytes)]:
            with file.open("rb") as opened:
                assert opened.seek(start) == start
                assert opened.read(length) == data[start : start + length]
                assert opened.tell() == start + len(data[start : start + length])
        assert file.brought_bytes <= size_bytes + 5 * 20_000


def test_an_object_that_is_written_anew_is_not_mixed() -> None:
    store = MemoryStore()
    obstore.put(store, "a", bytes(200_000))
    with Spool(10_000_000).file(10_000_000) as spooled:
        file = object_file(store, "a", spooled)
        assert isinstance(file, RemoteFile)
        obstore.put(store, "a", b"x" * 200_000)
        with pytest.raises(TransientError, match="changed"):
            file.bring([Part(100_000, 100_010)])
        assert file.read(100_000, 10) == b""
        with pytest.raises(TransientError, match="changed"):
            file.check()
