"""Where the sun stands over a tile, and where shadows fall."""

from datetime import datetime

import numpy as np

from railwatch.services.detector.imagery.arrays import Points
from railwatch.services.detector.imagery.raster import Raster, north_px
from railwatch.shared.counts import Sun
from railwatch.shared.sun import sun_position

# Elevation in degrees. Below it the shadow of a car is longer than 50 m and does not show where the car stands.
LOWEST_USEFUL_SUN_DEG = 5.0


def sun_over(tile: Raster, observed_at: datetime) -> Sun:
    """The sun over the middle of a tile."""
    rows, cols = tile.shape
    lon, lat = tile.to_lonlat(np.array([[cols / 2, rows / 2]]))[0]
    return sun_position(observed_at, lon, lat)


def shadow_px(sun: Sun, raster: Raster) -> Points | None:
    """The shadow (x, y), in pixels, of a point one metre above flat ground; None where the sun is too low for one."""
    if sun.elevation_deg < LOWEST_USEFUL_SUN_DEG:
        return None
    north = north_px(raster)
    east = np.array([-north[1], north[0]])
    azimuth = np.deg2rad(sun.azimuth_deg)
    towards_sun = np.cos(azimuth) * north + np.sin(azimuth) * east
    return np.asarray(-towards_sun / (np.tan(np.deg2rad(sun.elevation_deg)) * raster.gsd_m))
