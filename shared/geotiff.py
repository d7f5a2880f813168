"""GeoTIFFs from strangers: opened with GDAL locked down, and checked by their header before a pixel is decoded.

Ingest opens scenes here and the detector opens tiles, so that a fault has the same name in both.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj.exceptions import ProjError
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid

MAX_BANDS = 16
# A scale or an offset beyond this, or a scale below its inverse, is absurd.
LARGEST_SCALE = 1e12
# The first four bytes of a TIFF and of a BigTIFF, in both byte orders.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Only the one file is read: no sidecar beside it, no world file, no network.
LOCKED_DOWN = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_CACHEMAX": 256,
    "GDAL_NUM_THREADS": "1",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "PROJ_NETWORK": "OFF",
}


@dataclass(frozen=True)
class Limits:
    """What a GeoTIFF may be. The header is enough to check it, so that no small file unpacks into too much memory.

    Attributes:
        max_pixels: rows times columns.
        max_block_bytes: size of one unpacked block. To read one pixel, the whole block is decoded.
        dtypes: data types of the pixels.
        min_side_px: the fewest rows, and the fewest columns.
        colour_table: whether the numbers may stand for colours. They do not in a picture, but may in a mask.
    """

    max_pixels: int
    max_block_bytes: int
    dtypes: tuple[str, ...]
    min_side_px: int = 1
    colour_table: bool = False


@dataclass(frozen=True)
class Geotiff:
    """An open GeoTIFF whose header has passed every check.

    Attributes:
        dataset: its pixels and tags.
        grid: where its pixels lie.
        pixel_size_m: true metres on the ground of one step along columns and of one along rows, in its middle.
    """

    dataset: DatasetReader
    grid: PixelGrid
    pixel_size_m: tuple[float, float]


@contextmanager
def open_geotiff(source: Path | bytes, limits: Limits) -> Iterator[Geotiff]:
    """Opens a GeoTIFF and checks its header. Damaged pixels that are read inside the `with` are reported, too.

    Args:
        source: a file, or its bytes.
        limits: what it may be.

    Raises:
        UnprocessableError: `format-unsupported`, `decode-failed`, `too-many-pixels`, `too-few-pixels`,
            `block-too-large`, `bands-unsupported`, `dtype-unsupported`, `crs-missing` or `crs-unusable`.
        OSError: the file cannot be opened at all.
    """
    if _magic(source) not in TIFF_MAGIC:
        raise UnprocessableError("format-unsupported", "The file is not a TIFF; it must be a GeoTIFF or COG.")
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(**LOCKED_DOWN))
        try:
            dataset = stack.enter_context(_opened(source, stack))
            _check_size(dataset, limits)
            _check_bands(dataset, limits)
            yield _placed(dataset)
        except RasterioError as error:
            problem = "The GeoTIFF is truncated or damaged. Send the whole file."
            raise UnprocessableError("decode-failed", problem) from error


def _magic(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:4]
    with source.open("rb") as file:
        return file.read(4)


def _opened(source: Path | bytes, stack: ExitStack) -> DatasetReader:
    file = source if isinstance(source, Path) else stack.enter_context(MemoryFile(source))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(file, driver="GTiff")


def _check_size(dataset: DatasetReader, limits: Limits) -> None:
    size = f"The raster is {dataset.width} x {dataset.height} pixels"
    if dataset.width * dataset.height > limits.max_pixels:
        problem = f"{size}, more than {limits.max_pixels} in all; cut it to the site."
        raise UnprocessableError("too-many-pixels", problem)
    if min(dataset.width, dataset.height) < limits.min_side_px:
        problem = f"{size}; it must be at least {limits.min_side_px} pixels on each side."
        raise UnprocessableError("too-few-pixels", problem)
    rows, columns = dataset.block_shapes[0]
    bands = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    block_bytes = rows * columns * bands * np.dtype(dataset.dtypes[0]).itemsize
    if block_bytes > limits.max_block_bytes:
        raise UnprocessableError(
            "block-too-large",
            f"One block of the file unpacks to {block_bytes / 1e6:.0f} MB; "
            "write it in small tiles (`gdal_translate -of COG`, or `-co TILED=YES`).",
        )


def _check_bands(dataset: DatasetReader, limits: Limits) -> None:
    if not 1 <= dataset.count <= MAX_BANDS:
        raise UnprocessableError(
            "bands-unsupported", f"The raster has {dataset.count} bands; it must have 1 to {MAX_BANDS}."
        )
    if ColorInterp.palette in dataset.colorinterp and not limits.colour_table:
        raise UnprocessableError(
            "bands-unsupported", "The raster has a colour table; make it RGB first (`gdal_translate -expand rgb`)."
        )
    unsupported = sorted(set(dataset.dtypes) - set(limits.dtypes))
    if unsupported:
        raise UnprocessableError(
            "dtype-unsupported", f"The pixels are {', '.join(unsupported)}; they must be {', '.join(limits.dtypes)}."
        )


def _placed(dataset: DatasetReader) -> Geotiff:
    if dataset.crs is None or dataset.transform.is_identity:
        raise UnprocessableError(
            "crs-missing", "The raster has no CRS or no geotransform; it must be orthorectified and georeferenced."
        )
    grid = PixelGrid(dataset.transform, dataset.crs)
    try:
        pixel_size_m = grid.pixel_size_m(dataset.width / 2, dataset.height / 2)
    except (ProjError, CRSError) as error:
        raise crs_unusable(dataset) from error
    if not (all(map(math.isfinite, pixel_size_m)) and (dataset.crs.is_projected or dataset.crs.is_geographic)):
        raise crs_unusable(dataset)
    return Geotiff(dataset, grid, pixel_size_m)


def scaling_is_usable(scales: tuple[Any, ...], offsets: tuple[Any, ...]) -> bool:
    """Whether scales and offsets are numbers of a possible size. A scale of 0 would make all pixels equal."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (*scales, *offsets))
    return (
        numbers
        and all(1 / LARGEST_SCALE <= abs(scale) <= LARGEST_SCALE for scale in scales)
        and all(abs(offset) <= LARGEST_SCALE for offset in offsets)
    )


def crs_unusable(dataset: DatasetReader) -> UnprocessableError:
    """The fault of a raster whose position in its CRS is no place on Earth."""
    name = dataset.crs.to_string()[:60]
    return UnprocessableError(
        "crs-unusable", f"The raster's position in its CRS ({name}) is no place on Earth; check CRS and geotransform."
    )
