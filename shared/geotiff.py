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
from uuid import uuid4

import numpy as np
import rasterio
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid
from railwatch.shared.tiff import Elsewhere, largest_block_bytes

MAX_BANDS = 16
# Bits of the widest integer.
MAX_BITS = 64
# A scale or an offset beyond this, or a scale below its inverse, is absurd.
LARGEST_SCALE = 1e12
# A picture whose pixels are so much longer than wide is no picture of the ground.
MAX_ANISOTROPY = 10.0
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
def open_geotiff(source: Path | bytes | Elsewhere, limits: Limits) -> Iterator[Geotiff]:
    """Opens a GeoTIFF and checks its header. Damaged pixels that are read inside the `with` are reported, too.

    Args:
        source: a file, here or elsewhere, or its bytes.
        limits: what it may be.

    Raises:
        UnprocessableError: `format-unsupported`, `decode-failed`, `too-many-pixels`, `too-few-pixels`,
            `block-too-large`, `bands-unsupported`, `dtype-unsupported`, `crs-missing` or `crs-unusable`.
        OSError: the file cannot be opened at all.
    """
    largest_bytes = largest_block_bytes(source)
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(**LOCKED_DOWN))
        try:
            yield _checked(source, limits, largest_bytes, stack)
        except (RasterioError, CPLE_BaseError) as error:
            raise _damaged() from error


def bits_per_sample(dataset: DatasetReader, band: int) -> int | None:
    """How many bits of an integer a band uses, if the file says so."""
    bits = dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", "")
    return int(bits) if bits.isdecimal() and 0 < int(bits[:3]) <= MAX_BITS else None


def _checked(source: Path | bytes | Elsewhere, limits: Limits, largest_bytes: int, stack: ExitStack) -> Geotiff:
    try:
        dataset = stack.enter_context(_opened(source, stack))
        _check_size(dataset, limits, largest_bytes)
        _check_bands(dataset, limits)
        for band in dataset.indexes:
            bits_per_sample(dataset, band)
        # What is read later, from tags that may have any bytes.
        _ = dataset.descriptions, dataset.scales, dataset.offsets, dataset.nodatavals, dataset.mask_flag_enums
        return _placed(dataset)
    except (ValueError, TypeError, ArithmeticError) as error:  # words and numbers that Python cannot take
        raise _damaged() from error


def _damaged() -> UnprocessableError:
    return UnprocessableError("decode-failed", "The GeoTIFF is truncated or damaged. Send the whole file.")


def _opened(source: Path | bytes | Elsewhere, stack: ExitStack) -> DatasetReader:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        if isinstance(source, Path):
            return rasterio.open(source, driver="GTiff")
        if isinstance(source, bytes):
            return rasterio.open(stack.enter_context(MemoryFile(source)), driver="GTiff")
        return rasterio.open(f"{uuid4().hex}.tif", driver="GTiff", opener=lambda *_, **__: source.open("rb"))


def _check_size(dataset: DatasetReader, limits: Limits, largest_bytes: int) -> None:
    size = f"The raster is {dataset.width} x {dataset.height} pixels"
    if dataset.width * dataset.height > limits.max_pixels:
        problem = f"{size}, more than {limits.max_pixels} in all; cut it to the site."
        raise UnprocessableError("too-many-pixels", problem)
    if min(dataset.width, dataset.height) < limits.min_side_px:
        problem = f"{size}; it must be at least {limits.min_side_px} pixels on each side."
        raise UnprocessableError("too-few-pixels", problem)
    rows, columns = dataset.block_shapes[0]
    bands = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    block_bytes = max(largest_bytes, rows * columns * bands * np.dtype(dataset.dtypes[0]).itemsize)
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
    try:
        crs, transform = dataset.crs, dataset.transform
        if crs is None or transform.is_identity:
            raise UnprocessableError(
                "crs-missing", "The raster has no CRS or no geotransform; it must be orthorectified and georeferenced."
            )
        if not (all(map(math.isfinite, transform)) and abs(transform.determinant) > 0):
            raise crs_unusable()
        grid = PixelGrid(transform, crs)
        pixel_size_m = grid.pixel_size_m(dataset.width / 2, dataset.height / 2)
        on_earth = crs.is_projected or crs.is_geographic
    except (ProjError, CRSError, ValueError, ArithmeticError) as error:  # a CRS of any words and numbers
        raise crs_unusable() from error
    if not (on_earth and all(map(math.isfinite, pixel_size_m)) and min(pixel_size_m) > 0):
        raise crs_unusable()
    if max(pixel_size_m) > MAX_ANISOTROPY * min(pixel_size_m):
        raise crs_unusable()
    return Geotiff(dataset, grid, pixel_size_m)


def scaling_is_usable(scales: tuple[Any, ...], offsets: tuple[Any, ...]) -> bool:
    """Whether scales and offsets are numbers of a possible size. A scale of 0 would make all pixels equal."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (*scales, *offsets))
    return (
        numbers
        and all(1 / LARGEST_SCALE <= abs(scale) <= LARGEST_SCALE for scale in scales)
        and all(abs(offset) <= LARGEST_SCALE for offset in offsets)
    )


def crs_unusable() -> UnprocessableError:
    """The fault of a raster whose position in its CRS is no place on Earth."""
    return UnprocessableError(
        "crs-unusable", "The raster's position in its CRS is no place on Earth; check its CRS and its geotransform."
    )
