"""What happens to pictures on their way: sharpening, resampling, compression, tone and noise.

Car and bed alike go through it, so that a network learns nothing of either's sharpness.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.float32]


def processed(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture (bands, rows, cols) sharpened, blurred, resampled, compressed, each now and then; 0 stays no data."""
    known = pixels.max(axis=0) > 0
    values: Floats = np.moveaxis(pixels[:3].astype(np.float32), 0, 2) / np.float32(255)
    if rng.random() < 0.35:
        values = resampled(values, float(rng.uniform(0.5, 0.85)))
    if rng.random() < 0.5:
        values = sharpened(values, float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.3, 2.5)))
    if rng.random() < 0.25:
        values = blurred(values, float(rng.uniform(0.4, 1.1)))
    if rng.random() < 0.5:
        values = compressed(values, int(rng.integers(25, 92)))
    if rng.random() < 0.4:
        values = toned(values, rng)
    rest = pixels[3:]
    out = np.clip(np.moveaxis(values, 2, 0) * 255, 1, 255).astype(np.uint8)
    return np.where(known, np.concatenate([out, rest]), 0).astype(np.uint8)


def processed_strip(values: Floats, rng: np.random.Generator) -> Floats:
    """A wide strip (rows, w, bands) processed as a picture is, each step now and then, and with noise."""
    if rng.random() < 0.25:
        values = blurred(values, float(rng.uniform(0.4, 1.6)))
    if rng.random() < 0.2:
        values = resampled(values, float(rng.uniform(0.45, 0.9)))
    elif rng.random() < 0.1:
        values = resampled(values, float(rng.uniform(0.22, 0.45)))
    if rng.random() < 0.12:
        values = hazed(values, float(rng.uniform(0.1, 0.55)), rng)
    if rng.random() < 0.5:
        values = sharpened(values, float(rng.uniform(0.6, 2.2)), float(rng.uniform(0.3, 2.0)))
    if rng.random() < 0.4:
        spread = float(np.exp(rng.uniform(np.log(0.003), np.log(0.04))))
        values = values + spread * rng.normal(0, 1, values.shape).astype(np.float32)
    if rng.random() < 0.35:
        values = compressed(np.clip(values, 0, 1), int(rng.integers(25, 90)))
    if rng.random() < 0.5:
        values = toned(values, rng)
    return np.asarray(np.clip(values, 0, 1), dtype=np.float32)


def sharpened(values: Floats, sigma: float, amount: float) -> Floats:
    """Unsharp masking of (rows, cols, bands)."""
    return np.asarray(np.clip(values + amount * (values - ndimage.gaussian_filter(values, (sigma, sigma, 0))), 0, 1))


def blurred(values: Floats, sigma: float) -> Floats:
    """A Gaussian blur of (rows, cols, bands)."""
    return np.asarray(ndimage.gaussian_filter(values, (sigma, sigma, 0), mode="nearest"))


def hazed(values: Floats, veil: float, rng: np.random.Generator) -> Floats:
    """Seen through haze, whose light makes up a share of all; (rows, cols, bands)."""
    air = np.float32(rng.uniform(0.5, 0.9)) * np.exp(rng.normal(0, 0.04, values.shape[2])).astype(np.float32)
    return np.asarray(values * np.float32(1 - veil) + air * np.float32(veil), dtype=np.float32)


def resampled(values: Floats, share: float) -> Floats:
    """Made smaller and then as large as before; (rows, cols, bands)."""
    rows, cols, bands = values.shape
    small = max(int(cols * share), 4), max(int(rows * share), 4)
    out = np.empty_like(values)
    for band in range(bands):
        image = Image.fromarray(np.ascontiguousarray(values[..., band], dtype=np.float32), mode="F")
        shrunk = image.resize(small, Image.Resampling.BOX if share < 0.7 else Image.Resampling.BILINEAR)
        out[..., band] = np.asarray(shrunk.resize((cols, rows), Image.Resampling.BICUBIC))
    return np.clip(out, 0, 1)


def compressed(values: Floats, quality: int) -> Floats:
    """Through JPEG and back; (rows, cols, 1 | 3), 1 is white."""
    grey = values.shape[2] == 1
    coded = np.clip(values * 255, 0, 255).astype(np.uint8)
    # JPEG holds 65,535 rows at most.
    parts = []
    for first in range(0, len(coded), 32_768):
        part, memory = coded[first : first + 32_768], BytesIO()
        Image.fromarray(part[..., 0] if grey else part).save(memory, "JPEG", quality=quality)
        parts.append(np.asarray(Image.open(memory), np.float32) / np.float32(255))
    out: Floats = np.concatenate(parts)
    return out[..., None] if grey else out


def toned(values: Floats, rng: np.random.Generator) -> Floats:
    """Another gamma, contrast and white balance; (rows, cols, bands)."""
    gamma = float(np.exp(rng.normal(0, 0.25)))
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, values.shape[2])).astype(np.float32)
    out = np.clip(values, 0, 1) ** gamma * gain + np.float32(rng.normal(0, 0.02))
    if rng.random() < 0.4:
        out = out + np.float32(rng.uniform(0.1, 0.6)) * (out - out.mean()) * np.float32(rng.choice([-0.5, 1]))
    return np.asarray(np.clip(out, 0, 1), dtype=np.float32)
