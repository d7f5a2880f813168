"""Scenes from a real STAC API, with items that pystac and rio-stac made."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pystac
import pytest
import rio_stac
from pystac.extensions.eo import EOExtension
from shapely.geometry import box, mapping

from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import TransientError
from tests.support.file_server import FileServer, file_server
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, desk_over, stac_source
from tests.support.stac_server import MemoryClient, stac_server

NOON = datetime(2023, 10, 5, 2, 11, tzinfo=UTC)


@pytest.fixture
def files() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, files: FileServer) -> Desk:
    return desk_over(tmp_path, SceneSettings(asset_roots=(files.url,)))


@pytest.fixture
def api() -> Iterator[tuple[str, MemoryClient]]:
    with stac_server() as served:
        yield served


def by_pystac(desk: Desk, files: FileServer, number: int, cloud_cover: float | None = None) -> pystac.Item:
    """An item of one day, whose file differs from those of all other days."""
    name = f"/{number}.tif"
    files.files[name] = NoiseScene(seed=number).geotiff()
    ground = box(*desk.sites.sites["yard"].polygon.bounds)
    item = pystac.Item(
        f"item-{number}", mapping(ground), list(ground.bounds), NOON - timedelta(days=number), {}, collection="optical"
    )
    item.common_metadata.gsd = 0.5
    item.common_metadata.platform = "skysat-1"
    if cloud_cover is not None:
        EOExtension.ext(item, add_if_missing=True).cloud_cover = cloud_cover
    item.add_asset("visual", pystac.Asset(files.url + name, media_type=pystac.MediaType.COG))
    return item


def poll(desk: Desk, url: str, **given: Any) -> bool:
    return desk.poll_api(stac_source(url, lookback_days=10_000, **given))


def test_items_by_pystac_are_taken_over_several_pages_and_again_when_updated(
    desk: Desk, files: FileServer, api: tuple[str, MemoryClient]
) -> None:
    url, has = api
    for number in range(5):
        has.put(by_pystac(desk, files, number))
    assert poll(desk, url, collections=["optical"])
    assert poll(desk, url, collections=["optical"])
    assert sorted(tile.scene for tile in desk.tiles) == [f"item-{number}" for number in range(5)]
    assert {tile.sensor for tile in desk.tiles} == {"skysat-1"}
    assert len(has.searches) == 6, "three pages for each poll"

    updated = by_pystac(desk, files, 3)
    updated.common_metadata.updated = NOON + timedelta(days=1)
    files.files["/3.tif"] = NoiseScene(seed=33).geotiff()
    has.put(updated)
    assert poll(desk, url, collections=["optical"])
    assert [tile.scene for tile in desk.tiles][5:] == ["item-3"]
    assert poll(desk, url, collections=["another"])
    assert len(desk.tiles) == 6


def test_items_by_rio_stac_are_taken(
    desk: Desk, files: FileServer, api: tuple[str, MemoryClient], tmp_path: Path
) -> None:
    url, has = api
    data = NoiseScene(width=2000, height=2000).geotiff(tiled=True)
    files.files["/rio.tif"] = data
    (tmp_path / "rio.tif").write_bytes(data)
    item = rio_stac.create_stac_item(
        str(tmp_path / "rio.tif"),
        input_datetime=NOON,
        asset_name="data",
        asset_href=f"{files.url}/rio.tif",
        with_proj=True,
        with_raster=True,
        with_eo=True,
    )
    has.put(item)
    assert poll(desk, url)
    assert [tile.scene for tile in desk.tiles] == ["rio.tif"]
    assert desk.dead_letters == []
    assert files.sent_bytes < len(data) / 2


def test_the_api_is_asked_for_what_is_wanted_and_an_item_that_does_not_say_is_taken(
    desk: Desk, files: FileServer, api: tuple[str, MemoryClient]
) -> None:
    url, has = api
    for number, cloud_cover in enumerate([10, 90, None, 40]):
        has.put(by_pystac(desk, files, number, cloud_cover))
    filters = {"cloud_cover_max": 40, "gsd_max_m": 1.0, "platforms": ["skysat-1", "skysat-2"]}
    assert poll(desk, url, filters=filters)
    assert sorted(tile.scene for tile in desk.tiles) == ["item-0", "item-2", "item-3"]
    assert all(search.filter_expr is not None for search in has.searches)
    assert poll(desk, url, name="other", filters={"gsd_max_m": 0.4})
    assert len(desk.tiles) == 3


@pytest.mark.parametrize("knows", ["cql2", "query", "nothing"])
def test_items_that_do_not_say_are_left_out_if_so_wanted_whatever_the_api_knows(
    desk: Desk, files: FileServer, knows: Literal["cql2", "query", "nothing"]
) -> None:
    filters = {"cloud_cover_max": 40, "gsd_min_m": 0.3, "gsd_max_m": 1.0, "platforms": ["skysat-1"]}
    with stac_server(knows=knows) as (url, has):
        for number, cloud_cover in enumerate([10, 90, None, 40]):
            has.put(by_pystac(desk, files, number, cloud_cover))
        assert poll(desk, url, filters={**filters, "unstated": "leave-out"})
        assert sorted(tile.scene for tile in desk.tiles) == ["item-0", "item-3"]
        asked = [(getattr(one, "filter_expr", None), getattr(one, "query", None)) for one in has.searches]
    assert {(expression is not None, query is not None) for expression, query in asked} == {
        (knows == "cql2", knows == "query")
    }
    assert len(asked) == (2 if knows == "nothing" else 1)


def test_an_api_that_knows_query_only_loses_no_item_that_does_not_say(desk: Desk, files: FileServer) -> None:
    with stac_server(knows="query") as (url, has):
        for number, cloud_cover in enumerate([10, 90, None]):
            has.put(by_pystac(desk, files, number, cloud_cover))
        assert poll(desk, url, filters={"cloud_cover_max": 40})
        assert [search.query for search in has.searches] == [None, None]
    assert sorted(tile.scene for tile in desk.tiles) == ["item-0", "item-2"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_search_waits_as_long_as_the_api_asks(
    desk: Desk, files: FileServer, api: tuple[str, MemoryClient], status: int
) -> None:
    url, has = api
    for number in range(3):
        has.put(by_pystac(desk, files, number))
    has.limits = [(status, "0"), (status, "0")]
    assert poll(desk, url)
    assert len(desk.tiles) == 3


def test_an_api_that_wants_peace_for_an_hour_gets_it(
    desk: Desk, files: FileServer, api: tuple[str, MemoryClient]
) -> None:
    url, has = api
    has.put(by_pystac(desk, files, 1))
    has.limits = [(429, "3600")]
    with pytest.raises(TransientError) as raised:
        poll(desk, url)
    assert raised.value.retry_after_s == 3600
    assert has.searches == []
    assert poll(desk, url)
    assert len(desk.tiles) == 1


def test_nothing_is_missed_while_ingest_was_away(desk: Desk, files: FileServer, api: tuple[str, MemoryClient]) -> None:
    url, has = api
    source = stac_source(url, lookback_days=3)
    now = datetime.now(UTC)
    desk.redis.hset("railwatch:ingest:source:stac:searched", "yard", int((now - timedelta(days=40)).timestamp()))
    for number, days in enumerate([2, 42, 50]):
        item = by_pystac(desk, files, number)
        item.datetime = (now - timedelta(days=days)).replace(hour=2, minute=11)
        has.put(item)
    assert desk.poll_api(source)
    assert sorted(tile.scene for tile in desk.tiles) == ["item-0", "item-1"]
    assert desk.poll_api(source)
    assert has.searches[-1].start_date > now - timedelta(days=4)
