"""Rays through the field: from the sun to what it lights, and from the sensor to what it sees first.

Both are traced along scan lines. The field is sheared until all rays of one direction run down its columns; then one
running maximum down each column does what a march along each ray would do, for all rays at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.training.held_out.field import Field, Floats

# Colours of sunlight and of a clear sky, relative.
SUNLIGHT = (1.07, 1.0, 0.9)
SKYLIGHT = (0.78, 0.98, 1.32)
# Slopes steeper than this are walls; what is seen of them from above is their upper edge.
WALL_SLOPE = 1.6
# Providers lay pictures on a terrain model, which knows so much of banks and cuttings; of what stands there, nothing.
TERRAIN_KNOWN = np.float32(0.8)
# How gently a shadow ends, metres of height.
PENUMBRA_M = 0.25


@dataclass(frozen=True)
class _Shear:
    """A field turned so that rays run down its columns.

    Attributes:
        across: whether rows and columns are exchanged first.
        backward: whether rows are reversed then.
        columns: (rows, cols), which column each sheared cell comes from.
        row_m: how far a ray gets from row to row.
    """

    across: bool
    backward: bool
    columns: NDArray[np.int64]
    row_m: float

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        turned = values.T if self.across else values
        turned = turned[::-1] if self.backward else turned
        return np.take_along_axis(turned, self.columns, axis=1)

    def undo(self, values: Floats) -> Floats:
        turned = np.empty_like(values)
        np.put_along_axis(turned, self.columns, values, axis=1)
        turned = turned[::-1] if self.backward else turned
        return np.ascontiguousarray(turned.T if self.across else turned)


def _shear(shape: tuple[int, int], step_m: float, x: float, y: float) -> _Shear:
    """For rays that travel along (x, y), a unit vector."""
    across = abs(x) > abs(y)
    major, minor = (x, y) if across else (y, x)
    rows, cols = shape[::-1] if across else shape
    slide = np.rint(np.arange(rows) * minor / abs(major)).astype(np.int64)
    columns = (np.arange(cols)[None] + slide[:, None]) % cols
    return _Shear(across, major < 0, columns, step_m / abs(major))


def heading(azimuth_deg: float) -> tuple[float, float]:
    """The unit vector to an azimuth, x to the east and y to the south."""
    angle = np.radians(azimuth_deg)
    return float(np.sin(angle)), float(-np.cos(angle))


def sunlit(height: Floats, step_m: float, azimuth_deg: float, elevation_deg: float) -> Floats:
    """Share of the sun that each cell gets, (rows, cols)."""
    x, y = heading(azimuth_deg)
    shear = _shear((height.shape[0], height.shape[1]), step_m, -x, -y)
    level = np.asarray(shear.apply(height), np.float32)
    fall = np.arange(len(level), dtype=np.float32)[:, None] * np.float32(
        shear.row_m * np.tan(np.radians(elevation_deg))
    )
    ceiling = np.maximum.accumulate(level + fall, axis=0) - fall
    return shear.undo(np.clip(1 - (ceiling - level - np.float32(0.08)) / np.float32(PENUMBRA_M), 0, 1))


def radiance(field: Field, azimuth_deg: float, elevation_deg: float, sky: float) -> Floats:
    """Light that leaves each cell upwards, (3, rows, cols); flat white ground in full light gives 1.

    Args:
        field: what is lit.
        azimuth_deg: where the sun stands.
        elevation_deg: how high.
        sky: the sky's share of all light.
    """
    height = field.height
    lit = sunlit(height, field.step_m, azimuth_deg, elevation_deg)
    down, right = np.gradient(height, field.step_m)
    steep = np.hypot(down, right) > WALL_SLOPE
    x, y = heading(azimuth_deg)
    facing = 1 - (right * np.float32(x) + down * np.float32(y)) / np.float32(np.tan(np.radians(elevation_deg)))
    facing = np.where(steep, 1, np.clip(facing, 0, 1.9) / np.sqrt(1 + np.minimum(down**2 + right**2, 4)))
    near = ndimage.uniform_filter(height, max(3, int(2.5 / field.step_m)))
    wide = ndimage.uniform_filter(height, max(3, int(9.0 / field.step_m)))
    walled = np.clip(near - height, 0, None) * 0.16 + np.clip(wide - height, 0, None) * 0.08
    direct, diffuse = (1 - sky) * lit * facing, sky * np.exp(-walled)
    light = np.empty_like(field.colour)
    for band, (sun, blue) in enumerate(zip(SUNLIGHT, SKYLIGHT, strict=True)):
        light[band] = field.colour[band] * (direct * np.float32(sun) + diffuse * np.float32(blue))
    return light


def oblique(
    field: Field, light: Floats, off_nadir_deg: float, to_sensor_deg: float, wall_light: float
) -> tuple[Floats, NDArray[np.int16]]:
    """The field as a slanting sensor sees it, on the plane of level 0.

    Args:
        field: for its heights and cars.
        light: (3, rows, cols), as `radiance` gives it.
        off_nadir_deg: angle of the view from the vertical.
        to_sensor_deg: azimuth at which the sensor stands.
        wall_light: brightness of walls that the sensor sees, relative to the tops above them.

    Returns:
        Light (3, rows, cols), and the car that is seen (rows, cols), 0 for none.
    """
    x, y = heading(to_sensor_deg)
    shear = _shear(field.shape, field.step_m, -x, -y)
    level = np.asarray(shear.apply(field.height - TERRAIN_KNOWN * field.ground), np.float32)
    rows, cols = level.shape
    number = np.arange(rows, dtype=np.float32)[:, None]
    lean = np.float32(np.tan(np.radians(off_nadir_deg)) / shear.row_m)
    reach = np.maximum.accumulate(number + level * lean, axis=0)
    # A ray that meets level 0 in row p first hits the first row whose reach is p or more: as many rows come before it
    # as have a shorter reach.
    beyond = np.clip(np.floor(reach).astype(np.int64) + 1, 0, rows)
    counts = np.bincount((beyond * cols + np.arange(cols)).ravel(), minlength=(rows + 1) * cols)
    hit = np.minimum(np.cumsum(counts.reshape(rows + 1, cols)[:rows], axis=0), rows - 1)
    wall = np.take_along_axis(reach, hit, axis=0) - number > np.maximum(1.3, 0.5 * lean)
    dimming = np.where(wall, np.float32(wall_light), np.float32(1))
    seen = np.empty_like(light)
    for band in range(len(light)):
        tops = np.asarray(shear.apply(light[band]), np.float32)
        seen[band] = shear.undo(np.take_along_axis(tops, hit, axis=0) * dimming)
    cars = np.take_along_axis(np.asarray(shear.apply(field.owner), np.float32), hit, axis=0)
    return seen, shear.undo(cars).astype(np.int16)
