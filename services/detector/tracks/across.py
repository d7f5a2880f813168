"""What a network that looks for axes sees: the pictures across each line, a row for every metre of track.

Light is in units of the strip's own contrast, linear near 0 and logarithmic far out.
"""

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import quantile

# Distance between places across the line, and between rows along it, in metres.
STEP_M = 0.25
ROW_M = 1.0
# How far a drawn line may lie beside its track, in metres, and how far beyond that the pictures are seen.
REACH_M = 3.0
ACROSS_M = np.arange(-REACH_M - 4.0, REACH_M + 4.0 + STEP_M / 2, STEP_M)
PLANES = 9
# Planes of light, those that need a baseline, and how many of the first are 0 where the tile shows nothing.
LIGHT, BASELINE, PRESENT = (0, 1, 2, 3, 4), (2, 3, 4, 6), 8
# Fine structure is what is left of a mean over so far, and its strength is taken over a little more, in metres.
FINE_M, STRENGTH_M = 1.5, 2.0


def planes_of(tile: Floats, seen: Mask, baseline: Floats | None, before_seen: Mask | None, gsd_m: float) -> Floats:
    """(PLANES, rows, w): light and fine structure of tile and baseline, their difference, and what is known.

    Args:
        tile: (rows, w), luminance.
        seen: (rows, w), where it is known.
        baseline: (rows, w), in the tile's radiometry, or None.
        before_seen: (rows, w), or None.
        gsd_m: metres per pixel.
    """
    planes = np.zeros((PLANES, *tile.shape), np.float32)
    middle, unit = _contrast(tile, seen)
    planes[0] = np.arcsinh((tile - middle) / unit)
    planes[1] = _fine(tile, unit) * seen
    planes[5] = 1
    if baseline is not None and before_seen is not None:
        middle_before, unit_before = _contrast(baseline, before_seen)
        planes[2] = np.arcsinh((baseline - middle_before) / unit_before) * before_seen
        planes[3] = _fine(baseline, unit_before) * before_seen
        planes[4] = np.arcsinh((tile - baseline) / unit) * before_seen
        planes[6] = before_seen
    planes[7] = gsd_m
    planes[8] = 1
    planes[:PRESENT] *= seen
    return planes


def _contrast(values: Floats, seen: Mask) -> tuple[np.float32, np.float32]:
    known = values[seen]
    if not known.size:
        return np.float32(0), np.float32(1)
    low, middle, high = (float(quantile(known, share)) for share in (0.1, 0.5, 0.9))
    return np.float32(middle), np.float32(max(high - low, 0.02) / 2)


def _fine(values: Floats, unit: np.float32) -> Floats:
    fine = values - ndimage.gaussian_filter1d(values, FINE_M / STEP_M, axis=1, mode="nearest")
    strength = ndimage.gaussian_filter1d(fine * fine, STRENGTH_M / STEP_M, axis=1, mode="nearest")
    return np.asarray(fine / (np.sqrt(strength) + np.float32(0.05) * unit), dtype=np.float32)
