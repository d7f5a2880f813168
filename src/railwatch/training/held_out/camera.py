"""From light on the field to a delivered picture: air, optics, sampling, sharpening, tone, coding."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from railwatch.training.held_out.field import Floats, Points
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between, clouds

AIR = np.array([0.30, 0.36, 0.44], np.float32)
# Over-sampled providers' kernels: how far sharpening looks, pixels.
HALO_PX = (0.7, 1.6)
FULL_11_BIT = 2047
# A picture is warped on a grid of so many squares along each side.
WARP_SQUARES = 6


@dataclass(frozen=True)
class Camera:
    """How one date was seen.

    Attributes:
        tone: the tone curve's name.
        haze: share of the light that is haze.
        cloud: opacity of cloud at its thickest.
        blur_px: sigma of the optics, pixels delivered.
        coarser: how much coarser the sensor's own pixels are than those delivered.
        sharpen: strength of sharpening.
        noise: deviation of noise at mid grey, of full scale.
        jpeg: quality of lossy coding, if any.
        shift_m: (2,), things appear so far to the right and down.
        turn_deg: and turned so far.
        stretch: and enlarged so much.
        warp_m: deviation of what remains: a smooth displacement that terrain and the sensor's shaking leave.
    """

    tone: str
    haze: float
    cloud: float
    blur_px: float
    coarser: float
    sharpen: float
    noise: float
    jpeg: int | None
    shift_m: tuple[float, float] = (0.0, 0.0)
    turn_deg: float = 0.0
    stretch: float = 1.0
    warp_m: float = 0.0


def choose(rng: np.random.Generator, style: Style, *, displaced: bool) -> Camera:
    """A camera of this style; a displaced one is off by up to 5 m, and a little turned."""
    tone = style.tones[int(rng.integers(len(style.tones)))]
    jpeg = None if style.jpeg is None or tone == "linear16" or rng.random() < 0.25 else int(rng.integers(*style.jpeg))
    angle, far = between(rng, 0, 2 * np.pi), min(abs(rng.normal(0, 2.2)), 5.0)
    return Camera(
        tone,
        between(rng, *style.haze),
        between(rng, *style.cloud),
        between(rng, 0.35, 0.65),
        between(rng, *style.coarser),
        between(rng, *style.sharpen),
        between(rng, 0.002, 0.012),
        jpeg,
        (float(far * np.cos(angle)), float(far * np.sin(angle))) if displaced else (0.0, 0.0),
        float(rng.normal(0, 0.35)) if displaced else 0.0,
        1 + float(rng.normal(0, 0.0015)) if displaced else 1.0,
        between(rng, 0.0, 0.35) if displaced else 0.0,
    )


def through_air(light: Floats, camera: Camera, step_m: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Light (3, rows, cols) at the sensor, and what opacity of cloud is before each cell (rows, cols)."""
    rows, cols = light.shape[1:]
    opacity = np.zeros((rows, cols), np.float32)
    light = light * np.float32(1 - camera.haze) + np.float32(camera.haze) * AIR[:, None, None]
    if camera.cloud > 0:
        veil = clouds(rng, (rows, cols), step_m, between(rng, 40, 160))
        opacity = np.clip(camera.cloud * (0.35 + 0.5 * veil), 0, 0.95)
        light = light * (1 - opacity) + opacity * np.array([0.72, 0.74, 0.78], np.float32)[:, None, None]
    return light.astype(np.float32), opacity


