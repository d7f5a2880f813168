"""A scene's raster: opened and checked before any pixel is decoded, with its outline on the ground."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.io import DatasetReader
from shapely import Polygon, box

from railwatch.services.ingest.scenes.remote import File
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid
from railwatch.shared.geotiff import Geotiff, Limits, crs_unusable, open_geotiff

DTYPES = ("uint8", "uint16", "float32")
# A tile is cut out of a scene with windowed reads: few blocks are in memory at a time, so each must be small.
MAX_BLOCK_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Scene:
    """An open raster that has passed every check on its header.

    Attributes:
        file: where it is.
        dataset: its pixels.
        grid: where its pixels lie.
        footprint: its outline, longitude and latitude; the edges follow the projection's curves.
    """

    file: File
    dataset: DatasetReader
    grid: PixelGrid
    footprint: Polygon


@contextmanager
def open_scene(file: File, settings: SceneSettings) -> Iterator[Scene]:
    """Opens a GeoTIFF as a scene.

    Raises:
        UnprocessableError: one of the faults of `open_geotiff`, or `gsd-out-of-range`.
    """
    limits = Limits(max_pixels=settings.max_pixels, max_block_bytes=MAX_BLOCK_BYTES, dtypes=DTYPES)
    with open_geotiff(file, limits) as geotiff:
        footprint = _footprint(geotiff)
        _check_gsd(math.sqrt(math.prod(geotiff.pixel_size_m)), settings)
        yield Scene(file, geotiff.dataset, geotiff.grid, footprint)


def _footprint(geotiff: Geotiff) -> Polygon:
    width, height = geotiff.dataset.width, geotiff.dataset.height
    outline = box(0, 0, width, height).segmentize(max(width, height) / 20)
    footprint = shapely.transform(outline, geotiff.grid.to_lon_lat, interleaved=False)
    if not (np.isfinite(footprint.bounds).all() and footprint.is_valid):
        raise crs_unusable()
    return footprint


def _check_gsd(gsd_m: float, settings: SceneSettings) -> None:
    if not settings.gsd_min_m <= gsd_m <= settings.gsd_max_m:
        raise UnprocessableError(
            "gsd-out-of-range",
            f"A pixel is {gsd_m:.3g} m on the ground; it must be {settings.gsd_min_m:g} to {settings.gsd_max_m:g} m.",
        )
