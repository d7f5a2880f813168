"""From light on the fine grid to a delivered picture: optics, sampling, geolocation error, noise, tone, coding."""

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from railwatch.render.canvas import Array, Frame, Points

Product = Literal["rgb8", "rgb16", "rgbn16", "pan8", "pan16"]
# A panchromatic band of 450 to 800 nm, from red, green and blue.
PAN_WEIGHTS = np.array([0.36, 0.36, 0.28], np.float32)


@dataclass(frozen=True)
class Geolocation:
    """The error of a picture's georeference: a similarity about the picture's centre, from true to apparent places.

    Attributes:
        dx_px: shift to the right.
        dy_px: shift down.
        rotation_deg: rotation, counter-clockwise as seen on the picture.
        scale: enlargement.
    """

    dx_px: float = 0.0
    dy_px: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0

    def matrix(self) -> Points:
        """(2, 2), from true to apparent offsets from the centre, x to the right and y down."""
        angle = np.radians(self.rotation_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        return self.scale * np.array([[cos, sin], [-sin, cos]])

    def apparent(self, points_m: Points, frame: Frame) -> Points:
        """Where local points ((n, 2), metres) appear in the picture, as local metres."""
        centre = np.array(frame.size_m[::-1]) / 2
        moved = np.array([self.dx_px, self.dy_px]) * frame.gsd_m
        return np.asarray((points_m - centre) @ self.matrix().T + centre + moved, np.float64)


@dataclass(frozen=True)
class Sensor:
    """The camera and the provider's processing.

    Attributes:
        product: bands and depth delivered.
        blur_px: sigma of the optics' point spread, picture pixels. 0.45 to 0.6 gives the modulation transfer of 0.1 to
            0.3 at Nyquist that sensors are specified to.
        sharpening: strength of the provider's sharpening.
        snr: signal to noise of mid grey.
        exposure: value of white (radiance 1), for 8 bit before gamma, for 16 bit as a share of 2047.
        offset: added to radiance by band.
        gain: relative gain by band.
        gamma: exponent of the 8 bit tone curve; 1 for linear.
        jpeg_quality: quality of lossy coding, if any.
        geolocation: error of the position.
        band_shift_px: sigma of the bands' shifts against each other.
        wobble_px: sigma of a smooth warp that a similarity does not explain: attitude jitter, terrain.
        missing: half plane without data, as (angle in degrees, distance from the centre in pixels), if any.
    """

    product: Product = "rgb8"
    blur_px: float = 0.5
    sharpening: float = 0.0
    snr: float = 80.0
    exposure: float = 1.6
    offset: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    gain: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    gamma: float = 0.6
    jpeg_quality: int | None = None
    geolocation: Geolocation = Geolocation()
    band_shift_px: float = 0.0
    wobble_px: float = 0.0
    missing: tuple[float, float] | None = None


DEFAULT_SENSOR = Sensor()


def bands_needed(product: Product) -> int:
    """Bands to paint for a product."""
    return 4 if product == "rgbn16" else 3


def sample(radiance: Array, frame: Frame, sensor: Sensor, rng: np.random.Generator) -> Array:
    """Blur the fine grid by the optics and sample it at the picture's pixels: (bands, rows, cols)."""
    inverse = np.linalg.inv(sensor.geolocation.matrix())
    rows, cols = frame.size_px
    centre_px = np.array([cols, rows]) / 2
    shift = np.array([sensor.geolocation.dx_px, sensor.geolocation.dy_px])
    # Picture index (row, col) -> fine index (row, col), both at cell centres.
    swap = np.array([[0, 1], [1, 0]])
    matrix = swap @ inverse @ swap * frame.supersample
    origin = inverse @ (0.5 - centre_px - shift) + centre_px
    offset = (origin * frame.supersample + frame.margin_m / frame.step_m - 0.5)[::-1]
    picture = np.empty((radiance.shape[0], rows, cols), np.float32)
    warp = _wobble(rng, frame, sensor.wobble_px) if sensor.wobble_px > 0 else None
    for band, light in enumerate(radiance):
        blurred = ndimage.gaussian_filter(light, sensor.blur_px * frame.supersample, mode="nearest", truncate=3)
        first = offset + rng.normal(0, sensor.band_shift_px * frame.supersample, 2)
        if warp is None:
            ndimage.affine_transform(blurred, matrix, first, (rows, cols), picture[band], order=1, mode="nearest")
        else:
            at = np.tensordot(matrix, np.indices((rows, cols)), axes=1) + first[:, None, None] + warp
            ndimage.map_coordinates(blurred, at, picture[band], order=1, mode="nearest")
    if sensor.sharpening > 0:
        smooth = ndimage.gaussian_filter(picture, (0, 1.2, 1.2))
        picture += sensor.sharpening * (picture - smooth)
    return picture


def _wobble(rng: np.random.Generator, frame: Frame, sigma_px: float) -> Array:
    """A smooth displacement of the samples, (2, rows, cols), fine cells: features of an eighth of the picture."""
    knots = rng.normal(0, sigma_px * frame.supersample, (2, 9, 9))
    scale = (1, (frame.size_px[0] - 1) / 8, (frame.size_px[1] - 1) / 8)
    return np.asarray(ndimage.zoom(knots, scale, order=3)[:, : frame.size_px[0], : frame.size_px[1]])


def expose(radiance: Array, sensor: Sensor, rng: np.random.Generator) -> NDArray[Any]:
    """Turn radiance at the sensor into the digital numbers delivered: (bands, rows, cols), uint8 or uint16."""
    bands = radiance.shape[0]
    signal = radiance * np.asarray(sensor.gain[:bands], np.float32)[:, None, None]
    signal += np.asarray(sensor.offset[:bands], np.float32)[:, None, None]
    if sensor.product.startswith("pan"):
        signal = np.tensordot(PAN_WEIGHTS, signal[:3], axes=1)[None]
    noise = np.sqrt(np.clip(signal, 0.01, None) / 0.2) * (0.2 / sensor.snr) * 0.8 + 0.2 * 0.2 / sensor.snr
    signal = signal + noise * rng.standard_normal(signal.shape, dtype=np.float32)
    if sensor.product.endswith("16"):
        return np.asarray(np.clip(np.rint(signal * sensor.exposure * 2047), 1, 2047), np.uint16)
    tone = np.clip(signal * sensor.exposure, 0, 1) ** np.float32(sensor.gamma)
    picture = np.clip(np.rint(tone * 254 + 1), 1, 255).astype(np.uint8)
    return picture if sensor.jpeg_quality is None else _jpeg(picture, sensor.jpeg_quality)


def missing_data(sensor: Sensor, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where the picture has no data, (rows, cols)."""
    if sensor.missing is None:
        return np.zeros(shape, bool)
    angle, distance = np.radians(sensor.missing[0]), sensor.missing[1]
    rows, cols = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
    return np.asarray(cols * np.cos(angle) + rows * np.sin(angle) > distance)


def _jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    image = Image.fromarray(picture[0] if picture.shape[0] == 1 else np.moveaxis(picture, 0, -1))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer))
    bands_first = decoded[None] if decoded.ndim == 2 else np.moveaxis(decoded, -1, 0)
    return np.asarray(np.clip(bands_first, 1, 255), np.uint8)
