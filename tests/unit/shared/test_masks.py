"""A provider's mask hides what it calls cloud or unusable, on the picture's grid; one that does not fit is left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from railwatch.shared.geography import PixelGrid
from railwatch.shared.masks import MaskFile, Meaning, meaning_of, meaning_of_classes, open_masks
from tests.support.geotiff import ORIGIN, NoiseScene, reproject

PICTURE = NoiseScene(width=80, height=60, bands=1)
WINDOW = Window(10, 20, 40, 30)
UDM2 = ("clear", "snow", "shadow", "light_haze", "heavy_haze", "cloud", "confidence", "unusable")
Numbers = np.ndarray[Any, Any]


def mask_of(numbers: Numbers, **changes: Any) -> bytes:
    bands, rows, cols = numbers.shape
    return NoiseScene(width=cols, height=rows, bands=bands, dtype=str(numbers.dtype), **changes).geotiff(numbers)


def one_band(rows: slice, inside: int, outside: int) -> Numbers:
    numbers = np.full((1, 60, 80), outside, np.uint8)
    numbers[:, rows] = inside
    return numbers


def hidden(tmp_path: Path, data: bytes, name: str, meaning: Meaning | None = None) -> tuple[Numbers, tuple[str, ...]]:
    """What a mask hides in `WINDOW`, and the remarks."""
    (tmp_path / "picture.tif").write_bytes(PICTURE.geotiff())
    (tmp_path / "mask.tif").write_bytes(data)
    file = MaskFile(tmp_path / "mask.tif", name, meaning or meaning_of(name))
    with (
        rasterio.open(tmp_path / "picture.tif") as picture,
        open_masks([file], picture, PixelGrid(picture.transform, picture.crs), [WINDOW]) as masks,
    ):
        return masks.hidden(WINDOW), masks.remarks


CLOUD = one_band(slice(0, 35), 1, 0)
TOP = np.arange(20, 50)[:, None] < 35
TOP_ROWS = np.broadcast_to(TOP, (30, 40))


@pytest.mark.parametrize("band", UDM2)
def test_a_udm2_hides_by_cloud_shadow_heavy_haze_and_unusable(tmp_path: Path, band: str) -> None:
    numbers = np.zeros((8, 60, 80), np.uint8)
    numbers[UDM2.index(band), :35] = 1

    found, remarks = hidden(tmp_path, mask_of(numbers), "x_udm2.tif")

    assert remarks == ()
    assert (found == (TOP_ROWS & (band in {"shadow", "heavy_haze", "cloud", "unusable"}))).all()


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("a_udm.tif", 2, 0),
        ("a_udm.tif", 0b1100, 0),
        ("clouds.tif", 1, 0),
        ("a_cloud.tif", 255, 0),
        ("a_mask.tif", 0, 1),
        ("a_mask.tif", 0, 255),
        ("cloud-mask-raster", 2, 1),
        ("cloud-mask-raster", 3, 1),
        ("cloud-mask-raster", 0, 1),
    ],
)
def test_the_name_of_a_mask_of_one_band_says_what_it_means(
    tmp_path: Path, name: str, inside: int, outside: int
) -> None:
    found, remarks = hidden(tmp_path, mask_of(one_band(slice(0, 35), inside, outside)), name)

    assert remarks == ()
    assert (found == TOP_ROWS).all()


def test_the_classes_of_a_stac_asset_say_what_it_means(tmp_path: Path) -> None:
    names = ["no_data", "clear", "cloud", "cloud_shadow", "snow", "not cloud", 7]
    meaning = meaning_of_classes([None, *({"value": value, "name": name} for value, name in enumerate(names))])

    assert meaning == Meaning(frozenset({0, 2, 3}), hide=True)
    assert (hidden(tmp_path, mask_of(one_band(slice(0, 35), 3, 4)), "qa", meaning)[0] == TOP_ROWS).all()


@pytest.mark.parametrize(
    "classes", [None, 5, [], [5], [{"value": "1", "name": "cloud"}], [{"value": 1, "name": "clear"}]]
)
def test_classes_that_name_nothing_that_hides_are_not_used(classes: object) -> None:
    assert meaning_of_classes(classes) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(mask_of(CLOUD[:, ::2, ::2], gsd=1.0), id="coarser"),
        pytest.param(mask_of(CLOUD.repeat(2, 1).repeat(2, 2), gsd=0.25), id="finer"),
        pytest.param(
            mask_of(np.pad(CLOUD, ((0, 0), (9, 9), (4, 7))), origin=(ORIGIN[0] - 2, ORIGIN[1] + 4.5)), id="larger"
        ),
        pytest.param(reproject(mask_of(CLOUD), "EPSG:3857", 0.3), id="of another CRS"),
    ],
)
def test_a_mask_of_another_grid_is_brought_onto_the_pictures(tmp_path: Path, data: bytes) -> None:
    found, remarks = hidden(tmp_path, data, "cloud.tif")

    assert remarks == ()
    assert (found[:14] == 1).mean() > 0.97
    assert not found[16:].any()


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"not a picture", "udm2.tif", "not a TIFF"),
        (mask_of(CLOUD)[:400], "cloud.tif", "cannot be read"),
        (mask_of(CLOUD, crs=None), "cloud.tif", "no CRS"),
        (mask_of(CLOUD, origin=(ORIGIN[0] + 900, ORIGIN[1])), "cloud.tif", "does not show"),
        (mask_of(CLOUD, origin=(ORIGIN[0] + 20, ORIGIN[1])), "cloud.tif", "all of the ground"),
        (mask_of(CLOUD, crs="EPSG:32651"), "cloud.tif", "does not show"),
        (mask_of(np.zeros((3, 60, 80), np.uint8)), "udm2.tif", "3 bands"),
        (mask_of(np.zeros((8, 60, 80), np.float32)), "udm2.tif", "float32"),
        (mask_of(np.arange(4800, dtype=np.uint16).reshape(1, 60, 80) % 101), "cloud.tif", "two values"),
        (mask_of(one_band(slice(0, 35), 1, 2)), "a_mask.tif", "two values"),
        (mask_of(np.zeros((1, 6000, 8000), np.uint8), gsd=0.005), "udm.tif", "smaller"),
    ],
)
def test_a_mask_that_does_not_fit_is_left_out_with_a_remark(tmp_path: Path, data: bytes, name: str, why: str) -> None:
    found, (remark,) = hidden(tmp_path, data, name)

    assert not found.any()
    assert remark.startswith(f"The mask `{name}` is not used. ")
    assert why in remark
