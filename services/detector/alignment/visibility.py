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

from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.structure import Cells, block_all, block_mean, common_structure

# Blocks of so many cells a side, about 1.8 m, are judged as one.
BLOCK = 2
# Structure is looked for over this distance: rails are 1.5 m apart, tracks 4 to 5 m, cars 3 m wide.
STRUCTURE_WINDOW_M = 5.0
# The inside of a cloud: its mean gradient per cell, and its brightness above the ground, in shares of the contrast.
MAX_GRADIENT = 0.03
MIN_BRIGHTNESS = 0.25
# Cloud that lets a little of the ground through is smooth beside what the baseline says is there; but no part of the
# tile's roughest quarter is cloud, however harsh the baseline, as one with dark tracks in snow is.
MAX_LEFT = 0.35
ROUGHEST = 0.75
# The inside of a cloud is larger than a roof over a platform or a square of concrete between tracks.
MIN_CORE_M2 = 300.0
# Cloud reaches this far beyond such an inside.
REACH_M = 80.0
# Where light comes more than half from cloud, the ground counts as hidden.
MIN_OPACITY = 0.5
# Overcast: all is smooth, even where the tracks lie, measured by at least the contrast that a yard has in haze.
OVERCAST_SHARE = 0.97
LEAST_CONTRAST = 0.1
# The share of the ground's structure that may come through what hides it, of what comes through elsewhere; and what of
# it comes through where ground is in sight, even if the gaps of a broken cloud are too dark to show it.
MAX_TRANSMISSION = 0.6
LEAST_IN_SIGHT = 0.2

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


def visible_ground(tile: Raster, baseline: Raster | None) -> Visibility:
    """Finds cloud by its look, and by what it hides of a baseline.

    Args:
        tile: the tile.
        baseline: the baseline, registered onto the tile and in its radiometry; without one, cloud is told by its look
            alone, and deep snow may pass for it.
    """
    side = BLOCK * tile.cells.side_px
    valid = block_all(tile.valid, side)
    hidden = _cloud(tile.cells, baseline.cells if baseline is not None else None, valid, side * tile.gsd_m)
    if not hidden.any():
        return Visibility(tile.valid, 0.0)
    return Visibility(tile.valid & ~_enlarged(hidden, side, tile.shape), float(hidden.sum() / max(valid.sum(), 1)))


def featureless(tile: Raster) -> bool:
    """Whether there is next to no structure in a tile: an overcast sky, seen from above."""
    side = BLOCK * tile.cells.side_px
    valid = block_all(tile.valid, side)
    if not valid.any():
        return True
    contrast = max(float(np.ptp(block_mean(tile.cells.light, BLOCK)[valid])), LEAST_CONTRAST)
    smooth = _roughness(tile.cells, side * tile.gsd_m) < MAX_GRADIENT * contrast
    return bool(smooth[valid].mean() > OVERCAST_SHARE)


def _roughness(cells: Cells, block_m: float) -> Floats:
    """Mean gradient around each block."""
    window = max(3, round(STRUCTURE_WINDOW_M / block_m))
    return np.asarray(ndimage.uniform_filter(block_mean(cells.gradient, BLOCK), window), dtype=np.float32)


def _cloud(now: Cells, before: Cells | None, valid: Mask, block_m: float) -> Mask:
    nothing = np.zeros_like(valid)
    if not valid.any():
        return nothing
    light, rough = block_mean(now.light, BLOCK), _roughness(now, block_m)
    dark, bright = quantile(light[valid], [0.02, 0.98])
    contrast = float(bright - dark) + 1e-6
    # What gradient the smoothest of the picture has is noise.
    noise = min(float(quantile(rough[valid], 0.01)), MAX_GRADIENT * contrast)
    rough = np.sqrt(np.maximum(rough**2 - noise**2, 0))
    smooth = rough < MAX_GRADIENT * contrast
    ground = np.full_like(light, median(light[valid & ~smooth]) if (valid & ~smooth).any() else dark)
    bright_here = valid & (light - ground > MIN_BRIGHTNESS * contrast)
    core = bright_here & smooth
    if before is not None:
        ground = block_mean(before.light, BLOCK)
        smooth |= rough < np.minimum(MAX_LEFT * _roughness(before, block_m), quantile(rough[valid], ROUGHEST))
        core = bright_here & smooth & (light - ground > MIN_BRIGHTNESS * contrast)
    core = _at_least(core, MIN_CORE_M2 / block_m**2)
    if not core.any():
        return nothing
    opacity = (light - ground) / np.maximum(median(light[core]) - ground, 0.1 * contrast)
    near = valid & ndimage.maximum_filter(core, 2 * round(REACH_M / block_m) + 1)
    if before is None:
        return np.asarray(ndimage.binary_opening(near & (opacity > MIN_OPACITY)) | core)
    through, there = _through(now, before, core)
    opacity *= 1 - _transmission(through, there, core)
    return _opaque(ndimage.binary_opening(near & (opacity > MIN_OPACITY)) | core, through, there)


def _through(now: Cells, before: Cells, core: Mask) -> tuple[Floats, Floats]:
    """How much of the baseline's structure comes through, and how much there is, by block."""
    common, there = common_structure(now, before)
    was, is_ = block_mean(before.gradient, BLOCK), block_mean(now.gradient, BLOCK)
    scale = float(median(is_[~core])) / max(float(median(was[~core])), 1e-6) if not core.all() else 1.0
    return common * np.minimum(is_ / np.maximum(scale * was, 1e-6), 1), there


def _transmission(through: Floats, there: Floats, core: Mask) -> float:
    """The share of structure that comes through the inside of a cloud, of what does elsewhere; at most a half."""
    inside, outside = (through[part].sum() / max(float(there[part].sum()), 1e-9) for part in (core, ~core))
    return float(np.clip(inside / max(outside, LEAST_IN_SIGHT), 0, 0.5))


def _opaque(hidden: Mask, through: Floats, there: Floats) -> Mask:
    """Only the parts through which the baseline's structure does not come, against how it does elsewhere."""
    labels, count = ndimage.label(hidden)
    came = np.bincount(labels.ravel(), through.ravel(), count + 1)
    transmission = came / np.maximum(np.bincount(labels.ravel(), there.ravel(), count + 1), 1e-9)
    opaque = transmission < MAX_TRANSMISSION * max(transmission[0], LEAST_IN_SIGHT)
    opaque[0] = False
    return np.asarray(opaque[labels], dtype=bool)


def _at_least(mask: Mask, blocks: float) -> Mask:
    """The connected parts of a mask with at least so many blocks."""
    labels, _ = ndimage.label(mask)
    large = np.bincount(labels.ravel()) >= blocks
    large[0] = False
    return np.asarray(large[labels], dtype=bool)


def _enlarged(blocks: Mask, side: int, shape: tuple[int, int]) -> Mask:
    """Blocks as pixels; the last row and column stand for what does not fill a block."""
    full = blocks.repeat(side, axis=0).repeat(side, axis=1)
    return np.pad(full, [(0, n - m) for n, m in zip(shape, full.shape, strict=True)], mode="edge")
