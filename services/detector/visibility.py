"""Visibility: what of the ground a tile shows, and what cloud and missing data hide.

Cloud cannot be told by brightness: snow, concrete and white roofs are as bright. What tells it is that it is brighter
than the ground, large, without structure of its own, and that the ground's structure does not come through. Snow
leaves rails, sleepers, cars and their shadows to be seen, and so passes. Cloud shadow darkens the ground and hides
nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.detector.radiometry import block_mean, cell_side
from services.detector.raster import Raster

CELL_M = 0.8
# Structure is looked for over this distance: rails are 1.5 m apart, tracks 4 to 5 m, cars 3 m wide.
STRUCTURE_WINDOW_M = 5.0
# The inside of a cloud: its mean gradient per cell, and its brightness above the ground, in shares of the contrast.
MAX_GRADIENT = 0.03
MIN_BRIGHTNESS = 0.25
# The inside of a cloud is larger than a roof over a platform or a square of concrete between tracks.
MIN_CORE_M2 = 300.0
# Cloud reaches this far beyond such an inside, and no part of it is narrower than this.
REACH_M = 80.0
NARROWEST_M = 1.6
# Where light comes half from cloud, the ground counts as hidden.
MIN_OPACITY = 0.45
# Overcast: all is smooth, even where the tracks lie, measured by at least the contrast that a yard has in haze.
OVERCAST_SHARE = 0.97
LEAST_CONTRAST = 0.1
# The share of the ground's structure that may come through what hides it.
MAX_TRANSMISSION = 0.35

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Visibility:
    """What can be seen.

    Attributes:
        seen: bool (rows, cols), neither cloud nor missing data.
        cloud: share of the tile's data that cloud hides.
    """

    seen: Mask
    cloud: float


@dataclass(frozen=True)
class _Cells:
    """A picture on cells of `CELL_M`, with its gradient."""

    light: Floats
    right: Floats
    down: Floats

    @property
    def gradient(self) -> Floats:
        return np.hypot(self.right, self.down)


def visible_ground(tile: Raster, baseline: Raster | None) -> Visibility:
    """Finds cloud by its look, and by what it hides of a baseline.

    Args:
        tile: the tile.
        baseline: the baseline, registered and in the tile's radiometry; without one, cloud is told by its look alone,
            and deep snow may pass for it.
    """
    side = cell_side(tile, CELL_M)
    now = _cells(tile, side)
    valid = block_mean(tile.valid, side) > 0.99
    before = _cells(baseline, side) if baseline is not None else None
    hidden = _cloud(now, before, valid, side * tile.gsd_m)
    return Visibility(tile.valid & ~_enlarged(hidden, side, tile.shape), float(hidden.sum() / max(valid.sum(), 1)))


def featureless(tile: Raster) -> bool:
    """Whether there is next to no structure in a tile: an overcast sky, seen from above."""
    side = cell_side(tile, CELL_M)
    cells, valid = _cells(tile, side), block_mean(tile.valid, side) > 0.99
    if not valid.any():
        return True
    smooth = _smooth(cells, max(float(np.ptp(cells.light[valid])), LEAST_CONTRAST), side * tile.gsd_m)
    return bool(smooth[valid].mean() > OVERCAST_SHARE)


def _smooth(cells: _Cells, contrast: float, cell_m: float) -> Mask:
    window = max(3, round(STRUCTURE_WINDOW_M / cell_m))
    return np.asarray(ndimage.uniform_filter(cells.gradient, window) < MAX_GRADIENT * contrast, dtype=bool)


def _cloud(now: _Cells, before: _Cells | None, valid: Mask, cell_m: float) -> Mask:
    nothing = np.zeros_like(valid)
    if not valid.any():
        return nothing
    dark, bright = np.percentile(now.light[valid], [2, 98])
    contrast = bright - dark + 1e-6
    smooth = _smooth(now, contrast, cell_m)
    rough = valid & ~smooth
    ground = np.full_like(now.light, np.median(now.light[rough]) if rough.any() else dark)
    if before is not None:
        ground = np.minimum(ground, before.light)
    core = _at_least(valid & smooth & (now.light - ground > MIN_BRIGHTNESS * contrast), MIN_CORE_M2 / cell_m**2)
    if not core.any():
        return nothing
    cloud_light = np.median(now.light[core])
    opacity = (now.light - ground) / np.maximum(cloud_light - ground, 0.1 * contrast)
    near = ndimage.distance_transform_edt(~core) * cell_m < REACH_M
    hidden = _opened(valid & near & (opacity > MIN_OPACITY), NARROWEST_M / 2 / cell_m) | core
    if before is None:
        return hidden
    return _without_structure(hidden, now, before)


def _without_structure(hidden: Mask, now: _Cells, before: _Cells) -> Mask:
    """Only the parts through which the baseline's structure does not come, against how it does elsewhere."""
    energy = before.gradient**2
    common = (now.right * before.right + now.down * before.down) ** 2 - (
        now.right * before.down - now.down * before.right
    ) ** 2
    # |now| |before| cos 2a, a the angle between the edges: equal for an edge whose contrast turned round.
    through = common / np.maximum(now.gradient * before.gradient, 1e-12)
    labels, count = ndimage.label(hidden)
    parts = np.bincount(labels.ravel(), through.ravel(), count + 1) / np.maximum(
        np.bincount(labels.ravel(), energy.ravel(), count + 1), 1e-12
    )
    transmission = parts / max(float(parts[0]), 1e-6)
    opaque = transmission < MAX_TRANSMISSION
    opaque[0] = False
    return np.asarray(opaque[labels], dtype=bool)


def _cells(picture: Raster, side: int) -> _Cells:
    light = block_mean(picture.luminance(), side)
    return _Cells(light, *(ndimage.correlate1d(light, [-0.5, 0, 0.5], axis=axis) for axis in (1, 0)))


def _at_least(mask: Mask, cells: float) -> Mask:
    """The connected parts of a mask with at least so many cells."""
    labels, _ = ndimage.label(mask)
    large = np.bincount(labels.ravel()) >= cells
    large[0] = False
    return np.asarray(large[labels], dtype=bool)


def _opened(mask: Mask, radius: float) -> Mask:
    reach = max(1, round(radius))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(ndimage.binary_opening(mask, np.hypot(x, y) <= reach + 0.3), dtype=bool)


def _enlarged(cells: Mask, side: int, shape: tuple[int, int]) -> Mask:
    """Cells as pixels; the last row and column stand for what does not fill a cell."""
    full = cells.repeat(side, axis=0).repeat(side, axis=1)
    return np.pad(full, [(0, n - m) for n, m in zip(shape, full.shape, strict=True)], mode="edge")
