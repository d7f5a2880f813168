"""Bridges over the tracks. What passes below a bridge cannot be seen, and counts as not seen.

Across the tracks, rails, ballast and the ground between tracks change the light from metre to metre. On the deck of a
bridge the light is even. So each sample of track is examined 12 m to either side, along lines that cross the track at
up to 45 degrees, for light that hardly changes. A level road looks the same, and no car is left standing on one.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout, straighten

# Lines across the track reach so far to either side, in metres: four tracks and the ground between them.
REACH_M = 12.0
ACROSS_M = np.arange(-REACH_M, REACH_M + 0.5, 1.0)
ANGLES_DEG = range(-45, 46, 5)
FURTHEST = round(REACH_M / SAMPLE_M)
# The light on a deck changes by less than this share of what is usual across bare tracks. Bare are the quarter of
# samples that change least; the others may hold cars. In deep shade the light on a deck changes more.
MOST_CHANGE = 0.2
BARE = 0.25
# Width of a bridge in samples: at least that of a footbridge. Wider even ground is cloud, snow or fog.
NARROWEST, WIDEST = round(1.5 / SAMPLE_M), round(40.0 / SAMPLE_M)
# Samples over which the edge of a bridge blurs into the ground, on either side.
EDGE = round(1.0 / SAMPLE_M)


def bridged(tile: Raster, seen: Mask, layout: Layout) -> Mask:
    """(n,), samples of track that lie under a bridge, as far as the tile shows it.

    Args:
        tile: the tile.
        seen: (rows, cols), the ground that can be seen. Cloud is as even as a deck, so it is left out.
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
        even |= _runs(change < MOST_CHANGE * usual, NARROWEST, WIDEST)
    return np.asarray(ndimage.binary_dilation(even, iterations=EDGE) & layout.on_track)


def _change_along(moments: Floats, samples: int, slope: float) -> Floats:
    """(n,), standard deviation of the light along a line through each sample; NaN where some of it is not known.

    Args:
        moments: (w, 2, n and `FURTHEST` on either side), light across and along the track, and its square.
        samples: n.
        slope: metres along the track for each metre across.
    """
    total = np.zeros((2, samples), np.float32)
    for light, across_m in zip(moments, ACROSS_M, strict=True):
        first = FURTHEST + round(float(across_m) * slope / SAMPLE_M)
        total += light[:, first : first + samples]
    mean, square = total / len(ACROSS_M)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)))


def _runs(mask: Mask, shortest: int, too_long: int) -> Mask:
    """Where a mask (n,) holds for at least `shortest` samples in a row, and for less than `too_long`."""
    start, stop = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2).T
    kept = (stop - start >= shortest) & (stop - start < too_long)
    steps = np.zeros(len(mask) + 1, np.int8)
    steps[start[kept]], steps[stop[kept]] = 1, -1
    return np.cumsum(steps[:-1]) > 0
