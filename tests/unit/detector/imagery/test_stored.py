"""Pixels that stay the numbers of their file are the same light as those that do not."""

from dataclasses import replace

import numpy as np
import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.margins import trimmed
from railwatch.services.detector.imagery.raster import Raster, on_scale_of
from railwatch.services.detector.imagery.scale import Scale
from railwatch.services.detector.imagery.stored import Stored, taken
from tests.support.geotiff import NoiseScene


def both(dtype: str) -> tuple[Raster, Raster]:
    """A picture read as floats, and as it is stored. Rows along one border and a hole have no data."""
    scene = NoiseScene(width=100, height=80, dtype=dtype, nodata=0)
    pixels = scene.pixels()
    pixels[:, :3] = 0
    pixels[:, 40:44, 50:60] = 0
    data = scene.geotiff(pixels)
    return read_raster(data), read_raster(data, as_stored=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_they_are_the_same_light_however_they_are_read(dtype: str) -> None:
    floats, stored = both(dtype)
    hole = ~floats.valid
    assert isinstance(stored.pixels, Stored)
    assert stored.pixels.numbers.dtype == dtype
    for part in (np.s_[:, 5:70:3, 10:90], np.s_[:, hole], np.s_[1], np.s_[:, ::2]):
        assert np.array_equal(stored.pixels[part], floats.pixels[part])
    assert all(np.array_equal(*bands) for bands in zip(stored.pixels, floats.pixels, strict=True))
    index = np.array([[0, 7], [4_050, 7_999]])
    assert np.array_equal(taken(stored.pixels, 2, index), taken(floats.pixels, 2, index))
    assert np.array_equal(stored.luminance(), floats.luminance())
    assert np.array_equal(stored.valid, floats.valid)


def test_trimmed_and_brought_to_another_scale_they_still_are() -> None:
    floats, stored = (
        on_scale_of(
            replace(trimmed(picture), scale=Scale(2047.0, judged=True)),
            replace(picture, scale=Scale(1023.0, judged=True)),
        )
        for picture in both("uint16")
    )
    assert isinstance(stored.pixels, Stored)
    assert stored.shape == floats.shape == (77, 100)
    assert np.array_equal(np.asarray(stored.pixels), floats.pixels)


def test_other_numbers_are_light_from_the_start() -> None:
    assert isinstance(both("float32")[1].pixels, np.ndarray)
