"""A picture knows where it is on Earth, and a baseline comes onto the grid of a tile."""

from typing import Any

import numpy as np
import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster, harmonise, north_px
from tests.support.geotiff import ORIGIN, NoiseScene, reproject


def picture(**changes: Any) -> Raster:
    return read_raster(NoiseScene(width=100, height=80, **changes).geotiff())


def test_pixels_and_degrees_convert_to_and_fro() -> None:
    raster = picture()
    xy_px = np.array([[0.0, 0.0], [99.0, 79.0], [12.5, 40.25]])

    assert raster.to_pixels(raster.to_lonlat(xy_px)) == pytest.approx(xy_px, abs=1e-4)


def test_the_first_pixel_s_centre_is_the_origin_of_pixel_coordinates() -> None:
    raster = picture()
    east, north = raster.transform @ (0.5, 0.5)

    lon, lat = raster.to_lonlat(np.array([[0.0, 0.0]]))[0]

    assert (east, north) == (ORIGIN[0] + 0.25, ORIGIN[1] - 0.25)
    assert (lon, lat) == pytest.approx((128.61, 42.416), abs=0.01)


def test_north_is_up_but_for_the_meridians_convergence() -> None:
    assert north_px(picture()) == pytest.approx([0, -1], abs=0.01)


def test_a_baseline_of_another_size_gsd_and_crs_comes_onto_the_tile_s_grid() -> None:
    blobs = np.hypot(*np.mgrid[-40:40, -50:50])[None].repeat(3, axis=0)
    tile = read_raster(
        NoiseScene(width=100, height=80).geotiff((255 * np.exp(-((blobs / 20) ** 2)) + 0).astype(np.uint8))
    )
    other = reproject(
        NoiseScene(width=100, height=80).geotiff((255 * np.exp(-((blobs / 20) ** 2))).astype(np.uint8)),
        "EPSG:3857",
        0.5,
    )

    baseline = harmonise(read_raster(other), tile)

    assert baseline.shape == tile.shape
    assert baseline.crs == tile.crs
    inside = np.s_[:, 10:-10, 10:-10]
    assert np.abs(baseline.pixels[inside] - tile.pixels[inside]).max() < 0.05


def test_harmonising_again_changes_nothing() -> None:
    tile = picture()
    once = harmonise(picture(gsd=0.7, origin=(ORIGIN[0] - 5, ORIGIN[1] + 5), bands=1), tile)

    twice = harmonise(once, tile)

    assert np.array_equal(once.pixels, twice.pixels)
    assert np.array_equal(once.valid, twice.valid)


@pytest.mark.parametrize(("tile_bands", "baseline_bands"), [(1, 3), (3, 1)])
def test_the_tile_s_bands_decide(tile_bands: int, baseline_bands: int) -> None:
    baseline = harmonise(picture(bands=baseline_bands), picture(bands=tile_bands))

    assert len(baseline.pixels) == tile_bands


def test_ground_beyond_the_baseline_is_not_valid() -> None:
    baseline = harmonise(picture(origin=(ORIGIN[0] + 25, ORIGIN[1])), picture())

    assert not baseline.valid[:, :49].any()
    assert baseline.valid[5:-5, 52:].all()
