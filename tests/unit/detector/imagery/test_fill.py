"""What a provider wrote where there is no ground is recognised, declared or not, in every data type."""

from typing import Any

import numpy as np
import pytest

from railwatch.services.detector.imagery.fill import fill
from railwatch.services.detector.imagery.geotiff import read_raster
from tests.support.geotiff import NoiseScene
from tests.support.rendered import rendered

LOOK = NoiseScene(width=200, height=160)
FILLED = np.s_[:, :, 140:]
VALUES = {
    "uint8": (0, 1, 128, 255),
    "int8": (0, -128),
    "uint16": (0, 55537, 65535),
    "int16": (0, -999, -9999, -32768),
    "int32": (0, -9999, -(2**31)),
    "float32": (0, 1, -9999, -32768, 1e20, -3.4028235e38, np.nan, np.inf, -np.inf),
    "float64": (0, -9999, 1e20, np.nan),
}


def ground(dtype: str) -> np.ndarray[Any, Any]:
    """A picture of noise, from dark to bright."""
    noise = LOOK.pixels().astype(np.float64)
    return (noise / 255 if dtype.startswith("float") else noise / 2).astype(dtype)


@pytest.mark.parametrize(("dtype", "value"), [(dtype, value) for dtype, values in VALUES.items() for value in values])
def test_fill_that_is_not_declared_is_not_ground(dtype: str, value: float) -> None:
    pixels = ground(dtype)
    pixels[FILLED] = value

    valid = read_raster(NoiseScene(width=200, height=160, dtype=dtype).geotiff(pixels)).valid

    assert not valid[:, 140:].any()
    assert valid[:, :140].mean() > 0.999


@pytest.mark.parametrize("value", [-9999, 1e20, np.nan, np.inf])
def test_what_is_never_measured_is_a_hole_also_amid_the_picture(value: float) -> None:
    pixels = ground("float32")
    pixels[1, 50:60, 50:60] = value

    hole = fill(pixels)

    assert hole[50:60, 50:60].all()
    assert hole.sum() == 100


@pytest.mark.parametrize("hide", ["mask", "alpha", "nodata", "nodata beyond the type", "nodata no number"])
def test_what_the_file_declares_does_not_switch_the_search_off(hide: str) -> None:
    pixels = LOOK.pixels()
    pixels[FILLED] = 0
    whole = np.full(pixels.shape[1:], 255, np.uint8)
    if hide == "mask":
        data = LOOK.geotiff(pixels, mask=whole)
    elif hide == "alpha":
        with_alpha = NoiseScene(width=200, height=160, bands=4)
        data = with_alpha.geotiff(np.concatenate([pixels, whole[None]]), photometric="RGB", alpha="yes")
    else:
        data = NoiseScene(width=200, height=160, nodata=231).geotiff(pixels)
        said = {"nodata": b"231", "nodata beyond the type": b"256", "nodata no number": b"nan"}[hide]
        assert data.count(b"231\0") == 1
        data = data.replace(b"231\0", said + b"\0")

    valid = read_raster(data).valid

    assert not valid[:, 140:].any()
    assert valid[:, :140].all()


def test_a_value_that_the_type_cannot_hold_marks_nothing() -> None:
    pixels = LOOK.pixels()
    pixels[:, 50:60, 50:60] = 0  # what 256 becomes where it is cut to 8 bits
    pixels[:, 70:80, 50:60] = 255  # the nearest value
    data = NoiseScene(width=200, height=160, nodata=231).geotiff(pixels)

    assert read_raster(data.replace(b"231\0", b"256\0")).valid.all()


def test_a_value_in_one_band_is_missing_only_if_no_sensor_measures_it() -> None:
    pixels = LOOK.pixels()
    pixels[2, 50:60, 50:60] = 7
    assert read_raster(NoiseScene(width=200, height=160, nodata=7).geotiff(pixels)).valid.all()

    measured = ground("float32")
    measured[2, 50:60, 50:60] = -5
    valid = read_raster(NoiseScene(width=200, height=160, dtype="float32", nodata=-5).geotiff(measured)).valid
    assert (~valid).sum() == 100


@pytest.mark.parametrize(
    "lossy",
    [
        {"compress": "jpeg", "photometric": "YCBCR"},
        {"compress": "jpeg", "jpeg_quality": 50},
        {"compress": "webp"},
        {"compress": "webp", "webp_level": 50},
    ],
)
def test_black_fill_is_found_after_lossy_compression(lossy: dict[str, Any]) -> None:
    tile = rendered("clear").tile
    pixels = (tile.pixels * 255).round().astype(np.uint8)
    pixels[:, :, 261:] = 0
    look = NoiseScene(width=pixels.shape[2], height=pixels.shape[1])

    valid = read_raster(look.geotiff(pixels, tiled=True, blockxsize=256, blockysize=256, **lossy)).valid

    assert valid[:, 270:].mean() < 0.001
    assert valid[:, :255].mean() > 0.999


def test_dark_and_even_ground_amid_the_picture_is_ground() -> None:
    pixels = LOOK.pixels()
    pixels[:, 20:60, 20:60] = 0
    pixels[:, 80:120, 20:60] = 255
    pixels[:, 0, 20:30] = 0

    assert not fill(pixels).any()


def test_saturated_snow_along_the_border_is_ground() -> None:
    pixels = LOOK.pixels()
    pixels[:, :40, 20:60] = 255

    assert not fill(pixels).any()
