"""A tile's pixels as colours that a browser shows, at full size and in coarser levels, kept for a while in memory."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.tiles import MAX_TILE_PIXELS

Colours = NDArray[np.uint8]

# What is drawn black and white, as shares of the pixels, and how much the dark is raised.
DARK, BRIGHT, RAISED = 0.005, 0.997, 0.8
# Colours by light, from black to white.
TONES = np.rint(255 * np.linspace(0, 1, 4096) ** RAISED).astype(np.uint8)
# The contrast of a tile is judged from so many patches of it in each direction, and pixels on a side of each.
PATCHES, PATCH_PX = 8, 64
# Rows that are made into colours at a time, to keep memory low.
ROWS = 256
# A level that is smaller than this has none above it.
SMALLEST_PX = 256
# GDAL's cache of decoded blocks, which is not needed again, in MB.
GDAL_CACHE_MB = 32
# Contrasts that are remembered.
CONTRASTS = 1000
MERCATOR = CRS.from_epsg(3857)


@dataclass(frozen=True)
class Sheet:
    """The colours of a tile.

    Attributes:
        levels: (4, rows, cols) each: red, green, blue and opacity at full size, then at half of it, and so on.
        transform: from the pixels of the first level to the coordinates of `crs`.
        crs: the projection.
        metres_per_px: of the first level, in the metres of Web Mercator.
        bounds: west, south, east, north in Web Mercator.
    """

    levels: tuple[Colours, ...]
    transform: Affine
    crs: CRS
    metres_per_px: float
    bounds: tuple[float, float, float, float]

    @property
    def bytes_held(self) -> int:
        """What it takes in memory."""
        return sum(level.nbytes for level in self.levels)


@dataclass(frozen=True)
class Contrast:
    """The values that are drawn black and white."""

    dark: float
    bright: float

    def colours(self, values: NDArray[np.float32]) -> Colours:
        """Values as colours."""
        light = (values - np.float32(self.dark)) * np.float32(len(TONES) / max(self.bright - self.dark, 1e-6))
        return TONES[np.clip(light, 0, len(TONES) - 1, out=light).astype(np.uint16)]


def contrast_of(data: bytes) -> Contrast:
    """The contrast in which a GeoTIFF shows its ground well."""
    seen = np.concatenate(list(_patches(data)), axis=1)
    return Contrast(*(float(share) for share in np.quantile(seen, [DARK, BRIGHT]))) if seen.size else Contrast(0, 1)


def sheet_of(data: bytes, contrast: Contrast, longest_px: int | None = None) -> Sheet:
    """A GeoTIFF as a sheet.

    Args:
        data: the file.
        contrast: what is drawn black and white.
        longest_px: the most rows and columns that it is to have; null for all of them, with all levels.

    Raises:
        UnprocessableError: `picture-unreadable`, `picture-too-large`.
    """
    with _opened(data) as dataset:
        rows, cols = dataset.shape
        _check_size(rows, cols)
        crs, transform = dataset.crs, dataset.transform
        west, south, east, north = transform_bounds(crs, MERCATOR, *dataset.bounds)
        if longest_px is None or max(rows, cols) <= longest_px:
            whole = np.empty((4, rows, cols), np.uint8)
            for top in range(0, rows, ROWS):
                part = Window(0, top, cols, min(ROWS, rows - top))
                values, shown = _read(dataset, part, (part.height, cols))
                whole[:3, top : top + ROWS], whole[3, top : top + ROWS] = contrast.colours(values), shown
        else:
            scale = longest_px / max(rows, cols)
            shape = max(1, round(rows * scale)), max(1, round(cols * scale))
            values, shown = _read(dataset, Window(0, 0, cols, rows), shape)
            whole = np.concatenate([contrast.colours(values), shown[None]])
            transform = transform * Affine.scale(cols / shape[1], rows / shape[0])
    levels = [whole]
    while longest_px is None and min(levels[-1].shape[1:]) >= 2 * SMALLEST_PX:
        levels.append(_halved(levels[-1]))
    return Sheet(tuple(levels), transform, crs, (east - west) / whole.shape[2], (west, south, east, north))


def bytes_of_sheet(data: bytes) -> int:
    """What a GeoTIFF's sheet takes in memory, with all levels."""
    with _opened(data) as dataset:
        return int(4 * dataset.height * dataset.width * 4 / 3)


