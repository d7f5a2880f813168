"""Radiometry: the baseline as it would look in the tile's light, haze and gain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask
from railwatch.services.detector.imagery.quantiles import median
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.structure import COARSE, block_all, common_structure

# Ground is compared over this distance, in metres, to see whether it is the same ground and in sight.
WINDOW_M = 12.0
# Within such a window, structure agrees this much by chance (two standard deviations).
CHANCE_AGREEMENT = 0.15
# Tukey's bisquare at 95 % efficiency for normal residuals.
BISQUARE = 4.685
ROUNDS = 8
# Number of blocks in the fit, of pairs of blocks from which it starts, and of blocks on which these are tried.
DRAWN = 3000
TRIALS = 50
TRIED_ON = 300
# Fewer blocks than this do not determine a gain.
MIN_BLOCKS = 100
# No sensor or sun makes a larger difference between two looks. A larger gain is a fit that went wrong.
MAX_GAIN = 5.0


@dataclass(frozen=True)
class Fit:
    """Tile = gain * baseline + offset, per band, on ground that did not change.

    Attributes:
        gain: (bands,).
        offset: (bands,).
        residual: (bands,), robust standard deviation of what the fit leaves, over blocks.
    """

    gain: Doubles
    offset: Doubles
    residual: Doubles

    def apply(self, baseline: Raster, *, in_place: bool = False) -> Raster:
        """The baseline in the tile's radiometry. If it is done in place, the baseline's own pixels are changed."""
        gain = self.gain.astype(np.float32)[:, None, None]
        pixels = np.multiply(gain, baseline.pixels, out=baseline.pixels if in_place else None)
        pixels += self.offset.astype(np.float32)[:, None, None]
        if not baseline.valid.all():
            pixels *= baseline.valid
        return Raster(pixels, baseline.valid, baseline.transform, baseline.crs, baseline.gsd_m)


def fit_radiometry(tile: Raster, baseline: Raster, corridor: Mask, clear: Mask | None = None) -> Fit:
    """A robust line per band: least median of squares, then Tukey's bisquare (Holland and Welsch, 1977).

    Ground has more weight the better its structure agrees between the pictures, and none where cloud or fresh snow
    hides it. Ground that changed its tone, by season or by what stands on it, loses its weight in the fit.

    Args:
        tile: the tile.
        baseline: the baseline, registered onto the tile.
        corridor: (rows, cols), true along the tracks, where cars come and go.
        clear: (rows, cols), where the tile does not look like cloud; everywhere if not given.
    """
    side = COARSE * tile.blocks.side_px
    usable = block_all(tile.valid & baseline.valid if clear is None else clear & baseline.valid, side)
    weight = np.clip(_agreement(tile, baseline) - CHANCE_AGREEMENT, 0, None) ** 2 * usable
    outside = weight * ~block_all(corridor, side)
    if (outside > 0).sum() >= MIN_BLOCKS:
        weight = outside
    if not weight.any():
        weight = usable.astype(np.float32)
    chosen = np.unravel_index(_drawn(weight.ravel()), weight.shape)
    before, after = (_means(picture.pixels, chosen, side) for picture in (baseline, tile))
    return _lines(before, after)


def _agreement(tile: Raster, baseline: Raster) -> Floats:
    """How well the pictures' structure agrees around each coarse block: about 0 by chance, at most 1."""
    common, there = common_structure(tile.blocks, baseline.blocks)
    window = max(3, round(WINDOW_M / (COARSE * tile.blocks.side_px * tile.gsd_m)))
    common, there = ndimage.uniform_filter(common, window), ndimage.uniform_filter(there, window)
    return np.asarray(common / np.maximum(there, 1e-6), dtype=np.float32)


def _means(pixels: Floats, blocks: tuple[NDArray[np.intp], ...], side: int) -> Doubles:
    """Means (bands, n) of the bands over square blocks, given by their rows and columns.

    Only these blocks are read: 3 ms for three bands of 2048 x 2048 pixels, and 5 ms with `block_mean` of all blocks.
    """
    within = np.arange(side)
    rows, cols = (side * at[:, None] + within for at in blocks)
    return np.asarray(pixels[:, rows[:, :, None], cols[:, None, :]].mean(axis=(2, 3)), dtype=np.float64)


def _drawn(weight: Floats) -> NDArray[np.intp]:
    """Blocks drawn with a chance equal to their weight; the same ones each time."""
    places = (np.arange(DRAWN) + 0.5) / DRAWN
    total = np.cumsum(weight, dtype=np.float64)
    return np.asarray(np.searchsorted(total, places * total[-1]))


def _lines(x: Doubles, y: Doubles) -> Fit:
    """The lines y over x of all bands (bands, n). A block that is an outlier in one band loses weight in all bands."""
    gain, offset = _start(x, y)
    for _ in range(ROUNDS):
        error = np.abs(y - gain[:, None] * x - offset[:, None])
        spread = 1.4826 * median(error) + 1e-5
        weight = np.clip(1 - ((error / spread[:, None]).max(axis=0) / BISQUARE) ** 2, 0, None) ** 2
        share = weight / max(weight.sum(), 1e-12)
        middle_x, middle_y = x @ share, y @ share
        dx, dy = x - middle_x[:, None], y - middle_y[:, None]
        gain = np.clip((dx * dy) @ share / np.maximum((dx * dx) @ share, 1e-12), 0, MAX_GAIN)
        offset = middle_y - gain * middle_x
    return Fit(gain, offset, spread)


def _start(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """The line with the least median error in each band (Rousseeuw, 1984): flat, or through two blocks."""
    first, second = np.random.default_rng(0).integers(x.shape[1], size=(2, TRIALS))
    run = x[:, second] - x[:, first]
    slopes = np.clip((y[:, second] - y[:, first]) / np.where(np.abs(run) < 1e-6, np.inf, run), 0, MAX_GAIN)
    gains = np.column_stack([slopes, np.zeros(len(x))])
    some = np.s_[:: max(1, x.shape[1] // TRIED_ON)]
    gain, offset = np.empty(len(x)), np.empty(len(x))
    for band, (before, after) in enumerate(zip(x, y, strict=True)):
        rest = after[some] - gains[band][:, None] * before[some]
        offsets = median(rest)
        best = np.argmin(median(np.abs(rest - offsets[:, None])))
        gain[band], offset[band] = gains[band, best], offsets[best]
    return gain, offset
