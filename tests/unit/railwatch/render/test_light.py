"""Sun, shadow and lean follow physics."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from railwatch.render.canvas import Array, Canvas, Frame, Mask, blank
from railwatch.render.light import direct_light, lean, sun_position, towards
from railwatch.shared.counts import Sun

FRAME = Frame((120, 120), 0.5, 1, 0.0)


def _post(height_m: float) -> Array:
    relief = np.zeros((120, 120), np.float32)
    relief[58:62, 58:62] = height_m
    return relief


def _centre(mask: Array | Mask) -> tuple[float, float]:
    row, col = ndimage.center_of_mass(mask)
    return float(col) - 59.5, float(row) - 59.5


@pytest.mark.parametrize(
    ("when", "lon", "lat", "azimuth", "elevation"),
    [
        # Worked example of Reda and Andreas, NREL/TP-560-34302 (2008): topocentric zenith 50.11, azimuth 194.34.
        (datetime(2003, 10, 17, 19, 30, 30, tzinfo=UTC), -105.1786, 39.742476, 194.34, 39.88),
        # Equinox at noon on the equator, Greenwich: the sun stands overhead.
        (datetime(2023, 3, 20, 12, 7, tzinfo=UTC), 0.0, 0.0, None, 89.5),
    ],
)
def test_the_sun_stands_where_the_almanac_says(
    when: datetime, lon: float, lat: float, azimuth: float | None, elevation: float
) -> None:
    sun = sun_position(when, lon, lat)
    assert sun.elevation_deg == pytest.approx(elevation, abs=0.6 if azimuth is None else 0.05)
    if azimuth is not None:
        assert sun.azimuth_deg == pytest.approx(azimuth, abs=0.05)


@settings(max_examples=40, deadline=None)
@given(azimuth=st.floats(0, 360), elevation=st.floats(20, 70), height=st.floats(1, 6))
def test_a_shadow_falls_away_from_the_sun_as_far_as_its_height_says(
    azimuth: float, elevation: float, height: float
) -> None:
    sun = Sun(azimuth_deg=azimuth, elevation_deg=elevation)
    dark = direct_light(_post(height), 0.5, sun) < 0.5
    x, y = towards(azimuth)
    reach_px = height / np.tan(np.radians(elevation)) / 0.5
    if reach_px < 4:
        return
    cols, rows = np.nonzero(dark.T)
    along = (cols - 59.5) * -x + (rows - 59.5) * -y
    assert along.min() > 0
    assert along.max() == pytest.approx(reach_px + 2, abs=3.0)
    shadow_x, shadow_y = _centre(dark)
    assert (shadow_x * -x + shadow_y * -y) / np.hypot(shadow_x, shadow_y) > 0.9


@settings(max_examples=20, deadline=None)
@given(azimuth=st.floats(0, 360))
def test_a_top_leans_away_from_the_sensor(azimuth: float) -> None:
    canvas: Canvas = blank(FRAME, 1)
    canvas.height_m[:] = _post(8.0)
    radiance = (canvas.height_m > 0).astype(np.float32)[None]
    seen, _ = lean(canvas, radiance, 25.0, azimuth, wall_light=0.0)
    x, y = towards(azimuth)
    top_x, top_y = _centre(seen[0] > 0.5)
    displaced = 8 * np.tan(np.radians(25)) / 0.5
    assert top_x == pytest.approx(-x * displaced, abs=1.5)
    assert top_y == pytest.approx(-y * displaced, abs=1.5)


def test_nothing_leans_when_seen_from_straight_above() -> None:
    canvas = blank(FRAME, 2)
    canvas.height_m[:] = _post(8.0)
    radiance = np.random.default_rng(0).random((2, 120, 120)).astype(np.float32)
    seen, wall = lean(canvas, radiance, 0.0, 45.0, wall_light=0.5)
    np.testing.assert_array_equal(seen, radiance)
    assert not wall.any()
