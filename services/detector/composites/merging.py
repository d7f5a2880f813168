"""Merging looks: one grid, one radiometry, and at each pixel the median of the looks that show ground there.

Looks are loaded one at a time. What is kept of each is one byte per value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from scipy import ndimage

from railwatch.services.detector.alignment.ground import CORRIDOR_HALF_WIDTH_M
from railwatch.services.detector.alignment.radiometry import fit_radiometry
from railwatch.services.detector.alignment.registration import register
from railwatch.services.detector.alignment.visibility import visible_ground
from railwatch.services.detector.composites.looks import FEWEST_LOOKS
from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask
from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.imagery.raster import Raster, harmonise, luminance, on_scale_of
from railwatch.services.detector.tracks.centrelines import corridor, project
from railwatch.shared.errors import TileRejectedError
from railwatch.shared.sites import Track

# Along the tracks, ground is believed if so many looks show it. A single one may show a car that was missed.
FEWEST_ON_TRACKS = 2
# If just so many looks show it, they must agree: they differ by at most so many standard deviations of what radiometry
# leaves between looks, over this distance in metres.
AGREE_SIGMA = 5.0
AGREE_OVER_M = 2.0
# Looks with pixels that are coarser or finer than the grid's by a larger ratio are left out.
MAX_GSD_RATIO = 1.5
# Values are kept as levels 1 to 255 of the grid's contrast, and 0 for what was not seen. Brighter ground is cut off.
LEVELS = 254
DARKEST, BRIGHTEST = 0.0005, 0.9995
# Memory for the looks in bytes. Fewer looks are merged on a tile of more pixels.
MOST_BYTES = 200_000_000
# Rows that are merged at a time.
ROWS = 64

Levels = NDArray[np.uint8]
Load = Callable[[], Raster]


@dataclass(frozen=True)
class Composite:
    """Several looks in one picture.

    Attributes:
        picture: the ground, on the grid and in the radiometry of the first look; not valid where no ground was seen.
        shares: of each look that was given, the share of the ground that comes from it: 1 in all. Where n looks show a
            pixel, each has an n-th of it. 0 for a look that does not fit.
    """

    picture: Raster
    shares: tuple[float, ...]


def merge(looks: Sequence[Load], tracks: Iterable[Track]) -> Composite | None:
    """Merges looks at one place.

    Args:
        looks: load a picture each. What must not become ground, such as cars, is not valid in it. The first gives grid
            and radiometry. Those that do not fit it, or do not fit into memory, are left out.
        tracks: the site's tracks. Ground along them is believed only if several looks show it.

    Returns:
        None if fewer than `FEWEST_LOOKS` fit.
    """
    grid = looks[0]()
    along_tracks = corridor(project(tracks, grid), grid, CORRIDOR_HALF_WIDTH_M)
    clear = visible_ground(grid, None).seen
    low, high = (float(v) for v in quantile(grid.pixels[:, grid.valid].ravel(), [DARKEST, BRIGHTEST]))
    layers, members, noise = [_levels(grid.pixels, clear, low, high)], [0], []
    for number, load in enumerate(looks[1:], start=1):
        if (len(layers) + 1) * layers[0].nbytes > MOST_BYTES and len(layers) >= FEWEST_LOOKS:
            break
        fitted = _fitted(load(), grid, along_tracks, clear)
        if fitted is not None:
            layers.append(_levels(fitted.picture.pixels, fitted.seen, low, high))
            members.append(number)
            noise.append(fitted.residual)
    if len(layers) < FEWEST_LOOKS:
        return None
    agree_within = AGREE_SIGMA * np.sqrt(2) * float(np.median(noise)) * LEVELS / max(high - low, 1e-9)
    middle, valid, shares = _medians(layers, along_tracks, agree_within, grid.gsd_m)
    step = (high - low) / LEVELS
    pixels = np.asarray((low + (middle.astype(np.float32) / 2 - 1) * step) * valid, dtype=np.float32)
    picture = Raster(pixels, valid, grid.transform, grid.crs, grid.gsd_m, grid.scale)
    of_each = dict(zip(members, shares.tolist(), strict=True))
    return Composite(picture, tuple(of_each.get(number, 0.0) for number in range(len(looks))))


@dataclass(frozen=True)
class _Fitted:
    """A look on the grid and in its radiometry, the ground that it shows, and what radiometry leaves."""

    picture: Raster
    seen: Mask
    residual: float


def _fitted(look: Raster, grid: Raster, along_tracks: Mask, clear: Mask) -> _Fitted | None:
    ratio = look.gsd_m / grid.gsd_m
    if len(look.pixels) != len(grid.pixels) or not 1 / MAX_GSD_RATIO <= ratio <= MAX_GSD_RATIO:
        return None
    try:
        moved = register(grid, harmonise(on_scale_of(look, grid), grid), along_tracks).baseline
    except TileRejectedError:
        return None
    beside, along = (fit_radiometry(grid, moved, without, clear) for without in (along_tracks, ~along_tracks))
    picture = beside.apply(moved)
    seen = visible_ground(picture, grid).seen & moved.valid
    pixels = np.where(along_tracks, along.apply(moved).pixels, picture.pixels)
    return _Fitted(replace(picture, pixels=pixels), seen, float(np.median(along.residual)))


def _levels(pixels: Floats, seen: Mask, low: float, high: float) -> Levels:
    share = (pixels - np.float32(low)) * np.float32(LEVELS / max(high - low, 1e-9))
    return np.asarray((1 + np.clip(np.rint(share), 0, LEVELS)) * seen, dtype=np.uint8)


def _medians(
    looks: Sequence[Levels], along_tracks: Mask, agree_within: float, gsd_m: float
) -> tuple[NDArray[np.uint16], Mask, Doubles]:
    """Twice the median (bands, rows, cols), where it is believed (rows, cols), and the share of each look (looks,)."""
    bands, rows, cols = looks[0].shape
    last = len(looks) - 1
    middle = np.empty((bands, rows, cols), np.uint16)
    shown = np.empty((rows, cols), np.uint8)
    for start in range(0, rows, ROWS):
        part = np.s_[start : start + ROWS]
        layers = np.sort(np.stack([look[:, part] for look in looks]), axis=0)
        shown[part] = count = (layers[:, 0] > 0).sum(axis=0, dtype=np.uint8)
        unseen = last + 1 - count.astype(np.intp)
        lower = np.minimum(unseen + (np.maximum(count, 1) - 1) // 2, last)
        upper = np.minimum(unseen + count // 2, last)
        low, high = (np.take_along_axis(layers, at[None, None], axis=0)[0] for at in (lower, upper))
        middle[:, part] = low.astype(np.uint16) + high
    believed = (shown >= FEWEST_ON_TRACKS) & ~_disputed(looks, shown, along_tracks, agree_within, gsd_m)
    valid = np.where(along_tracks, believed, shown > 0)
    each = np.where(valid, 1 / np.maximum(shown, 1), 0)
    shares = np.array([each[layer[0] > 0].sum() for layer in looks]) / max(int(valid.sum()), 1)
    return middle, valid, shares


def _disputed(
    looks: Sequence[Levels], shown: NDArray[np.uint8], along_tracks: Mask, agree_within: float, gsd_m: float
) -> Mask:
    """Where (rows, cols) only so few looks show the tracks that they must agree, and do not."""
    few = along_tracks & (shown == FEWEST_ON_TRACKS)
    brightest = np.zeros(few.shape, np.float32)
    total = np.zeros(few.shape, np.float32)
    for layer in looks:
        light = luminance(layer.astype(np.float32))
        np.maximum(brightest, light, out=brightest)
        total += light
    apart = np.where(few, 2 * brightest - total, 0)
    size = max(1, round(AGREE_OVER_M / gsd_m))
    share = np.maximum(ndimage.uniform_filter(few.astype(np.float32), size), 1e-6)
    return np.asarray(few & (ndimage.uniform_filter(apart, size) / share > agree_within))


def as_geotiff(composite: Raster) -> bytes:
    """A composite as a file of 16 bits, in the numbers of the looks' own files. What is not valid is no-data."""
    bands, rows, cols = composite.pixels.shape
    seen = composite.pixels[:, composite.valid]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    step = max(high - low, 1e-9) / (2 * LEVELS)
    stored = np.rint((composite.pixels - np.float32(low)) / np.float32(step)) + 1
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=cols,
            height=rows,
            count=bands,
            dtype="uint16",
            crs=composite.crs,
            transform=composite.transform,
            nodata=0,
            tiled=True,
            blockxsize=256,
            blockysize=256,
            compress="deflate",
            predictor=2,
            photometric="RGB" if bands == 3 else "MINISBLACK",
        ) as file:
            file.write((stored * composite.valid).astype(np.uint16))
            full = composite.scale.full
            file.scales, file.offsets = (step * full,) * bands, ((low - step) * full,) * bands
        return bytes(memory.read())