def expose(
    light: Floats, camera: Camera, step_m: float, margin_m: float, size_px: int, gsd_m: float, rng: np.random.Generator
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The picture delivered, (bands, rows, cols), of light (3, rows, cols) on the field."""
    blur = camera.blur_px * gsd_m * camera.coarser / step_m
    side = max(32, round(size_px / camera.coarser))
    warp = rng.normal(0, camera.warp_m, (WARP_SQUARES + 1, WARP_SQUARES + 1, 2))
    picture = np.stack([_sampled(band, camera, blur, step_m, margin_m, size_px * gsd_m, side, warp) for band in light])
    level = float(np.quantile(picture.mean(axis=0), between(rng, 0.4, 0.6)))
    # Bright ground is exposed for, but not all the way: snow stays bright.
    picture *= np.float32(between(rng, 0.19, 0.32) * np.clip(level / 0.17, 0.7, 6) ** 0.45 / max(level, 0.02))
    picture += camera.noise * np.sqrt(np.clip(picture, 0.02, 2) / 0.2) * rng.standard_normal(picture.shape)
    if side != size_px:
        how = Image.Resampling.LANCZOS if rng.random() < 0.5 else Image.Resampling.BICUBIC
        picture = np.stack(
            [np.asarray(Image.fromarray(b).resize((size_px, size_px), how)) for b in picture.astype(np.float32)]
        )
    if camera.tone == "pan":
        picture = np.tensordot(np.array([0.3, 0.4, 0.3], np.float32), picture, axes=1)[None]
    if camera.tone == "linear16":
        sharp = _sharpened(picture, camera.sharpen, rng)
        return np.asarray(np.clip(np.rint(sharp * FULL_11_BIT * 0.8), 1, FULL_11_BIT), np.uint16)
    shown = _sharpened(_toned(picture, camera.tone, rng), camera.sharpen, rng)
    coded = np.clip(np.rint(shown * 255), 1, 255).astype(np.uint8)
    return coded if camera.jpeg is None else _through_jpeg(coded, camera.jpeg, rng)


def apparent(points_m: Points, camera: Camera, size_m: float) -> Points:
    """Where points (n, 2) appear in the picture, local metres."""
    turn = np.radians(camera.turn_deg)
    matrix = camera.stretch * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((points_m - size_m / 2) @ matrix.T + size_m / 2 + np.array(camera.shift_m))


def _sampled(
    band: Floats, camera: Camera, blur: float, step_m: float, margin_m: float, size_m: float, side: int, warp_m: Points
) -> Floats:
    """One band on the sensor's own pixels (side, side)."""
    soft = ndimage.gaussian_filter(band, blur, truncate=3.0) if blur > 0.3 else band
    turn = np.radians(camera.turn_deg)
    back = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) / camera.stretch
    # Corners of squares of the picture, in pixels, and where each lies on the field, in cells.
    edges = np.linspace(0, side, WARP_SQUARES + 1).astype(int)
    corners = np.stack(np.meshgrid(edges, edges), axis=-1)
    places = (corners * (size_m / side) - size_m / 2 - np.array(camera.shift_m)) @ back.T + size_m / 2
    on_field = (places + warp_m + margin_m) / step_m
    squares = [
        (
            (*(int(value) for value in corners[row, col]), *(int(value) for value in corners[row + 1, col + 1])),
            tuple(float(v) for at in ((0, 0), (1, 0), (1, 1), (0, 1)) for v in on_field[row + at[0], col + at[1]]),
        )
        for row in range(WARP_SQUARES)
        for col in range(WARP_SQUARES)
    ]
    image = Image.fromarray(np.ascontiguousarray(soft, np.float32))
    how = Image.Transform.MESH
    return np.asarray(image.transform((side, side), how, squares, Image.Resampling.BICUBIC), np.float32)


def _sharpened(picture: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """With a halo along edges, as providers and mapping services deliver it."""
    if strength < 0.05:
        return picture
    soft = ndimage.gaussian_filter(picture, (0, *(2 * [between(rng, *HALO_PX)])))
    return np.asarray(picture + np.float32(strength) * (picture - soft), np.float32)


def _toned(picture: Floats, tone: str, rng: np.random.Generator) -> Floats:
    """A tone curve: reflectance 0 to 1 or so in, 0 to 1 out."""
    gamma = np.clip(picture * between(rng, 0.95, 1.3), 0, 1.3) ** np.float32(between(rng, 0.5, 0.62))
    if tone == "web":
        s = np.clip(gamma, 0, 1)
        curved = 0.04 + 0.96 * (0.55 * s + 0.45 * s * s * (3 - 2 * s))
        grey = curved.mean(axis=0, keepdims=True)
        lively = grey + between(rng, 0.95, 1.25) * (curved - grey)
        return np.asarray(lively * np.array([1.02, 1.0, 0.95], np.float32)[:, None, None], np.float32)
    if tone == "flat":
        grey = gamma.mean(axis=0, keepdims=True)
        return np.asarray(0.13 + 0.7 * (0.65 * gamma + 0.35 * grey), np.float32)
    if tone == "bgr":
        return np.asarray(gamma[::-1] if len(gamma) == 3 else gamma, np.float32)
    return np.asarray(gamma, np.float32)


def _through_jpeg(picture: NDArray[np.uint8], quality: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    image = Image.fromarray(picture[0] if len(picture) == 1 else np.ascontiguousarray(np.moveaxis(picture, 0, -1)))
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=quality, subsampling=int(rng.choice([0, 2])))
    decoded = np.asarray(Image.open(memory))
    bands = decoded[None] if decoded.ndim == 2 else np.moveaxis(decoded, -1, 0)
    return np.asarray(np.clip(bands, 1, 255), np.uint8)
