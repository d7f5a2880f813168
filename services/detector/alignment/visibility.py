"""Visibility: the ground that a tile shows, and what cloud and missing data hide.

Brightness alone does not show cloud: snow, concrete and white roofs are as bright. Cloud is brighter than the ground,
large, without structure of its own, and the structure of the ground does not come through it. Snow leaves rails,
sleepers, cars and their shadows visible, and so it passes as ground. Cloud shadow darkens the ground and hides nothing.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import remove_small_objects

from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.structure import (
    COARSE,
    Blocks,
    block_all,
    block_mean,
    common_structure,
    continued,
)

# Structure is measured over this distance in metres: rails are 1.5 m apart, tracks 4 to 5 m, cars 3 m wide.
STRUCTURE_WINDOW_M = 5.0
# The inside of a cloud: its largest mean gradient per block, and its least brightness above the ground, as shares of
# the contrast.
MAX_GRADIENT = 0.03
MIN_BRIGHTNESS = 0.25
# Cloud that lets a little of the ground through is smooth compared with the baseline: it leaves at most this share of
# the baseline's gradient. But no part of the tile's roughest quarter is cloud, however rough the baseline is, such as
# one with dark tracks in snow.
MAX_LEFT = 0.35
ROUGHEST = 0.75
# The inside of a cloud is larger than a roof over a platform or a square of concrete between tracks.
MIN_CORE_M2 = 300.0
# Cloud reaches so far beyond its inside.
REACH_M = 80.0
# The ground is hidden where at least this share of the light comes from cloud.
MIN_OPACITY = 0.5
# A tile is overcast if this share of it is smooth, relative to a contrast of at least the second figure, that of a yard
# in haze.
OVERCAST_SHARE = 0.97
LEAST_CONTRAST = 0.1
# What hides the ground lets at most this share of its structure through, relative to the ground elsewhere. The share
# elsewhere counts as at least the second figure, even if the gaps of a broken cloud are too dark to show structure.
MAX_TRANSMISSION = 0.6
LEAST_IN_SIGHT = 0.2
# Without a baseline, what looks like cloud is ground in two cases. Its structure, by this quantile of the gradient
# (concrete is smooth but for what stands on it), is more than `MAX_TRANSMISSION` of the structure elsewhere. Or its
# edge is sharp: half of it rises by more than the second figure, a share of the difference in light, within a block.
# Painted clouds, with edges 4 to 30 m wide, rise by 0.10 to 0.31 (median 0.22 of 1373; 1 % beyond 0.36).
STRUCTURED = 0.9
SHARPEST = 0.37
CROSS = ndimage.generate_binary_structure(2, 1)
# A baseline that is moved leaves a margin without it, and a composite leaves out tracks on which cars always stood.
# Within this distance of what it shows, in metres, its light is taken to go on.
MOVED_M = 15.0


@dataclass(frozen=True)
class Visibility:
    """What can be seen.

    Attributes:
        seen: (rows, cols), neither cloud nor missing data.
        cloud: share of the tile's data that cloud hides.
    """

    seen: Mask
    cloud: float


def visible_ground(tile: Raster, baseline: Raster | None) -> Visibility:
    """Finds cloud by its look, and by what it hides of a baseline.

    Args:
        tile: the tile.
        baseline: the baseline, registered onto the tile and in its radiometry. Without one, cloud is judged by its
            look alone, and deep snow may be taken for it.
    """
    side = COARSE * tile.blocks.side_px
    valid = block_all(tile.valid, side)
    before = None if baseline is None else continued(baseline.blocks, baseline.valid)
    hidden = _cloud(tile.blocks, before, valid, side * tile.gsd_m)
    if baseline is not None and not baseline.valid.all():
        # Where the baseline shows nothing for a long way, the tile's own look decides.
        margin = np.ones(2 * (int(np.ceil(MOVED_M / (side * tile.gsd_m))) + 1,))
        bare = ndimage.binary_opening(~block_all(baseline.valid, side), margin)
        if bare.any():
            hidden = np.where(bare, _cloud(tile.blocks, None, valid, side * tile.gsd_m), hidden)
    if not hidden.any():
        return Visibility(tile.valid, 0.0)
    return Visibility(tile.valid & ~_enlarged(hidden, side, tile.shape), float(hidden.sum() / max(valid.sum(), 1)))


def featureless(tile: Raster) -> bool:
    """Whether a tile has next to no structure, as under an overcast sky."""
    side = COARSE * tile.blocks.side_px
    valid = block_all(tile.valid, side)
    if not valid.any():
        return True
    contrast = max(float(np.ptp(block_mean(tile.blocks.light, COARSE)[valid])), LEAST_CONTRAST)
    smooth = _roughness(tile.blocks, side * tile.gsd_m) < MAX_GRADIENT * contrast
    return bool(smooth[valid].mean() > OVERCAST_SHARE)


def _roughness(blocks: Blocks, side_m: float) -> Floats:
    """Mean gradient around each coarse block, whose side is `side_m`."""
    window = max(3, round(STRUCTURE_WINDOW_M / side_m))
    return np.asarray(ndimage.uniform_filter(blocks.gradient, window), dtype=np.float32)


def _cloud(now: Blocks, before: Blocks | None, valid: Mask, side_m: float) -> Mask:
    """Coarse blocks that cloud hides."""
    nothing = np.zeros_like(valid)
    if not valid.any():
        return nothing
    light, rough = block_mean(now.light, COARSE), _roughness(now, side_m)
    dark, bright = quantile(light[valid], [0.02, 0.98])
    contrast = float(bright - dark) + 1e-6
    # The gradient of the smoothest part of the picture is noise.
    noise = min(float(quantile(rough[valid], 0.01)), MAX_GRADIENT * contrast)
    rough = np.sqrt(np.maximum(rough**2 - noise**2, 0))
    smooth = rough < MAX_GRADIENT * contrast
    ground = np.full_like(light, median(light[valid & ~smooth]) if (valid & ~smooth).any() else dark)
    bright_here = valid & (light - ground > MIN_BRIGHTNESS * contrast)
    core = bright_here & smooth
    if before is not None:
        ground = block_mean(before.light, COARSE)
        smooth |= rough < np.minimum(MAX_LEFT * _roughness(before, side_m), quantile(rough[valid], ROUGHEST))
        core = bright_here & smooth & (light - ground > MIN_BRIGHTNESS * contrast)
    core = remove_small_objects(core, max_size=int(np.ceil(MIN_CORE_M2 / side_m**2)) - 1)
    if not core.any():
        return nothing
    opacity = (light - ground) / np.maximum(median(light[core]) - ground, 0.1 * contrast)
    near = valid & ndimage.maximum_filter(core, 2 * round(REACH_M / side_m) + 1)
    if before is None:
        hidden = ndimage.binary_opening(near & (opacity > MIN_OPACITY)) | core
        return _cloudlike(hidden, valid, light, now.gradient)
    through, there = _through(now, before, core)
    opacity *= 1 - _transmission(through, there, core)
    return _opaque(ndimage.binary_opening(near & (opacity > MIN_OPACITY)) | core, through, there)


def _cloudlike(hidden: Mask, valid: Mask, light: Floats, gradient: Floats) -> Mask:
    """Only the parts that look like cloud: no edge that is sharp, and less structure inside than ground in sight has.

    Concrete and white roofs end within a pixel, and wagons on them are as clear as anywhere.
    """
    ground = valid & ~hidden
    if not ground.any():
        return hidden
    most, dark = MAX_TRANSMISSION * float(quantile(gradient[ground], STRUCTURED)), float(median(light[ground]))
    labels, count = ndimage.label(hidden)
    inner = ndimage.binary_erosion(hidden, border_value=1)
    outline = (hidden & ~inner) | (ndimage.binary_dilation(hidden) & ~hidden)
    outline &= ndimage.binary_erosion(valid)
    outlines = np.where(outline, ndimage.maximum_filter(labels, footprint=CROSS), 0)
    cloud = np.zeros(count + 1, dtype=bool)
    for number in range(1, count + 1):
        part, edge, inside = labels == number, gradient[outlines == number], gradient[(labels == number) & inner]
        jump = float(median(light[part])) - dark
        sharp = edge.size and float(median(edge)) > SHARPEST * jump
        structured = inside.size and float(quantile(inside, STRUCTURED)) > most
        cloud[number] = not (sharp or structured)
    return np.asarray(cloud[labels], dtype=bool)


def _through(now: Blocks, before: Blocks, core: Mask) -> tuple[Floats, Floats]:
    """How much of the baseline's structure comes through, and how much there is, by coarse block."""
    common, there = common_structure(now, before)
    was, is_ = before.gradient, now.gradient
    scale = float(median(is_[~core])) / max(float(median(was[~core])), 1e-6) if not core.all() else 1.0
    return common * np.minimum(is_ / np.maximum(scale * was, 1e-6), 1), there