class Sheets:
    """The sheets that were asked for last. One is made at a time."""

    def __init__(self, blobs: BlobStore, max_bytes: int) -> None:
        """Nothing is read yet.

        Args:
            blobs: where the tiles are.
            max_bytes: what all sheets together may take in memory. One is always kept.
        """
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._turn = Lock()
        self._sheets: OrderedDict[tuple[str, Contrast], Sheet] = OrderedDict()
        self._contrasts: OrderedDict[str, Contrast] = OrderedDict()

    def get(self, image: BlobRef, like: BlobRef) -> Sheet:
        """The sheet of a tile, in the contrast of a tile of the same scene.

        Raises:
            UnprocessableError: the tile is gone, or cannot be read.
            DependencyAwayError: the object store is away.
        """
        with self._turn:
            data = None
            if like.sha256 not in self._contrasts:
                data = self._blobs.get(like)
                self._contrasts[like.sha256] = contrast_of(data)
                if len(self._contrasts) > CONTRASTS:
                    self._contrasts.popitem(last=False)
            contrast = self._contrasts[like.sha256]
            key = image.sha256, contrast
            if key not in self._sheets:
                if data is None or like != image:
                    data = self._blobs.get(image)
                needed = bytes_of_sheet(data)
                while self._sheets and self._held + needed > self._max_bytes:
                    self._sheets.popitem(last=False)
                self._sheets[key] = sheet_of(data, contrast)
            self._sheets.move_to_end(key)
            return self._sheets[key]

    @property
    def _held(self) -> int:
        return sum(sheet.bytes_held for sheet in self._sheets.values())


@contextmanager
def _opened(data: bytes) -> Iterator[DatasetReader]:
    """A GeoTIFF in memory, while the block lasts."""
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB), MemoryFile(data) as memory:
        try:
            dataset = memory.open()
        except rasterio.errors.RasterioIOError:
            raise UnprocessableError("picture-unreadable", "The tile is no GeoTIFF.") from None
        with dataset:
            yield dataset


def _patches(data: bytes) -> Iterator[NDArray[np.float32]]:
    """Values (3, n) of pixels that show something, from all over a GeoTIFF."""
    with _opened(data) as dataset:
        rows, cols = dataset.shape
        _check_size(rows, cols)
        for top in np.linspace(0, max(rows - PATCH_PX, 0), PATCHES).astype(int):
            for left in np.linspace(0, max(cols - PATCH_PX, 0), PATCHES).astype(int):
                part = Window(int(left), int(top), min(PATCH_PX, cols), min(PATCH_PX, rows))
                values, shown = _read(dataset, part, (part.height, part.width))
                yield values[:, shown > 0]


def _check_size(rows: int, cols: int) -> None:
    if rows * cols > MAX_TILE_PIXELS:
        raise UnprocessableError("picture-too-large", f"The tile has {rows} x {cols} pixels.")


def _read(dataset: DatasetReader, window: Window, shape: tuple[int, int]) -> tuple[NDArray[np.float32], Colours]:
    """Red, green and blue (3, rows, cols), and where the picture shows something (rows, cols): 255, or 0."""
    bands = _colour_bands(dataset)
    values = dataset.read(bands, window=window, out_shape=(len(bands), *shape), resampling=Resampling.average)
    shown = dataset.dataset_mask(window=window, out_shape=shape)
    values = values.astype(np.float32)
    finite = np.isfinite(values).all(axis=0)
    shown = np.where(finite & (shown > 0), np.uint8(255), np.uint8(0))
    return np.nan_to_num(values if len(bands) == 3 else np.repeat(values, 3, axis=0)), shown


def _colour_bands(dataset: DatasetReader) -> list[int]:
    """Red, green and blue as the file names them, or the first three bands, or the only one."""
    by_colour = {colour: band for band, colour in enumerate(dataset.colorinterp, 1)}
    named = [by_colour.get(colour) for colour in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)]
    if all(named):
        return [band for band in named if band]
    return [1, 2, 3] if dataset.count >= 3 else [1]


def _halved(level: Colours) -> Colours:
    rows, cols = level.shape[1] // 2 * 2, level.shape[2] // 2 * 2
    half = np.empty((4, rows // 2, cols // 2), np.uint8)
    for band, target in zip(level, half, strict=True):
        total = np.full(target.shape, 2, np.uint16)
        for row in (0, 1):
            for col in (0, 1):
                total += band[row:rows:2, col:cols:2]
        np.right_shift(total, 2, out=target, casting="unsafe")
    return half
