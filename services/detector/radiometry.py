"""Radiometry: the baseline as it would look in the tile's light, haze and gain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.raster import Raster

# Averages over about this much ground: noise and what is left of the displacement matter less.
BLOCK_M = 2.0
# Tukey's bisquare at 95 % efficiency for normal residuals.
BISQUARE = 4.685
# Fewer blocks than this say too little of a gain.
MIN_BLOCKS = 50
# The same ground in another light: beyond this the pictures do not share their contrast (snow), only their mean.
MAX_GAIN = 5.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Tile = gain * baseline + offset, per band, on ground that did not change.

    Attributes:
        gain: (bands,).
        offset: (bands,).
        residual: (bands,), robust standard deviation of what the fit leaves, over blocks of `BLOCK_M`.
    """

    gain: Floats
    offset: Floats
    residual: Floats

    def apply(self, baseline: Raster) -> Raster:
        """The baseline in the tile's radiometry."""
        gain = self.gain.astype(np.float32)[:, None, None]
        offset = self.offset.astype(np.float32)[:, None, None]
        pixels = np.where(baseline.valid, gain * baseline.pixels + offset, np.float32(0))
        return Raster(pixels, baseline.valid, baseline.transform, baseline.crs, baseline.gsd_m)


def fit_radiometry(tile: Raster, baseline: Raster, ground: NDArray[np.bool_]) -> Fit:
    """A robust line per band: iteratively reweighted least squares with Tukey's bisquare (Holland and Welsch, 1977).

    Ground that changed, by season or by what stands on it, gets no weight.

    Args:
        tile: the tile.
        baseline: the baseline, registered onto the tile.
        ground: bool (rows, cols), true where the ground is likely the same: outside the corridor, and seen.
    """
    side = max(1, round(BLOCK_M / tile.gsd_m))
    usable = ground & tile.valid & baseline.valid
    whole = block_mean(usable.astype(np.float32), side) > 0.99
    if whole.sum() < MIN_BLOCKS:
        whole = block_mean((tile.valid & baseline.valid).astype(np.float32), side) > 0.99
    lines = [
        _line(block_mean(before, side)[whole], block_mean(after, side)[whole])
        for before, after in zip(baseline.pixels, tile.pixels, strict=True)
    ]
    gain, offset, residual = np.array(lines).T
    return Fit(gain, offset, residual)


def block_mean(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Means over square blocks; what does not fill a block at the right and bottom is left out."""
    rows, cols = image.shape[0] // side, image.shape[1] // side
    blocks = image[: rows * side, : cols * side].reshape(rows, side, cols, side)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _line(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float, float]:
    """Gain, offset and residual of y over x."""
    if len(x) < 2:
        return 1.0, 0.0, 0.0
    weight = np.ones(len(x))
    gain, centre_x, centre_y, spread = 0.0, 0.0, 0.0, 0.0
    for _ in range(15):
        total = weight.sum()
        centre_x, centre_y = float(weight @ x / total), float(weight @ y / total)
        variance = float(weight @ (x - centre_x) ** 2)
        gain = float(weight @ ((x - centre_x) * (y - centre_y))) / max(variance, 1e-12)
        gain = min(max(gain, 0.0), MAX_GAIN)
        residual = y - centre_y - gain * (x - centre_x)
        spread = 1.4826 * float(np.median(np.abs(residual))) + 1e-6
        weight = np.clip(1 - (residual / (BISQUARE * spread)) ** 2, 0, None) ** 2
    return gain, centre_y - gain * centre_x, spread
