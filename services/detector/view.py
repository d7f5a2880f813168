"""The part of a tile that is drawn: the ground around its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from shapely import MultiLineString, box

from railwatch.services.detector.imagery.arrays import Floats, Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.structure import block_all, block_mean
from railwatch.services.detector.tracks.centrelines import Centreline

# Longest side of the ground shown, in pixels: readable at full size, and small enough to be kept for every look.
LONGEST_PX = 1400
MAX_ZOOM = 4.0
# Ground is drawn no finer than this, in metres per pixel: a car is then 50 pixels long, with room for its number.
FINEST_M = 0.28
# Rows of the decimated part that are made at a time.
ROWS = 64
# Ground shown around the tracks, in metres.
MARGIN_M = 25.0

Colours = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """The part of a tile that is drawn: from `left`, `top` to `right`, `bottom` in its pixels, enlarged by `zoom`."""

    left: int
    top: int
    right: int
    bottom: int
    zoom: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, in its pixels."""
        return round((self.right - self.left) * self.zoom), round((self.bottom - self.top) * self.zoom)

    @property
    def decimation(self) -> int:
        """How many pixels on a side become one before colours are made: as many as the picture can do without."""
        return max(1, round(1 / self.zoom))

    def part(self, pixels: Floats, band: int) -> Floats:
        """This part of a band of pixels (bands, rows, cols), decimated; some rows at a time, to keep memory low."""
        side = self.decimation
        stop = self.top + (self.bottom - self.top) // side * side
        tops = range(self.top, stop, side * ROWS)
        rows = (slice(top, min(top + side * ROWS, stop)) for top in tops)
        return np.concatenate([block_mean(pixels[band, part, self.left : self.right], side) for part in rows])

    def known(self, mask: Mask) -> Mask:
        """Where this part of a mask (rows, cols), decimated, is all true."""
        return block_all(mask[self.top : self.bottom, self.left : self.right], self.decimation)

    def picture(self, colours: Colours) -> Image.Image:
        """Colours (rows, cols, 3) of the decimated part, as a picture."""
        return Image.fromarray(colours).resize(self.size, Image.Resampling.BICUBIC)

    def at(self, xy_px: Points) -> list[tuple[float, float]]:
        """Where pixel coordinates (n, 2) of the tile are drawn."""
        moved = (xy_px + 0.5 - [self.left, self.top]) * self.zoom
        return [(float(x), float(y)) for x, y in moved]


def view_of(tile: Raster, centrelines: Sequence[Centreline]) -> View:
    """The part around the tracks; all of a tile that shows none."""
    rows, cols = tile.shape
    frame = box(0, 0, cols - 1, rows - 1)
    tracks = MultiLineString([line.xy_px for line in centrelines]).intersection(frame)
    left, top, right, bottom = (frame if tracks.is_empty else tracks.buffer(MARGIN_M / tile.gsd_m)).bounds
    left, top = max(0, int(left)), max(0, int(top))
    right, bottom = min(cols, int(right) + 1), min(rows, int(bottom) + 1)
    zoom = LONGEST_PX / max(right - left, bottom - top)
    return View(left, top, right, bottom, min(zoom, MAX_ZOOM, max(1.0, tile.gsd_m / FINEST_M)))
