"""The structure of the ground: luminance and its slope on blocks of about a metre, and how well two pictures agree."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median

# Side of a block in metres. Means over it keep rails, rows of sleepers and cars. They lose noise, and most of what
# registration leaves of a displacement.
BLOCK_M = 0.9
# Rows of a strip, about: what is computed at a time, to keep memory low. A multiple of four: see `common_structure`.
STRIP_ROWS = 256
# Blocks along the side of a coarse block, about 1.8 m. Cloud and radiometry are judged on coarse blocks.
COARSE = 2


@dataclass(frozen=True)
class Blocks:
    """The luminance of a picture on square blocks.

    Attributes:
        light: (rows, cols), the mean of each block.
        side_px: pixels along the side of a block.
        inner: (rows, cols), blocks with slopes; None where all have them.
    """

    light: Floats
    side_px: int
    inner: Mask | None = None

    def slopes(self, rows: slice) -> tuple[Floats, Floats]:
        """The slope of the light to the right and downwards on some rows, per block; 0 at the border of the picture."""
        first, stop, _ = rows.indices(len(self.light))
        here, above, below = self.light[first:stop], max(first, 1), min(stop, len(self.light) - 1)
        right, down = np.zeros_like(here), np.zeros_like(here)
        np.subtract(here[:, 2:], here[:, :-2], out=right[:, 1:-1])
        inside = self.light[above - 1 : below + 1]
        np.subtract(inside[2:], inside[:-2], out=down[above - first : below - first])
        right *= np.float32(0.5)
        down *= np.float32(0.5)
        if self.inner is not None:
            right *= self.inner[first:stop]
            down *= self.inner[first:stop]
        return right, down

    def strips(self) -> list[slice]:
        """All rows, some at a time, to keep memory low. Their number is even, for coarse blocks."""
        return [slice(top, top + STRIP_ROWS) for top in range(0, len(self.light), STRIP_ROWS)]

    @cached_property
    def gradient(self) -> Floats:
        """The mean length of the slope on coarse blocks."""
        return np.concatenate([block_mean(np.hypot(*self.slopes(rows)), COARSE) for rows in self.strips()])


def on_blocks(luminance: Callable[[slice], Floats], rows: int, gsd_m: float) -> Blocks:
    """Luminance on blocks of about `BLOCK_M`.

    Args:
        luminance: gives some rows of it. They are asked for one strip after the other, to keep memory low.
        rows: how many there are.
        gsd_m: metres per pixel.
    """
    side = max(1, round(BLOCK_M / gsd_m))
    strip = side * max(1, STRIP_ROWS // side)
    return Blocks(
        np.concatenate([block_mean(luminance(slice(top, top + strip)), side) for top in range(0, rows, strip)]), side
    )


def continued(blocks: Blocks, valid: Mask) -> Blocks:
    """Blocks whose light goes on where a picture shows nothing: without edges, as bright as the nearest that it shows.

    Args:
        blocks: of the picture.
        valid: (rows, cols), where it has pixels.
    """
    known = block_all(valid, blocks.side_px)
    if known.all() or not known.any():
        return blocks
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return Blocks(blocks.light[tuple(nearest)], blocks.side_px, ndimage.binary_erosion(known, border_value=1))


def common_structure(now: Blocks, before: Blocks) -> tuple[Floats, Floats]:
    """How much of a baseline's edges runs the same way now, and how much there is, on coarse blocks.

    An edge whose contrast is reversed, as by snow or low sun, counts as the same: agreement is the cosine of twice the
    angle between the edges. All edges above the median have the same weight, so that one bright roof cannot dominate.
    """
    most = median(np.concatenate([np.hypot(*before.slopes(rows))[::4, ::4].ravel() for rows in before.strips()]))
    common, there = zip(*(_common(now, before, rows, most) for rows in now.strips()), strict=True)
    return np.concatenate(common), np.concatenate(there)


def _common(now: Blocks, before: Blocks, rows: slice, most: Floats) -> tuple[Floats, Floats]:
    """See `common_structure`, for some rows of blocks."""
    (right, down), (right_before, down_before) = now.slopes(rows), before.slopes(rows)
    along = right * right_before + down * down_before
    across = right * down_before - down * right_before
    along *= along
    across *= across
    total = along + across
    along -= across
    along /= np.maximum(total, 1e-16)
    weight = np.minimum(np.hypot(right_before, down_before), most)
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
