"""Radiometry: the baseline as it would look in the tile's light, haze and gain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.detector.correlation import orientation
from services.detector.raster import Raster

# Averages over this much ground: noise and what is left of the displacement matter less.
CELL_M = 1.0
# Ground is compared with itself over this distance to see whether it is the same ground, in sight.
WINDOW_M = 12.0
# Within a window, structure agrees this much by chance (two standard deviations).
CHANCE_AGREEMENT = 0.15
# Tukey's bisquare at 95 % efficiency for normal residuals.
BISQUARE = 4.685
ROUNDS = 8
# Cells that the fit sees; the pairs of them it starts from, and the cells it tries those on.
SAMPLE = 3000
TRIALS = 50
TRIED_ON = 300
# Fewer cells than this say too little of a gain.
MIN_CELLS = 100
# No sensor or sun makes more of a difference between two looks; beyond lies a fit that went wrong.
MAX_GAIN = 5.0

Floats = NDArray[np.float32]
Cells = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fit:
    """Tile = gain * baseline + offset, per band, on ground that did not change.

    Attributes:
        gain: (bands,).
        offset: (bands,).
        residual: (bands,), robust standard deviation of what the fit leaves, over cells of `CELL_M`.
    """

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    residual: NDArray[np.float64]

    def apply(self, baseline: Raster) -> Raster:
        """The baseline in the tile's radiometry."""
        gain = self.gain.astype(np.float32)[:, None, None]
        offset = self.offset.astype(np.float32)[:, None, None]
        pixels = (gain * baseline.pixels + offset) * baseline.valid
        return Raster(pixels, baseline.valid, baseline.transform, baseline.crs, baseline.gsd_m)


def fit_radiometry(tile: Raster, baseline: Raster, corridor: Mask) -> Fit:
    """A robust line per band: least median of squares, then Tukey's bisquare (Holland and Welsch, 1977).

    Ground counts the more, the better its structure agrees between the pictures: not at all where cloud or fresh snow
    hides it. Ground that changed its tone, by season or by what stands on it, loses its weight in the fit.

    Args:
        tile: the tile.
        baseline: the baseline, registered onto the tile.
        corridor: bool (rows, cols), true along the tracks, where cars come and go.
    """
    side = cell_side(tile, CELL_M)
    seen = block_mean(tile.valid & baseline.valid, side) > 0.99
    weight = np.clip(agreement(tile, baseline, side) - CHANCE_AGREEMENT, 0, None) ** 2 * seen
    outside = weight * (block_mean(corridor, side) < 0.5)
    if (outside > 0).sum() >= MIN_CELLS:
        weight = outside
    if not weight.any():
        weight = seen.astype(np.float32)
    chosen = _drawn(weight.ravel())
    before = np.array([block_mean(band, side).flat[chosen] for band in baseline.pixels], dtype=np.float64)
    after = np.array([block_mean(band, side).flat[chosen] for band in tile.pixels], dtype=np.float64)
    return _lines(before, after)


def agreement(tile: Raster, baseline: Raster, side: int) -> Floats:
    """How well the pictures' structure agrees around each cell of `side` pixels: about 0 by chance, 1 at the most."""
    a = orientation(block_mean(tile.luminance(), side))
    b = orientation(block_mean(baseline.luminance(), side))
    window = max(3, round(WINDOW_M / (side * tile.gsd_m)))
    common = ndimage.uniform_filter((a * np.conj(b)).real, window)
    possible = ndimage.uniform_filter(np.abs(a) * np.abs(b), window)
    return np.asarray(common / np.maximum(possible, 1e-6), dtype=np.float32)


def cell_side(picture: Raster, metres: float) -> int:
    """Pixels along a cell's side."""
    return max(1, round(metres / picture.gsd_m))


def block_mean(image: Floats | Mask, side: int) -> Floats:
    """Means over square blocks; what does not fill a block at the right and bottom is left out."""
    rows, cols = (length // side * side for length in image.shape)
    down = image[:rows:side, :cols].astype(np.float32)
    for row in range(1, side):
        down += image[row:rows:side, :cols]
    total = down[:, ::side].copy()
    for col in range(1, side):
        total += down[:, col::side]
    return total / np.float32(side**2)


def _drawn(weight: Floats) -> NDArray[np.intp]:
    """Cells drawn with a chance that is their weight; always the same ones."""
    places = (np.arange(SAMPLE) + 0.5) / SAMPLE
    total = np.cumsum(weight, dtype=np.float64)
    return np.asarray(np.searchsorted(total, places * total[-1]))


def _lines(x: Cells, y: Cells) -> Fit:
    """The lines y over x of all bands (bands, n); what is an outlier in one band weighs less in all."""
    gain, offset = _start(x, y)
    for _ in range(ROUNDS):
        error = np.abs(y - gain[:, None] * x - offset[:, None])
        spread = 1.4826 * np.median(error, axis=1) + 1e-5
        weight = np.clip(1 - ((error / spread[:, None]).max(axis=0) / BISQUARE) ** 2, 0, None) ** 2
        share = weight / max(weight.sum(), 1e-12)
        middle_x, middle_y = x @ share, y @ share
        dx, dy = x - middle_x[:, None], y - middle_y[:, None]
        gain = np.clip((dx * dy) @ share / np.maximum((dx * dx) @ share, 1e-12), 0, MAX_GAIN)
        offset = middle_y - gain * middle_x
    return Fit(gain, offset, spread)


def _start(x: Cells, y: Cells) -> tuple[Cells, Cells]:
    """Lines through two cells each, and flat ones: in each band that of the least median error (Rousseeuw, 1984)."""
    first, second = np.random.default_rng(0).integers(x.shape[1], size=(2, TRIALS))
    run = x[:, second] - x[:, first]
    slopes = np.clip((y[:, second] - y[:, first]) / np.where(np.abs(run) < 1e-6, np.inf, run), 0, MAX_GAIN)
    gains = np.column_stack([slopes, np.zeros(len(x))])
    some = np.s_[:: max(1, x.shape[1] // TRIED_ON)]
    gain, offset = np.empty(len(x)), np.empty(len(x))
    for band, (before, after) in enumerate(zip(x, y, strict=True)):
        rest = after[some] - gains[band][:, None] * before[some]
        offsets = np.median(rest, axis=1)
        best = np.argmin(np.median(np.abs(rest - offsets[:, None]), axis=1))
        gain[band], offset[band] = gains[band, best], offsets[best]
    return gain, offset
