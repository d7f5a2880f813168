"""A scene's raster: opened with GDAL locked down, judged from its header before any pixel is decoded."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
import shapely
from pyproj.exceptions import ProjError
from rasterio.enums import ColorInterp, Interleaving
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioIOError
from rasterio.io import DatasetReader
from shapely import Polygon, box

from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import Grid

DTYPES = ("uint8", "uint16", "float32")
MAX_BANDS = 16
MAX_BLOCK_BYTES = 256 * 1024**2
"""Reading one pixel decodes its whole block: a file of few bytes must not unpack into more than this at once."""

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

GDAL_LOCKED_DOWN = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_CACHEMAX": 256,
    "GDAL_NUM_THREADS": "1",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "PROJ_NETWORK": "OFF",
}
"""Nothing but the one file is read: no sidecars beside it, no world file, no network."""


@dataclass(frozen=True)
class Scene:
    """An open raster that has passed every check on its header."""

    dataset: DatasetReader

    @cached_property
    def grid(self) -> Grid:
        """Where its pixels lie."""
        return Grid(self.dataset.transform, self.dataset.crs)

    @cached_property
    def footprint(self) -> Polygon:
        """The raster's outline, longitude and latitude; the edges follow the projection's curves."""
        dataset = self.dataset
        outline = box(0, 0, dataset.width, dataset.height).segmentize(max(dataset.width, dataset.height) / 20)
        return shapely.transform(outline, self.grid.to_lon_lat, interleaved=False)


@contextmanager
def open_scene(path: Path, limits: SceneSettings) -> Iterator[Scene]:
    """Open a GeoTIFF and check its header.

    Raises:
        UnprocessableError: `format-unsupported`, `decode-failed`, `too-many-pixels`, `block-too-large`,
            `bands-unsupported`, `dtype-unsupported`, `crs-missing`, `crs-unusable` or `gsd-out-of-range`.
    """
    with path.open("rb") as file:
        if file.read(4) not in TIFF_MAGIC:
            raise UnprocessableError("format-unsupported", "The file is not a TIFF; a scene must be a GeoTIFF or COG.")
    with rasterio.Env(**GDAL_LOCKED_DOWN), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path, driver="GTiff")
        except RasterioIOError:
            raise damaged("its header cannot be read") from None
        with dataset:
            _check_size(dataset, limits)
            _check_bands(dataset)
            yield _checked_geometry(dataset, limits)


def damaged(what: str) -> UnprocessableError:
    """The file is broken."""
    return UnprocessableError("decode-failed", f"The GeoTIFF is truncated or damaged: {what}. Send the whole file.")


def _check_size(dataset: DatasetReader, limits: SceneSettings) -> None:
    pixels = dataset.width * dataset.height
    if pixels > limits.max_pixels:
        raise UnprocessableError(
            "too-many-pixels",
            f"The raster is {dataset.width} x {dataset.height} pixels, more than {limits.max_pixels} in all; "
            "cut it to the sites.",
        )
    rows, columns = dataset.block_shapes[0]
    bands = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    block_bytes = rows * columns * bands * np.dtype(dataset.dtypes[0]).itemsize
    if block_bytes > MAX_BLOCK_BYTES:
        raise UnprocessableError(
            "block-too-large",
            f"One block of the file unpacks to {block_bytes / 1e6:.0f} MB; "
            "write it in small tiles (`gdal_translate -of COG`, or `-co TILED=YES`).",
        )


def _check_bands(dataset: DatasetReader) -> None:
    if not 1 <= dataset.count <= MAX_BANDS:
        raise UnprocessableError(
            "bands-unsupported", f"The raster has {dataset.count} bands; it must have 1 to {MAX_BANDS}."
        )
    if ColorInterp.palette in dataset.colorinterp:
        raise UnprocessableError(
            "bands-unsupported", "The raster has a colour table; make it RGB first (`gdal_translate -expand rgb`)."
        )
    unsupported = sorted(set(dataset.dtypes) - set(DTYPES))
    if unsupported:
        raise UnprocessableError(
            "dtype-unsupported", f"The pixels are {', '.join(unsupported)}; they must be {', '.join(DTYPES)}."
        )


def _checked_geometry(dataset: DatasetReader, limits: SceneSettings) -> Scene:
    if dataset.crs is None or dataset.transform.is_identity:
        raise UnprocessableError(
            "crs-missing", "The raster has no CRS or no geotransform; it must be orthorectified and georeferenced."
        )
    scene = Scene(dataset)
    middle = dataset.width / 2, dataset.height / 2
    try:
        gsd_m = scene.grid.gsd_m(*middle)
        footprint = scene.footprint
    except (ProjError, CRSError) as error:
        raise _unusable(dataset) from error
    if not (math.isfinite(gsd_m) and np.isfinite(footprint.bounds).all() and footprint.is_valid):
        raise _unusable(dataset)
    if not limits.gsd_min_m <= gsd_m <= limits.gsd_max_m:
        raise UnprocessableError(
            "gsd-out-of-range",
            f"A pixel is {gsd_m:.3g} m on the ground; it must be {limits.gsd_min_m:g} to {limits.gsd_max_m:g} m.",
        )
    return scene


def _unusable(dataset: DatasetReader) -> UnprocessableError:
    name = dataset.crs.to_string()[:60]
    return UnprocessableError(
        "crs-unusable", f"The raster's position in its CRS ({name}) is no place on Earth; check CRS and geotransform."
    )
