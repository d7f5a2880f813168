"""Sunlight: position of the sun, light and shadow, and how relief leans in an oblique view."""

from datetime import UTC, datetime

import numpy as np

from railwatch.render.canvas import Array, Canvas, Mask
from railwatch.shared.counts import Sun

# Colour of direct sunlight, relative.
SUNLIGHT = np.array([1.06, 1.0, 0.93, 1.0], np.float32)
# Colour of a blue sky, relative.
SKYLIGHT = np.array([0.72, 0.93, 1.30, 0.45], np.float32)


def sun_position(when: datetime, longitude_deg: float, latitude_deg: float) -> Sun:
    """Position of the sun, to about 0.02 degrees.

    Source: J. J. Michalsky, The Astronomical Almanac's algorithm for approximate solar position (1950-2050), Solar
    Energy 40 (1988). Refraction is left out.

    Args:
        when: an instant with its time zone.
        longitude_deg: east positive.
        latitude_deg: north positive.
    """
    days = (when.astimezone(UTC) - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal_deg = 280.46061837 + 360.98564736629 * days + longitude_deg
    hour_angle = np.radians(sidereal_deg) - right_ascension
    latitude = np.radians(latitude_deg)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour_angle)
    return Sun(
        azimuth_deg=float(np.degrees(np.arctan2(east, north)) % 360),
        elevation_deg=float(np.degrees(np.arcsin(np.clip(up, -1, 1)))),
    )


def towards(azimuth_deg: float, convergence_deg: float = 0.0) -> tuple[float, float]:
    """The unit vector to an azimuth in local x (east) and y (south), on a grid turned by the meridian convergence."""
    angle = np.radians(azimuth_deg - convergence_deg)
    return float(np.sin(angle)), float(-np.cos(angle))


def shift(field: Array, rows: int, cols: int, fill: float) -> Array:
    """A field moved down by `rows` and right by `cols`. Cells from outside are `fill`."""
    moved = np.full_like(field, fill)
    height, width = field.shape
    if abs(rows) >= height or abs(cols) >= width:
        return moved
    moved[max(rows, 0) : height + min(rows, 0), max(cols, 0) : width + min(cols, 0)] = field[
        max(-rows, 0) : height + min(-rows, 0), max(-cols, 0) : width + min(-cols, 0)
    ]
    return moved


def direct_light(height_m: Array, step_m: float, sun: Sun, convergence_deg: float = 0.0) -> Array:
    """Share of the sun's disc that each cell of a relief sees, (rows, cols).

    The ceiling of shadow over the relief is max over t of h(x - t s) - t tan(elevation). It is found by doubling: the
    ceiling over 2 n steps is the maximum of the ceiling over n steps and of that ceiling, moved n steps and lowered.
    """
    x, y = towards(sun.azimuth_deg, convergence_deg)
    fall_m = step_m * float(np.tan(np.radians(max(sun.elevation_deg, 2.0))))
    ceiling = height_m
    top = float(height_m.max())
    steps = 1
    while steps == 1 or (steps / 2) * fall_m < top:
        moved = shift(ceiling, round(-y * steps), round(-x * steps), 0.0)
        ceiling = np.maximum(ceiling, moved - np.float32(steps * fall_m))
        steps *= 2
    return np.clip(1 - (ceiling - height_m - 0.1) / 0.25, 0, 1).astype(np.float32)


def shade(
    canvas: Canvas, lit: Array, open_sky: Array, sun: Sun, sky_share: float, convergence_deg: float = 0.0
) -> Array:
    """Radiance that leaves the canvas, (bands, rows, cols): 1 is white, flat ground in full light.

    Args:
        canvas: what is lit.
        lit: share of the sun each cell sees.
        open_sky: share of the sky each cell sees.
        sun: where it stands.
        sky_share: light of the sky as a share of all light on flat ground.
        convergence_deg: the grid's turn against true north.
    """
    cotangent = 1 / float(np.tan(np.radians(max(sun.elevation_deg, 2.0))))
    x, y = towards(sun.azimuth_deg, convergence_deg)
    slope_x, slope_y = canvas.slope
    sloping = (slope_x != 0) | (slope_y != 0)
    along_x, along_y = slope_x[sloping], slope_y[sloping]
    cosine = (1 - cotangent * (x * along_x + y * along_y)) / np.sqrt(1 + along_x**2 + along_y**2)
    direct = lit * (1 - sky_share)
    direct[sloping] *= np.clip(cosine, 0, 2.5)
    diffuse = open_sky * sky_share
    radiance = np.empty_like(canvas.reflectance)
    for band in range(canvas.bands):
        radiance[band] = canvas.reflectance[band] * (direct * float(SUNLIGHT[band]) + diffuse * float(SKYLIGHT[band]))
    return radiance


def lean(
    canvas: Canvas, radiance: Array, off_nadir_deg: float, view_azimuth_deg: float, wall_light: float
) -> tuple[Array, Mask]:
    """An oblique view: tops are displaced away from the sensor, walls face it, and ground behind them is hidden.

    Args:
        canvas: for its relief.
        radiance: (bands, rows, cols) as seen from straight above.
        off_nadir_deg: angle of the view from the vertical.
        view_azimuth_deg: direction from the ground to the sensor, on the grid.
        wall_light: brightness of a wall that faces the sensor, relative to the top above it.

    Returns:
        The radiance as seen, and where a wall is seen.
    """
    per_metre = float(np.tan(np.radians(off_nadir_deg)))
    top = float(canvas.height_m.max())
    levels = min(int(np.ceil(per_metre * top / canvas.frame.step_m)), 60)
    if levels < 1:
        return radiance, np.zeros(canvas.height_m.shape, bool)
    x, y = towards(view_azimuth_deg)
    rise_m = canvas.frame.step_m / per_metre
    height = canvas.height_m
    hit = np.zeros(height.shape, np.int8)
    wall = np.zeros(height.shape, bool)
    moves = [(round(-y * level), round(-x * level)) for level in range(levels + 1)]
    for level in range(levels, 0, -1):
        seen = shift(height, *moves[level], 0.0)
        found = (seen >= (level - 0.5) * rise_m) & (hit == 0)
        hit[found] = level
        wall[found] = seen[found] > (level + 0.75) * rise_m
    wall |= (hit == 0) & (height > 0.75 * rise_m)
    rows, cols = np.nonzero((hit > 0) | wall)
    steps = np.array(moves)[hit[rows, cols]]
    from_rows = np.clip(rows - steps[:, 0], 0, height.shape[0] - 1)
    from_cols = np.clip(cols - steps[:, 1], 0, height.shape[1] - 1)
    dimming = np.where(wall[rows, cols], np.float32(wall_light), np.float32(1))
    leaning = radiance.copy()
    leaning[:, rows, cols] = radiance[:, from_rows, from_cols] * dimming
    return leaning, wall
