"""The structure of the ground: a picture's brightness and its slope on cells of about a metre, and how two agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.imagery.quantiles import median

# Averages over this much ground keep rails, sleepers' rows and cars, and lose noise and what is left of displacement.
CELL_M = 0.9

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """A picture's luminance on square cells.

    Attributes:
        light: (rows, cols), the mean of each cell.
        right: (rows, cols), its slope to the right, per cell; 0 at the border.
        down: (rows, cols), its slope downwards.
        gradient: (rows, cols), the length of the slope.
        side_px: pixels along a cell's side.
    """

    light: Floats
    right: Floats
    down: Floats
    gradient: Floats
    side_px: int


def on_cells(luminance: Floats, gsd_m: float) -> Cells:
    """Luminance (rows, cols) on cells of about `CELL_M`."""
    side = max(1, round(CELL_M / gsd_m))
    light = block_mean(luminance, side)
    right, down = np.zeros_like(light), np.zeros_like(light)
    np.subtract(light[:, 2:], light[:, :-2], out=right[:, 1:-1])
    np.subtract(light[2:], light[:-2], out=down[1:-1])
    right *= np.float32(0.5)
    down *= np.float32(0.5)
    return Cells(light, right, down, np.hypot(right, down), side)


def common_structure(now: Cells, before: Cells) -> tuple[Floats, Floats]:
    """How much of a baseline's edges runs the same way now, and how much there is, on blocks of 2 by 2 cells.

    An edge whose contrast turned round, as by snow or low sun, counts as the same: agreement is the cosine of twice the
    angle between the edges. Every edge above the median counts alike, so that one bright roof does not speak for all.
    """
    along = now.right * before.right + now.down * before.down
    across = now.right * before.down - now.down * before.right
    along *= along
    across *= across
    total = along + across
    along -= across
    along /= np.maximum(total, 1e-16)
    weight = np.minimum(before.gradient, median(before.gradient[::4, ::4].ravel()))
    along *= weight
    return block_mean(along, 2), block_mean(weight, 2)


def block_mean(image: Floats, side: int) -> Floats:
    """Means over square blocks; what does not fill a block at the right and bottom is left out."""
    rows, cols = (length // side * side for length in image.shape)
    down = image[:rows:side, :cols].astype(np.float32)
    for row in range(1, side):
        down += image[row:rows:side, :cols]
    total = down[:, ::side].copy()
    for col in range(1, side):
        total += down[:, col::side]
    total /= np.float32(side**2)
    return total


def block_all(mask: Mask, side: int) -> Mask:
    """Whether all of a square block is true, on the blocks of `block_mean`."""
    rows, cols = (length // side * side for length in mask.shape)
    if mask.all():
        return np.ones((rows // side, cols // side), dtype=bool)
    down = np.logical_and.reduce([mask[row:rows:side, :cols] for row in range(side)])
    return np.asarray(np.logical_and.reduce([down[:, col::side] for col in range(side)]), dtype=bool)
