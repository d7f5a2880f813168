"""Reads providers' masks on the grid of a picture, by the nearest pixel, and leaves out those that cannot be used."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import Resampling, reproject
from rasterio.windows import Window, transform
from shapely.geometry.base import BaseGeometry

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid
from railwatch.shared.geotiff import Geotiff, Limits, open_geotiff
from railwatch.shared.masks.meaning import MaskFile, hiding_bands, unusable
from railwatch.shared.text import plain

Hidden = NDArray[np.bool_]

# A mask shows at least this share of what is read of the picture; another one is of another picture.
LEAST_SHOWN = 0.99
# Pixels of a mask that are read for a tile, as a multiple of the tile's own pixels and the margin.
FINEST = 16
MARGIN_PX = 2
LIMITS = Limits(4_000_000_000, 256 * 1024**2, ("uint8", "int8", "uint16", "int16"), colour_table=True)
# Characters of a mask's name that a remark quotes.
MAX_NAME = 100

_NOTHING, _SEEN, _HIDDEN = 0, 1, 2


@dataclass(frozen=True)
class ProviderMasks:
    """The masks of a picture that can be used.

    Attributes:
        used: the masks.
        remarks: which ones cannot be used, and why.
    """

    used: tuple["_Mask", ...] = ()
    remarks: tuple[str, ...] = ()

    def hidden(self, window: Window) -> Hidden:
        """Where (rows, cols) in a window of the picture a provider sees no ground."""
        found = np.zeros((window.height, window.width), dtype=bool)
        for mask in self.used:
            found |= mask.codes(window) == _HIDDEN
        return found


@contextmanager
def open_masks(
    files: Sequence[MaskFile], picture: DatasetReader, grid: PixelGrid, windows: Sequence[Window]
) -> Iterator[ProviderMasks]:
    """Opens the masks of a picture, and tries each of them on all that will be read.

    Args:
        files: the masks.
        picture: what they are masks of.
        grid: where the picture's pixels lie.
        windows: all windows of the picture that will be read.
    """
    with ExitStack() as stack:
        used: list[_Mask] = []
        remarks: list[str] = []
        for file in files:
            try:
                mask = _Mask(stack.enter_context(open_geotiff(file.path, LIMITS)), file, picture, grid)
                mask.try_on(windows)
            except (UnprocessableError, RasterioError, OSError) as error:
                why = error.detail if isinstance(error, UnprocessableError) else "It cannot be read."
                remarks.append(f"The mask `{plain(file.name, MAX_NAME)}` is not used. {why}")
            else:
                used.append(mask)
        yield ProviderMasks(tuple(used), tuple(remarks))


class _Mask:
    """A mask on the grid of a picture."""

    def __init__(self, mask: Geotiff, file: MaskFile, picture: DatasetReader, grid: PixelGrid) -> None:
        self._mask = mask
        self._meaning = file.meaning
        self._grid = grid
        self._bands = hiding_bands(mask.dataset)
        self._whole = shapely.box(0, 0, mask.dataset.width, mask.dataset.height)
        self._same_grid = (
            picture.shape == mask.dataset.shape
            and picture.crs == mask.dataset.crs
            and picture.transform.almost_equals(mask.dataset.transform, precision=1e-9)
        )

    def try_on(self, windows: Sequence[Window]) -> None:
        """Reads everything that will be read.

        Raises:
            UnprocessableError: `mask-unusable`.
            RasterioError: the mask is damaged.
        """
        values: set[int] = set()
        for window in windows:
            if not self._same_grid and self._share_shown(window) < LEAST_SHOWN:
                raise unusable("It does not show all of the ground that the picture shows.")
            if len(self._bands) == 1 and self._meaning.yes_or_no:
                values.update(np.unique(self._numbers(self._source(window))).tolist())
            self.codes(window)
        if len(values - {0}) > 1:
            shown = ", ".join(map(str, sorted(values)[:8]))
            raise unusable(f"It should have two values, of which one is 0, and has {shown}.")

    def codes(self, window: Window) -> NDArray[np.uint8]:
        """(rows, cols), what the mask says of each pixel of a window of the picture."""
        source = self._source(window)
        codes = self._said(self._numbers(source))
        if self._same_grid:
            return codes
        found = np.full((window.height, window.width), _NOTHING, dtype=np.uint8)
        reproject(
            codes,
            found,
            src_transform=transform(source, self._mask.dataset.transform),
            src_crs=self._mask.dataset.crs,
            dst_transform=transform(window, self._grid.transform),
            dst_crs=self._grid.crs,
            resampling=Resampling.nearest,
        )
        return found

    def _numbers(self, source: Window) -> NDArray[Any]:
        numbers: NDArray[Any] = self._mask.dataset.read(self._bands, window=source)
        return numbers

    def _said(self, numbers: NDArray[Any]) -> NDArray[np.uint8]:
        if len(self._bands) > 1:
            hidden = (numbers != 0).any(axis=0)
        else:
            hidden = np.isin(numbers[0], list(self._meaning.values), invert=not self._meaning.hide)
        return np.where(hidden, np.uint8(_HIDDEN), np.uint8(_SEEN))

    def _source(self, window: Window) -> Window:
        """The part of the mask that shows a window of the picture.

        Raises:
            UnprocessableError: `mask-unusable`.
        """
        if self._same_grid:
            return window
        shown = self._outline(window).intersection(self._whole)
        if shown.is_empty:
            raise unusable("It does not show the ground that the picture shows.")
        left, top, right, bottom = shown.bounds
        first_column, first_row = max(0, int(left) - MARGIN_PX), max(0, int(top) - MARGIN_PX)
        columns = min(self._mask.dataset.width, int(right) + 1 + MARGIN_PX) - first_column
        rows = min(self._mask.dataset.height, int(bottom) + 1 + MARGIN_PX) - first_row
        if columns * rows > FINEST * (window.width + 2 * MARGIN_PX) * (window.height + 2 * MARGIN_PX):
            raise unusable("Its pixels are much smaller than those of the picture.")
        return Window(first_column, first_row, columns, rows)

    def _share_shown(self, window: Window) -> float:
        outline = self._outline(window)
        return float(outline.intersection(self._whole).area / outline.area)

    def _outline(self, window: Window) -> BaseGeometry:
        """A window of the picture in the mask's columns and rows."""
        outline = _box(window).segmentize(max(window.width, window.height) / 4)
        lon_lat = shapely.transform(outline, self._grid.to_lon_lat, interleaved=False)
        outline = shapely.transform(lon_lat, self._mask.grid.to_pixels, interleaved=False)
        if not (np.isfinite(outline.bounds).all() and outline.is_valid and outline.area > 0):
            raise unusable("It does not show the ground that the picture shows.")
        return outline


def _box(window: Window) -> BaseGeometry:
    left, top = window.col_off, window.row_off
    return shapely.box(left, top, left + window.width, top + window.height)
