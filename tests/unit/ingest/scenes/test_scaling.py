from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from railwatch.services.ingest.scenes.scaling import Scaling, scaling_of_asset
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, desk_over
from tests.support.pushing import push, sender
from tests.support.stac_item import stac_item

NUMBERS = {"scale": 0.0001, "offset": -0.1}
PREFIXED = {"raster:scale": 0.0001, "raster:offset": -0.1}


@pytest.mark.parametrize(
    ("asset", "bands"),
    [
        ({"raster:bands": [NUMBERS] * 3}, 3),
        ({"raster:bands": [PREFIXED]}, 1),
        ({"bands": [PREFIXED] * 4}, 4),
        ({"bands": [NUMBERS] * 3}, 3),
        ({"bands": [{"name": "red"}, {"name": "green"}], **PREFIXED}, 2),
        (PREFIXED, 1),
    ],
)
def test_the_scaling_of_an_asset_is_read_in_every_form(asset: dict[str, Any], bands: int) -> None:
    assert scaling_of_asset(asset) == (Scaling(scales=(0.0001,) * bands, offsets=(-0.1,) * bands), ())


@pytest.mark.parametrize("asset", [{}, {"bands": None}, {"raster:bands": []}, {"bands": [{"name": "red"}]}])
def test_an_asset_may_say_nothing(asset: dict[str, Any]) -> None:
    assert scaling_of_asset(asset) == (None, ())


@pytest.mark.parametrize(
    "bands",
    [
        "text",
        {"scale": 2},
        [None],
        [5],
        [{"scale": 0}],
        [{"scale": "2"}],
        [{"offset": float("nan")}],
        [{"scale": True}],
        5,
        1e308,
        [{"scale": 10**400}],
        [{"scale": 1e308}],
        [{"scale": 5e-324}],
        [{"offset": float("-inf")}],
    ],
)
def test_a_malformed_scaling_is_left_out_with_a_remark(bands: Any) -> None:
    scaling, remarks = scaling_of_asset({"raster:bands": bands})
    assert scaling is None
    assert "malformed" in remarks[0]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_over(tmp_path)


@pytest.fixture
def tile_of(desk: Desk, tmp_path: Path) -> Callable[..., Any]:
    """Pushes a file with an item; gives the remarks, and the open tile."""

    def pushed(data: bytes, asset: dict[str, Any] | None = None) -> tuple[list[str], Any]:
        item = stac_item("a.tif", {"visual": {"href": "a.tif", **(asset or {})}})
        with sender(desk) as client:
            answer = push(client, data, item)
        assert answer.status_code == 201, answer.text
        tile = tmp_path / "tile.tif"
        tile.write_bytes(desk.blobs.get(desk.tiles[-1].image))
        return answer.json().get("remarks", []), rasterio.open(tile)

    return pushed


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_tags_of_a_file_are_in_its_tiles(tile_of: Callable[..., Any], dtype: str) -> None:
    data = NoiseScene(dtype=dtype).geotiff(scaling=((0.1, 0.2, 0.3), (-1.0, 0.0, 1.0)))
    remarks, tile = tile_of(data, {"raster:bands": [NUMBERS] * 3})
    assert (tile.scales, tile.offsets) == ((0.1, 0.2, 0.3), (-1.0, 0.0, 1.0))
    assert "disagree" in remarks[0]


def test_the_scaling_of_an_item_is_in_the_tiles(tile_of: Callable[..., Any]) -> None:
    remarks, tile = tile_of(NoiseScene(dtype="uint16").geotiff(), {"raster:bands": [NUMBERS] * 3})
    assert (tile.scales, tile.offsets, remarks) == ((0.0001,) * 3, (-0.1,) * 3, [])


def test_alpha_is_not_scaled(tile_of: Callable[..., Any]) -> None:
    data = NoiseScene(bands=4).geotiff(photometric="RGB", alpha="YES")
    _, tile = tile_of(data, {"raster:bands": [NUMBERS] * 3})
    assert (tile.scales, tile.offsets) == ((*(0.0001,) * 3, 1.0), (*(-0.1,) * 3, 0.0))


@pytest.mark.parametrize(
    ("data", "bands", "remark"),
    [
        (NoiseScene().geotiff(), [NUMBERS] * 2, "2 scales and the file 3 bands"),
        (NoiseScene().geotiff(scaling=((0.0,) * 3, (1.0,) * 3)), [], "tags for scale"),
        (NoiseScene().geotiff(), [{"scale": 0}], "malformed"),
    ],
)
def test_a_scaling_that_cannot_be_used_is_left_out_with_a_remark(
    tile_of: Callable[..., Any], data: bytes, bands: list[Any], remark: str
) -> None:
    remarks, tile = tile_of(data, {"raster:bands": bands})
    assert (tile.scales, tile.offsets) == ((1.0,) * 3, (0.0,) * 3)
    assert remark in remarks[0]


def test_the_scaling_is_a_part_of_what_a_scene_is(desk: Desk, tile_of: Callable[..., Any]) -> None:
    data = NoiseScene().geotiff()
    tile_of(data)
    tile_of(data, {"raster:bands": [NUMBERS]})
    assert len({tile.id for tile in desk.tiles}) == 2


@pytest.mark.parametrize(("dtype", "bits"), [("uint16", 12), ("uint16", 10), ("uint8", 7)])
@pytest.mark.parametrize("nodata", [None, 0])
def test_the_number_of_bits_is_kept(tile_of: Callable[..., Any], dtype: str, bits: int, nodata: float | None) -> None:
    look = NoiseScene(dtype=dtype, nodata=nodata)
    pixels = look.pixels() // 2 if bits == 7 else look.pixels() * (4 if bits == 10 else 16)
    pixels = pixels.clip(0, 2**bits - 1)
    _, tile = tile_of(look.geotiff(pixels, nbits=bits))
    assert tile.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == str(bits)
    assert tile.dtypes[0] == dtype
    assert np.isin(tile.read(), pixels).all()
    assert tile.read().max() > 2 ** (bits - 1)
