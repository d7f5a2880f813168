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
# No sun or sensor makes more of a difference to the ground's light between two looks.
MAX_GAIN = 5.0
# The share of the ground's structure that may come through what hides it.
MAX_TRANSMISSION = 0.5

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
        baseline: the baseline, registered onto the tile; without one, cloud is told by its look alone, and deep snow
            may pass for it.
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
    contrast = float(bright - dark) + 1e-6
    smooth = _smooth(now, contrast, cell_m)
    rough = valid & ~smooth
    ground = np.full_like(now.light, np.median(now.light[rough]) if rough.any() else dark)
    core = valid & smooth & (now.light - ground > MIN_BRIGHTNESS * contrast)
    if before is not None and core.any():
        ground = _expected(now, before, valid & ~core)
        core &= now.light - ground > MIN_BRIGHTNESS * contrast
    core = _at_least(core, MIN_CORE_M2 / cell_m**2)
    if not core.any():
        return nothing
    cloud_light = np.median(now.light[core])
    opacity = (now.light - ground) / np.maximum(cloud_light - ground, 0.1 * contrast)
    near = ndimage.distance_transform_edt(~core) * cell_m < REACH_M
    hidden = _opened(valid & near & (opacity > MIN_OPACITY), NARROWEST_M / 2 / cell_m) | core
    return hidden if before is None else _opaque(hidden, now, before)


def _expected(now: _Cells, before: _Cells, where: Mask) -> Floats:
    """The light that cells should have, by the baseline's and by how both are spread over some of them."""
    if not where.any():
        return before.light
    middle_now, middle = np.median(now.light[where]), np.median(before.light[where])
    spread_now, spread = (np.median(np.abs(x.light[where] - m)) for x, m in ((now, middle_now), (before, middle)))
    gain = min(spread_now / max(spread, 1e-6), MAX_GAIN)
    return np.asarray(middle_now + gain * (before.light - middle), dtype=np.float32)


def _opaque(hidden: Mask, now: _Cells, before: _Cells) -> Mask:
    """Only the parts through which the baseline's structure does not come, against how it does elsewhere."""
    along = now.right * before.right + now.down * before.down
    across = now.right * before.down - now.down * before.right
    # Cos 2a, a the angle between the edges: 1 as well for an edge whose contrast turned round.
    agreement = (along**2 - across**2) / np.maximum(along**2 + across**2, 1e-16)
    was, is_ = before.gradient, now.gradient
    scale = np.median(is_[~hidden]) / max(float(np.median(was[~hidden])), 1e-6) if not hidden.all() else 1.0
    # Every edge above the median counts alike, so that one bright roof does not speak for a whole cloud.
    weight = np.minimum(was, np.median(was))
    through = weight * agreement * np.minimum(is_ / np.maximum(scale * was, 1e-6), 1)
    labels, count = ndimage.label(hidden)
    came = np.bincount(labels.ravel(), through.ravel(), count + 1)
    transmission = came / np.maximum(np.bincount(labels.ravel(), weight.ravel(), count + 1), 1e-9)
    opaque = transmission < MAX_TRANSMISSION * max(float(transmission[0]), 1e-6)
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
