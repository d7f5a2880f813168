"""Reads a GeoTIFF as a picture: which bands are used, which pixels are valid, and which value is full scale."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Mask
from railwatch.services.detector.imagery.raster import Raster, on_metric_grid
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geotiff import Geotiff, Limits, open_geotiff

MAX_PIXELS = 8192 * 8192
# On less ground there is nothing to register.
MIN_SIDE_PX = 32
# A tile is read as a whole, so one block may contain all of it: four bands of four bytes.
BLOCK_BYTES_PER_PIXEL = 16
# All types of integers and floats that a GeoTIFF can have.
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
# Pixels whose sides differ by a larger ratio are resampled to square ones, because lengths are measured in pixels.
MAX_ANISOTROPY = 1.01
# Fill touches the picture's border along at least so many pixels; black ground may touch it along a few.
MIN_FILL_PX = 16


def read_raster(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> Raster:
    """Reads a GeoTIFF of any real data type as a picture with square pixels.

    One band stays one band. Of several bands, red, green and blue are taken as the file names them, or else the first
    three. A pixel is not valid if it is no-data, masked, transparent, NaN, or black fill at the picture's edge.

    Args:
        source: a file, or its bytes.
        max_pixels: rows times columns that a picture may have.

    Raises:
        UnprocessableError: one of the faults of `open_geotiff`.
        OSError: the file cannot be opened at all.
    """
    limits = Limits(max_pixels, BLOCK_BYTES_PER_PIXEL * max_pixels, DTYPES, MIN_SIDE_PX)
    with open_geotiff(source, limits) as geotiff:
        return _read(geotiff)


def _read(geotiff: Geotiff) -> Raster:
    dataset = geotiff.dataset
    bands = _colour_bands(dataset)
    raw = dataset.read(bands)
    valid = _valid(dataset, raw, bands)
    pixels = np.where(valid, raw, 0).astype(np.float32) / _full_scale(dataset, raw, valid)
    gsd_x, gsd_y = geotiff.pixel_size_m
    square = max(gsd_x, gsd_y) / min(gsd_x, gsd_y) <= MAX_ANISOTROPY and dataset.transform.is_conformal
    if square and dataset.crs.is_projected:
        return Raster(pixels, valid, dataset.transform, dataset.crs, float(np.sqrt(gsd_x * gsd_y)))
    return on_metric_grid(pixels, valid, geotiff.grid, min(gsd_x, gsd_y))


def _colour_bands(dataset: DatasetReader) -> list[int]:
    interpretation = dataset.colorinterp
    named = [
        next(
            (
                i
                for i, (meaning, text) in enumerate(zip(interpretation, dataset.descriptions, strict=True), start=1)
                if meaning.name == colour or (text or "").strip().lower() == colour
            ),
            None,
        )
        for colour in ("red", "green", "blue")
    ]
    if all(named):
        return [band for band in named if band]
    opaque = [i for i, meaning in enumerate(interpretation, start=1) if meaning != ColorInterp.alpha]
    if not opaque:
        raise UnprocessableError(
            "bands-unsupported", "The raster has only a transparency band; it must have one that shows the ground."
        )
    return opaque[:3] if len(opaque) >= 3 else opaque[:1]


def _valid(dataset: DatasetReader, raw: NDArray[np.generic], bands: list[int]) -> Mask:
    valid: Mask = np.asarray((dataset.read_masks(bands) > 0).all(axis=0))
    if raw.dtype.kind == "f":
        valid &= np.isfinite(raw).all(axis=0)
    declared = any(MaskFlags.all_valid not in flags for flags in dataset.mask_flag_enums)
    if not declared and raw.dtype.kind != "f":
        valid &= ~_edge_fill(raw)
    return valid


def _edge_fill(raw: NDArray[np.generic]) -> Mask:
    """Areas of exact zero in all bands along the border. Providers pad with them and often do not declare it."""
    black: Mask = np.asarray((raw == 0).all(axis=0))
    if not black.any():
        return black
    labels, areas = ndimage.label(black)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    along_border_px = np.bincount(border, minlength=areas + 1)
    along_border_px[0] = 0  # not black
    return np.asarray((along_border_px >= MIN_FILL_PX)[labels])


def _full_scale(dataset: DatasetReader, raw: NDArray[np.generic], valid: Mask) -> np.float32:
    """The value of a saturated pixel: by data type, declared bit depth or the values themselves; 1 for reflectances."""
    if raw.dtype == np.uint8:
        return np.float32(255)
    declared = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    if declared:
        return np.float32(2 ** int(declared) - 1)
    top = float(raw[:, valid].max()) if valid.any() else 1.0
    if raw.dtype.kind == "f" and top <= 2.0:
        return np.float32(1)
    depth = next((bits for bits in (8, 10, 11, 12, 14, 16, 32) if top < 2**bits), 64)
    return np.float32(2.0**depth - 1)
