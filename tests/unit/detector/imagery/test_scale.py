"""Full scale comes from the ground, not from a few odd pixels, and from what the file says of its numbers."""

from typing import Any

import numpy as np
import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster, on_scale_of
from tests.support.geotiff import NoiseScene


def look(dtype: str, **changes: Any) -> NoiseScene:
    return NoiseScene(width=200, height=160, dtype=dtype, **changes)


NOISE = look("uint8").pixels()


@pytest.mark.parametrize("odd", [1, 5])
def test_hot_pixels_do_not_set_the_scale(odd: int) -> None:
    pixels = NOISE.astype(np.uint16) * 12
    plain = read_raster(look("uint16").geotiff(pixels))
    pixels[:, 30 : 30 + odd, 30 : 30 + odd] = 65535

    hot = read_raster(look("uint16").geotiff(pixels))

    elsewhere = hot.pixels < 0.9
    assert hot.scale == plain.scale
    assert (hot.pixels[elsewhere] == plain.pixels[elsewhere]).all()
    assert hot.pixels.max() == 1


def test_a_glint_does_not_make_reflectances_digital_numbers() -> None:
    pixels = NOISE.astype(np.float32) / 255
    pixels[:, 30, 30] = 2.5

    assert read_raster(look("float32").geotiff(pixels)).pixels.mean() == pytest.approx(NOISE.mean() / 255, abs=0.001)


@pytest.mark.parametrize(
    ("dtype", "bits", "full"), [("uint8", 4, 15), ("uint16", 11, 2047), ("uint16", 12, 4095), ("float32", 16, 1)]
)
def test_a_declared_number_of_bits_is_full_scale_of_integers(dtype: str, bits: int, full: float) -> None:
    pixels = NOISE / 255 if dtype == "float32" else NOISE / 255 * 15
    raster = read_raster(look(dtype).geotiff(pixels.astype(dtype), nbits=bits))

    assert raster.scale.full == full
    assert not raster.scale.judged


def test_scale_and_offset_give_the_measured_values() -> None:
    stored = NOISE.astype(np.uint16) * 20 + 1000
    scaling = [1 / 5100] * 3, [-1000 / 5100] * 3

    raster = read_raster(look("uint16").geotiff(stored, scaling=scaling))

    assert raster.pixels == pytest.approx(NOISE / 255, abs=1e-3)


@pytest.mark.parametrize("scale", [0.0, 1e300, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_left_out(scale: float) -> None:
    raster = read_raster(look("uint8").geotiff(NOISE, scaling=([scale] * 3, [0.0] * 3)))

    assert raster.pixels == pytest.approx(NOISE / 255, abs=1e-6)


def test_looks_of_one_sensor_are_compared_on_one_scale() -> None:
    bright, dark, eight = (
        read_raster(look("uint16").geotiff(NOISE.astype(np.uint16) * factor)) for factor in (12, 6, 1)
    )

    assert bright.scale != dark.scale
    assert on_scale_of(dark, bright).pixels == pytest.approx(bright.pixels / 2, abs=1e-3)
    assert on_scale_of(eight, bright) is eight


def digital(raster: Raster) -> Any:
    return (raster.pixels * raster.scale.full).round()


def test_what_is_stored_is_not_changed() -> None:
    assert (digital(read_raster(look("uint8").geotiff(NOISE))) == NOISE).all()
