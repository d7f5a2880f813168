"""The structure of the ground: luminance and its slope on blocks of about a metre, and how well two pictures agree."""

from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median

# Side of a block in metres. Means over it keep rails, rows of sleepers and cars. They lose noise, and most of what
# registration leaves of a displacement.
BLOCK_M = 0.9
# Blocks along the side of a coarse block, about 1.8 m. Cloud and radiometry are judged on coarse blocks.
COARSE = 2


@dataclass(frozen=True)
class Blocks:
    """The luminance of a picture on square blocks.

    Attributes:
        light: (rows, cols), the mean of each block.
        right: (rows, cols), its slope to the right, per block; 0 at the border.
        down: (rows, cols), its slope downwards.
        gradient: (rows, cols), the length of the slope.
        side_px: pixels along the side of a block.
    """

    light: Floats
    right: Floats
    down: Floats
    gradient: Floats
    side_px: int


def on_blocks(luminance: Floats, gsd_m: float) -> Blocks:
    """Luminance (rows, cols) on blocks of about `BLOCK_M`."""
    side = max(1, round(BLOCK_M / gsd_m))
    light = block_mean(luminance, side)
    right, down = np.zeros_like(light), np.zeros_like(light)
    np.subtract(light[:, 2:], light[:, :-2], out=right[:, 1:-1])
    np.subtract(light[2:], light[:-2], out=down[1:-1])
    right *= np.float32(0.5)
    down *= np.float32(0.5)
    return Blocks(light, right, down, np.hypot(right, down), side)


def common_structure(now: Blocks, before: Blocks) -> tuple[Floats, Floats]:
    """How much of a baseline's edges runs the same way now, and how much there is, on coarse blocks.

    An edge whose contrast is reversed, as by snow or low sun, counts as the same: agreement is the cosine of twice the
    angle between the edges. All edges above the median have the same weight, so that one bright roof cannot dominate.
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
    return block_mean(along, COARSE), block_mean(weight, COARSE)


def block_mean(image: Floats | Mask, side: int) -> Floats:
    """Means (..., rows / side, cols / side) over square blocks; an incomplete block at the edge is left out.

    On 2048 x 2048 pixels this takes 2 ms, and `skimage.measure.block_reduce` 24 ms.
    """
    rows, cols = (length // side * side for length in image.shape[-2:])
    down = image[..., :rows:side, :cols].astype(np.float32)
    for row in range(1, side):
        down += image[..., row:rows:side, :cols]
    total = down[..., ::side].copy()
    for col in range(1, side):
        total += down[..., col::side]
    total /= np.float32(side**2)
    return total


def block_all(mask: Mask, side: int) -> Mask:
    """Whether all of a square block is true, on the blocks of `block_mean`."""
    rows, cols = (length // side * side for length in mask.shape)
    if mask.all():
        return np.ones((rows // side, cols // side), dtype=bool)
    down = np.logical_and.reduce([mask[row:rows:side, :cols] for row in range(side)])
    return np.asarray(np.logical_and.reduce([down[:, col::side] for col in range(side)]), dtype=bool)
