"""What a network that looks for axes sees: the pictures across each line, a row for every metre of track.

Light is in units of the strip's own contrast, linear near 0 and logarithmic far out.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Section:
    """One picture across the lines, (rows, w) each.

    Attributes:
        values: luminance.
        seen: where it is known.
        unit: a quantity of light, half of the contrast.
        light: how bright it is, in that unit.
        fine: its fine structure.
    """

    values: Floats
    seen: Mask
    unit: np.float32
    light: Floats
    fine: Floats


def section_of(values: Floats, seen: Mask) -> Section:
    """The section of a picture's luminance (rows, w), and where it is known."""
    middle, unit = _contrast(values, seen)
    return Section(values, seen, unit, np.arcsinh((values - middle) / unit), _fine(values, unit))


def planes_of(tile: Section, baseline: Section | None, gsd_m: float) -> Floats:
    """(PLANES, rows, w): light and fine structure of tile and baseline, their difference, and what is known.

    Args:
        tile: the tile.
        baseline: the baseline, in the tile's radiometry, or None.
        gsd_m: metres per pixel.
    """
    planes = np.zeros((PLANES, *tile.values.shape), np.float32)
    planes[0], planes[1] = tile.light, tile.fine
    planes[5] = 1
    if baseline is not None:
        planes[2], planes[3], planes[6] = baseline.light, baseline.fine, 1
        planes[4] = np.arcsinh((tile.values - baseline.values) / tile.unit)
        planes[list(BASELINE)] *= baseline.seen
    planes[7] = gsd_m
    planes[8] = 1
    planes[:PRESENT] *= tile.seen
    return planes


def _contrast(values: Floats, seen: Mask) -> tuple[np.float32, np.float32]:
    known = values[seen]
    if not known.size:
        return np.float32(0), np.float32(1)
    low, middle, high = quantile(known, [0.1, 0.5, 0.9])
    return middle, np.float32(max(high - low, 0.02) / 2)


def _fine(values: Floats, unit: np.float32) -> Floats:
    fine = values - ndimage.gaussian_filter1d(values, FINE_M / STEP_M, axis=1, mode="nearest")
    strength = ndimage.gaussian_filter1d(fine * fine, STRENGTH_M / STEP_M, axis=1, mode="nearest")
    return np.asarray(fine / (np.sqrt(strength) + np.float32(0.05) * unit), dtype=np.float32)