def _transmission(through: Floats, there: Floats, core: Mask) -> float:
    """The share of structure that comes through the inside of a cloud, relative to elsewhere; at most a half."""
    inside, outside = (through[part].sum() / max(float(there[part].sum()), 1e-9) for part in (core, ~core))
    return float(np.clip(inside / max(outside, LEAST_IN_SIGHT), 0, 0.5))


def _opaque(hidden: Mask, through: Floats, there: Floats) -> Mask:
    """Only the parts through which the baseline's structure does not come as it does elsewhere."""
    labels, count = ndimage.label(hidden)
    came = np.bincount(labels.ravel(), through.ravel(), count + 1)
    transmission = came / np.maximum(np.bincount(labels.ravel(), there.ravel(), count + 1), 1e-9)
    opaque = transmission < MAX_TRANSMISSION * max(transmission[0], LEAST_IN_SIGHT)
    opaque[0] = False
    return np.asarray(opaque[labels], dtype=bool)


def _enlarged(blocks: Mask, side: int, shape: tuple[int, int]) -> Mask:
    """Coarse blocks as pixels. The last row and column are continued over incomplete blocks at the edge."""
    full = blocks.repeat(side, axis=0).repeat(side, axis=1)
    return np.pad(full, [(0, n - m) for n, m in zip(shape, full.shape, strict=True)], mode="edge")
