"""Reading GeoTIFFs of strangers: limits first, then pixels, with a named reason for what cannot be a picture."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader, MemoryFile
from scipy import ndimage

from railwatch.services.detector.imagery.raster import Raster, on_metric_grid
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import Grid

# Pixels that differ by more than this between the axes are resampled to square ones before anything measures lengths.
MAX_ANISOTROPY = 1.01


@dataclass(frozen=True)
class RasterLimits:
    """What a picture may be at the most; checked on its header, before a pixel is decoded."""

    max_pixels: int = 8192 * 8192
    max_bands: int = 16
    min_side_px: int = 32


def read_raster(source: Path | bytes, limits: RasterLimits | None = None) -> Raster:
    """Reads a GeoTIFF of any real data type as a picture with square pixels.

    One band stays one band; of more, red, green and blue are taken as the file names them, else the first three. What
    is no-data, masked, transparent, NaN, or black fill at the picture's edge is not valid.

    Args:
        source: a file, or its bytes.
        limits: what the picture may be at the most.

    Raises:
        UnprocessableError: `undecodable`, `too-large`, `too-small`, `no-georeference`, `unsupported-bands` or
            `unsupported-dtype`.
        OSError: the file cannot be opened at all.
    """
    limits = limits or RasterLimits()
    if isinstance(source, Path):
        with source.open("rb"):  # a missing or unreadable file is the caller's mistake, not a broken picture
            pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            if isinstance(source, bytes):
                with MemoryFile(source) as memory, memory.open(driver="GTiff") as dataset:
                    return _read(dataset, limits)
            with rasterio.open(source, driver="GTiff") as dataset:
                return _read(dataset, limits)
    except RasterioError as error:
        raise UnprocessableError("undecodable", "the picture is not a complete GeoTIFF") from error


def _read(dataset: DatasetReader, limits: RasterLimits) -> Raster:
    _check_header(dataset, limits)
    bands = _colour_bands(dataset)
    try:
        raw = dataset.read(bands)
        valid = _valid(dataset, raw, bands)
    except RasterioIOError as error:
        raise UnprocessableError("undecodable", "the picture is truncated or damaged") from error
    pixels = np.where(valid, raw, 0).astype(np.float32) / _full_scale(dataset, raw, valid)
    gsd_x, gsd_y = Grid(dataset.transform, dataset.crs).pixel_size_m(dataset.width / 2, dataset.height / 2)
    if not np.isfinite([gsd_x, gsd_y]).all():
        raise UnprocessableError("no-georeference", "the picture lies outside the area its CRS is made for")
    square = max(gsd_x, gsd_y) / min(gsd_x, gsd_y) <= MAX_ANISOTROPY and dataset.transform.is_conformal
    if square and dataset.crs.is_projected:
        return Raster(pixels, valid, dataset.transform, dataset.crs, float(np.sqrt(gsd_x * gsd_y)))
    return on_metric_grid(pixels, valid, dataset.transform, dataset.crs, min(gsd_x, gsd_y))


def _check_header(dataset: DatasetReader, limits: RasterLimits) -> None:
    rows, cols = dataset.shape
    if rows * cols > limits.max_pixels:
        raise UnprocessableError(
            "too-large", f"the picture has {cols} x {rows} px; at most {limits.max_pixels} px are read"
        )
    if min(rows, cols) < limits.min_side_px:
        raise UnprocessableError(
            "too-small", f"the picture has {cols} x {rows} px; at least {limits.min_side_px} px a side are needed"
        )
    if dataset.count > limits.max_bands:
        raise UnprocessableError("unsupported-bands", f"the picture has {dataset.count} bands, not 1 to 4 or so")
    if len(set(dataset.dtypes)) > 1 or np.dtype(dataset.dtypes[0]).kind not in "uif":
        raise UnprocessableError("unsupported-dtype", f"pixels of type {dataset.dtypes[0]} are not a picture")
    if (
        dataset.crs is None
        or dataset.transform.is_identity
        or not (dataset.crs.is_projected or dataset.crs.is_geographic)
    ):
        raise UnprocessableError("no-georeference", "the picture does not say where on Earth it lies")


def _colour_bands(dataset: DatasetReader) -> list[int]:
    interpretation = dataset.colorinterp
    if ColorInterp.palette in interpretation:
        raise UnprocessableError("unsupported-bands", "a palette picture has no brightness; convert it to RGB")
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
        raise UnprocessableError("unsupported-bands", "the picture has no band but its transparency")
    return opaque[:3] if len(opaque) >= 3 else opaque[:1]


def _valid(dataset: DatasetReader, raw: NDArray[np.generic], bands: list[int]) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = np.asarray((dataset.read_masks(bands) > 0).all(axis=0))
    if raw.dtype.kind == "f":
        valid &= np.isfinite(raw).all(axis=0)
    declared = any(MaskFlags.all_valid not in flags for flags in dataset.mask_flag_enums)
    if not declared and raw.dtype.kind != "f":
        valid &= ~_edge_fill(raw)
    return valid


def _edge_fill(raw: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Exact zero in all bands, connected to the border: what providers pad with and often do not declare."""
    black: NDArray[np.bool_] = np.asarray((raw == 0).all(axis=0))
    if not black.any():
        return black
    labels, _ = ndimage.label(black)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    sizes = np.bincount(border, minlength=1)
    fill = np.flatnonzero(sizes >= 16)
    return np.asarray(np.isin(labels, fill[fill > 0]), dtype=bool)


def _full_scale(dataset: DatasetReader, raw: NDArray[np.generic], valid: NDArray[np.bool_]) -> np.float32:
    """The value that saturates: 255, the bit depth the file declares or its values imply, or 1 for reflectances."""
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
