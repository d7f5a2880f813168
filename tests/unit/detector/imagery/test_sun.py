"""Where the sun stands, against published positions, and where it throws shadows."""

from datetime import datetime

import numpy as np
import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.sun import shadow_px, sun_over
from railwatch.shared.counts import Sun
from railwatch.shared.sun import sun_position
from tests.support.geotiff import NoiseScene


@pytest.mark.parametrize(
    ("at", "lon", "lat", "azimuth", "elevation"),
    [
        # Reda and Andreas, NREL/TP-560-34302 (2008), appendix A.5; their elevation less 0.017 of refraction.
        ("2003-10-17T12:30:30-07:00", -105.1786, 39.742476, 194.340, 39.872),
        # Greenwich, by the declination and the equation of time of the Astronomical Almanac.
        ("2023-06-21T12:02:00+00:00", 0.0, 51.4779, 180.0, 61.96),
        ("2023-12-22T11:58:20+00:00", 0.0, 51.4779, 180.0, 15.09),
    ],
)
def test_published_positions(at: str, lon: float, lat: float, azimuth: float, elevation: float) -> None:
    sun = sun_position(datetime.fromisoformat(at), lon, lat)

    assert sun.azimuth_deg == pytest.approx(azimuth, abs=0.2)
    assert sun.elevation_deg == pytest.approx(elevation, abs=0.03)


def test_a_shadow_points_away_from_the_sun() -> None:
    tile = read_raster(NoiseScene().geotiff())
    from_the_south = shadow_px(Sun(azimuth_deg=180, elevation_deg=45), tile)
    from_the_east = shadow_px(Sun(azimuth_deg=90, elevation_deg=30), tile)

    assert from_the_south is not None
    assert from_the_east is not None
    # One metre high, at 45 degrees and 0.5 m a pixel: two pixels, up.
    assert from_the_south == pytest.approx([0, -2], abs=0.02)
    assert from_the_east == pytest.approx([-2 * np.sqrt(3), 0], abs=0.03)


def test_a_sun_near_the_horizon_gives_no_shadow() -> None:
    tile = read_raster(NoiseScene().geotiff())

    assert shadow_px(Sun(azimuth_deg=180, elevation_deg=2), tile) is None


def test_the_sun_over_a_tile_is_the_sun_over_its_middle() -> None:
    at = datetime.fromisoformat("2023-10-05T02:14:00+00:00")
    tile = read_raster(NoiseScene().geotiff())

    assert sun_over(tile, at) == sun_position(at, *tile.to_lonlat(np.array([[250.0, 200.0]]))[0])
