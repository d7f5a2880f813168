"""The scale of a picture: which number is full scale, and the measured values behind the numbers that are stored."""

from dataclasses import dataclass

import numpy as np
from rasterio.io import DatasetReader

from railwatch.services.detector.imagery.arrays import Floats, Mask, Raw
from railwatch.shared.geotiff import bits_per_sample, scaling_is_usable

# Share of valid pixels that may be brighter than full scale: glints and hot pixels.
BRIGHTER = 0.001
# The largest reflectance: that of snow towards the sun, with some room. A picture that stays below it has reflectances.
MAX_REFLECTANCE = 2.0
# Bit depths of sensors and of files.
DEPTHS = (8, 10, 11, 12, 14, 16, 32, 64)


@dataclass(frozen=True)
class Scale:
    """The number that is 1 in a picture.

    Attributes:
        full: full scale.
        judged: whether it was judged from the brightest pixels, and not known from the file.
    """

    full: float
    judged: bool = False


# The scale of a picture of reflectances.
REFLECTANCE = Scale(1.0)


def measured(dataset: DatasetReader, bands: list[int], raw: Raw) -> Raw:
    """What the stored numbers (bands, rows, cols) mean by its scale and offset; themselves without."""
    scales, offsets = dataset.scales, dataset.offsets
    if not scaling_is_usable(scales, offsets) or (set(scales) == {1.0} and not any(offsets)):
        return raw
    values = raw.astype(np.float32)
    for value, band in zip(values, bands, strict=True):
        value *= np.float32(scales[band - 1])
        value += np.float32(offsets[band - 1])
    return values


def scale_of(dataset: DatasetReader, band: int, values: Raw, valid: Mask) -> Scale:
    """Full scale by declared bit depth, by data type, or by the brightest ground; 1 for reflectances.

    Args:
        dataset: the file.
        band: one of the bands that are read.
        values: (bands, rows, cols), as measured.
        valid: (rows, cols).
    """
    if values.dtype.kind in "ui":
        declared = bits_per_sample(dataset, band)
        if declared:
            return Scale(2.0**declared - 1)
        if values.dtype == np.uint8:
            return Scale(255.0)
    brightest = values.max(axis=0)[valid]
    if values.dtype.kind == "f" and _at_most(brightest, MAX_REFLECTANCE):
        return REFLECTANCE
    depth = next((bits for bits in DEPTHS if _at_most(brightest, 2.0**bits - 1)), DEPTHS[-1])
    return Scale(2.0**depth - 1, judged=True)


def scaled(values: Raw, valid: Mask, scale: Scale) -> Floats:
    """Values in units of full scale, float32; 0 where not valid, and no brighter than light can be."""
    pixels: Floats = values.astype(np.float32)
    np.copyto(pixels, 0, where=~valid)
    pixels /= np.float32(scale.full)
    brightest = 1 if scale.judged else MAX_REFLECTANCE
    return np.asarray(np.minimum(pixels, np.float32(brightest), out=pixels))


def light_of_numbers(numbers: Raw, scale: Scale) -> Floats:
    """What each number of unsigned integers of 8 or 16 bits is in units of full scale; see `scaled`."""
    every = np.arange(np.iinfo(numbers.dtype).max + 1)
    return scaled(every, np.ones(every.shape, dtype=bool), scale)


def _at_most(brightest: Raw, limit: float) -> bool:
    """Whether all but a small share of pixels are no brighter."""
    return int(np.count_nonzero(brightest > limit)) <= BRIGHTER * brightest.size
