"""Reads a GeoTIFF as a picture: which bands are used, which pixels are valid, and which way up it lies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from railwatch.services.detector.imagery.arrays import Mask, Raw
from railwatch.services.detector.imagery.fill import fill
from railwatch.services.detector.imagery.raster import Raster, on_metric_grid, resample
from railwatch.services.detector.imagery.scale import light_of_numbers, measured, scale_of, scaled
from railwatch.services.detector.imagery.stored import stored
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid
from railwatch.shared.geotiff import Geotiff, Limits, open_geotiff
from railwatch.shared.masks import Hidden, MaskFile, open_masks
from railwatch.shared.tiles import COLOURS, too_large

MAX_PIXELS = 8192 * 8192
# On less ground there is nothing to register.
MIN_SIDE_PX = 32
# A tile is read as a whole, so one block may contain all of it: four bands of four bytes.
BLOCK_BYTES_PER_PIXEL = 16
# All types of integers and floats that a GeoTIFF can have.
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
# Those that may stay the numbers of their file.
KEPT = (np.uint8, np.uint16)
# Pixels whose sides differ by a larger ratio are resampled to square ones, because lengths are measured in pixels.
MAX_ANISOTROPY = 1.01


def read_raster(source: Path | bytes, max_pixels: int = MAX_PIXELS, *, as_stored: bool = False) -> Raster:
    """Reads a GeoTIFF of any real data type as a picture with square pixels.

    One band stays one band. Of several bands, red, green and blue are taken as the file names them, or else the first
    three. A pixel is not valid if it is no-data, masked or transparent, or if it is `fill`, whatever the file declares.
    Rows run from north to south and columns from west to east, as nearly as the file's grid does.

    Args:
        source: a file, or its bytes.
        max_pixels: rows times columns that a picture may have.
        as_stored: whether pixels of 8 and 16 bits may stay the numbers of the file, to keep memory low (`Stored`).

    Raises:
        UnprocessableError: one of the faults of `open_geotiff`.
        OSError: the file cannot be opened at all.
    """
    return read_masked(source, (), max_pixels, as_stored=as_stored)[0]


def read_masked(
    source: Path | bytes, masks: Sequence[MaskFile], max_pixels: int = MAX_PIXELS, *, as_stored: bool = False
) -> tuple[Raster, tuple[str, ...]]:
    """As `read_raster`, and what the provider's masks hide is not valid, either.

    Returns:
        The picture, and a remark on each mask that cannot be used.
    """
    limits = Limits(max_pixels, BLOCK_BYTES_PER_PIXEL * max_pixels, DTYPES, MIN_SIDE_PX)
    with open_geotiff(source, limits) as geotiff:
        _check_decoded_size(geotiff.dataset, max_pixels)
        whole = Window(0, 0, geotiff.dataset.width, geotiff.dataset.height)
        with open_masks(masks, geotiff.dataset, geotiff.grid, [whole]) as provider:
            return _read(geotiff, provider.hidden(whole), as_stored), provider.remarks


def _read(geotiff: Geotiff, hidden: Hidden, as_stored: bool) -> Raster:
    dataset = geotiff.dataset
    bands = _colour_bands(dataset)
    raw = dataset.read(bands)
    shown = ~(_missing(dataset, raw, bands) | fill(raw))
    valid = shown & _unmasked(dataset, raw, bands) & ~hidden
    masked = shown & ~valid & raw.any(axis=0)
    values = measured(dataset, bands, raw)
    scale = scale_of(dataset, bands[0], values, valid)
    keep = as_stored and values.dtype in KEPT
    if keep:
        np.copyto(values, 0, where=~valid)
    numbers, (valid, masked), transform = _upright(
        values if keep else scaled(values, valid, scale), np.stack([valid, masked]), dataset.transform
    )
    pixels = stored(numbers, light_of_numbers(numbers, scale)) if keep else numbers
    gsd_x, gsd_y = geotiff.pixel_size_m
    square = max(gsd_x, gsd_y) / min(gsd_x, gsd_y) <= MAX_ANISOTROPY and transform.is_conformal
    if square and dataset.crs.is_projected:
        picture = Raster(pixels, valid, transform, dataset.crs, float(np.sqrt(gsd_x * gsd_y)), scale)
        return replace(picture, masked=masked if masked.any() else None)
    grid, gsd_m = PixelGrid(transform, dataset.crs), min(gsd_x, gsd_y)
    picture = replace(on_metric_grid(pixels, valid, grid, gsd_m), scale=scale)
    if not masked.any():
        return picture
    _, pictured = resample(pixels[:0], valid | masked, grid, picture.grid, picture.shape)
    return replace(picture, masked=pictured & ~picture.valid)


def _check_decoded_size(dataset: DatasetReader, max_pixels: int) -> None:
    pixels, itemsize = dataset.width * dataset.height, np.dtype(dataset.dtypes[0]).itemsize
    if too_large(pixels, dataset.count, itemsize, max_pixels):
        size_bytes = pixels * min(dataset.count, COLOURS) * itemsize
        problem = f"The raster unpacks to {size_bytes / 1e6:.0f} MB; cut it to the site, or write it as float32."
        raise UnprocessableError("too-many-pixels", problem)


def _upright(pixels: Raw, masks: Mask, transform: Affine) -> tuple[Raw, Mask, Affine]:
    """Turned by right angles, and mirrored, so that columns run east and rows run south. No pixel is resampled.

    Args:
        pixels: (bands, rows, cols).
        masks: (masks, rows, cols).
        transform: from column and row to the CRS.
    """
    if abs(transform.b) > abs(transform.a):
        pixels, masks = pixels.transpose(0, 2, 1), masks.transpose(0, 2, 1)
        transform @= Affine(0, 1, 0, 1, 0, 0)
    if transform.a < 0:
        pixels, masks = pixels[:, :, ::-1], masks[:, :, ::-1]
        transform @= Affine(-1, 0, masks.shape[2], 0, 1, 0)
    if transform.e > 0:
        pixels, masks = pixels[:, ::-1], masks[:, ::-1]
        transform @= Affine(1, 0, 0, 0, -1, masks.shape[1])
    return np.ascontiguousarray(pixels), np.ascontiguousarray(masks), transform


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


def _unmasked(dataset: DatasetReader, raw: Raw, bands: list[int]) -> Mask:
    """What the file's mask or alpha declares as valid; all of it without one."""
    if MaskFlags.nodata in dataset.mask_flag_enums[bands[0] - 1]:
        return np.ones(raw.shape[1:], dtype=bool)
    return np.asarray((dataset.read_masks(bands) > 0).all(axis=0))


def _missing(dataset: DatasetReader, raw: Raw, bands: list[int]) -> Mask:
    """Where the pixels have the file's no-data values.

    A no-data value that the type of the pixels cannot hold, such as -9999 in uint16, marks nothing. One that is an
    ordinary brightness marks the pixels that have it in all bands. A negative one marks those that have it in any.
    """
    missing = np.stack([_equal(band, dataset.nodatavals[number - 1]) for band, number in zip(raw, bands, strict=True)])
    below = all((dataset.nodatavals[number - 1] or 0) < 0 for number in bands)
    return np.asarray(missing.any(axis=0) if below else missing.all(axis=0))


def _equal(band: Raw, nodata: float | None) -> Mask:
    """Where a band has its no-data value."""
    if nodata is None:
        return np.zeros(band.shape, dtype=bool)
    if band.dtype.kind == "f":
        return np.asarray(band == band.dtype.type(nodata))
    held = float(nodata).is_integer() and np.iinfo(band.dtype).min <= nodata <= np.iinfo(band.dtype).max
    return np.asarray(band == int(nodata)) if held else np.zeros(band.shape, dtype=bool)
