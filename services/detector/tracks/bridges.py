"""Bridges over the tracks: what passes below them cannot be seen, and counts as not seen.

A bridge's deck is even across the tracks: rails, ballast and the ground between tracks, which change from metre to
metre there, are gone. So each cell of track is looked at 12 m to either side, along lines that cross the track at up to
45 degrees, for light that hardly changes. A road that crosses on the level looks the same, and no car is left on one.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import CELL_M, Layout, straighten

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Four tracks and the ground between them.
REACH_M = 12.0
ACROSS_M = np.arange(-REACH_M, REACH_M + 0.5, 1.0)
ANGLES_DEG = range(-45, 46, 5)
FURTHEST = round(REACH_M / CELL_M)
# The change of light along a deck, as a share of what is usual across bare tracks (those that change less than three
# quarters of all, which hold the cars). Deep shade leaves more of it.
MOST_CHANGE = 0.2
BARE = 0.25
# No footbridge is narrower, and no bridge wider: such an even ground is cloud, snow or fog.
NARROWEST_CELLS, WIDEST_CELLS = round(1.5 / CELL_M), round(40.0 / CELL_M)
# Its edges blur into the ground over so much on either side.
EDGE_CELLS = round(1.0 / CELL_M)


def bridged(tile: Raster, seen: Mask, layout: Layout) -> Mask:
    """(n,), cells of track that lie under a bridge, as far as the tile shows it.

    Args:
        tile: the tile.
        seen: (rows, cols), what of the ground it shows: cloud is as even as a deck.
        layout: the tracks.
    """
    (strip,), (known,) = straighten([replace(tile.grey(), valid=seen)], layout, ACROSS_M)
    light = np.where(known, strip[..., 0], np.nan).T
    whole = known.all(axis=1)
    usual = float(quantile(light[:, whole].std(axis=0), BARE)) if whole.any() else 0.0
    padded = np.pad(light, [(0, 0), (FURTHEST, FURTHEST)], constant_values=np.nan)
    moments = np.stack([padded, padded**2], axis=1)
    even = np.zeros(light.shape[1], dtype=bool)
    for angle in ANGLES_DEG:
        change = _change_along(moments, light.shape[1], np.tan(np.deg2rad(angle)))
        even |= _runs(change < MOST_CHANGE * usual, NARROWEST_CELLS, WIDEST_CELLS)
    return np.asarray(ndimage.binary_dilation(even, iterations=EDGE_CELLS) & layout.on_track)


def _change_along(moments: Floats, cells: int, slope: float) -> Floats:
    """(n,), standard deviation of light along a line through each cell; NaN where some of it is not known.

    Args:
        moments: (w, 2, n and `FURTHEST` on either side), light across and along the track, and its square.
        cells: n.
        slope: metres along the track for each metre across.
    """
    total = np.zeros((2, cells), np.float32)
    for light, across_m in zip(moments, ACROSS_M, strict=True):
        first = FURTHEST + round(float(across_m) * slope / CELL_M)
        total += light[:, first : first + cells]
    mean, square = total / len(ACROSS_M)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)))


def _runs(mask: Mask, shortest: int, too_long: int) -> Mask:
    """Where a mask (n,) holds for at least `shortest` cells in a row, and for less than `too_long`."""
    start, stop = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2).T
    kept = (stop - start >= shortest) & (stop - start < too_long)
    steps = np.zeros(len(mask) + 1, np.int8)
    steps[start[kept]], steps[stop[kept]] = 1, -1
    return np.cumsum(steps[:-1]) > 0
