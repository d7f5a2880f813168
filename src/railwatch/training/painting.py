"""Cars painted onto wide strips of track: relief and reflectance, lit by sun and sky, seen as the picture sees.

A strip is straight, so a car on it is a rectangle along its axes; what a rendered scene takes seconds for takes
milliseconds here. The bed's own brightness is the measure of the cars', the picture's deepest shade that of their
shadows. Light is as in `railwatch.services.detector.recall.injection`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.cars.wide import WIDE_HALF_WIDTH_M, WIDTH
from railwatch.services.detector.tracks.strips import STEP_M
from railwatch.training.stock import BED_REFLECTANCE, KINDS
from railwatch.training.trains import Stood

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Cars are drawn on a grid twice as fine as the strip, and 3 m wider on either side, from where shadows fall in.
FINER = 2
FINE_M = STEP_M / FINER
MARGIN = 12
FINE_WIDTH = FINER * (WIDTH + 2 * MARGIN)
FIRST_M = -WIDE_HALF_WIDTH_M - STEP_M / 2 - MARGIN * STEP_M
LONGEST_SHADOW_M = 14.0
SKY_LOST_PER_M = 0.25
SKY_REACH_M = 1.8
# Cars that stand in dust or oil take its colour from about so far around.
SOILED_M = 8.0
# Of the rubber bellows between coaches.
GANGWAY_REFLECTANCE = 0.06
NOISE = np.random.default_rng(5).normal(0, 1, (1024, 256)).astype(np.float32)
MOTTLES = tuple(ndimage.gaussian_filter(NOISE, sigma, mode="wrap") for sigma in ((0.7, 0.7), (3, 2), (8, 1), (1, 6)))


@dataclass(frozen=True)
class Look:
    """How a picture shows things.

    Attributes:
        shadow_m: (2,), shadow along and across in metres for each metre of height; None under an even sky.
        sky: its share of all light.
        lean_m: how far a point one metre up leans across.
        tone: exponent from reflectance to the picture's values.
        blur_m: standard deviation of its point image.
        noise: standard deviation of its noise, as a share of the bed's brightness.
        camouflage: how far cars take the bed's colour, 0 to 1.
    """

    shadow_m: NDArray[np.float64] | None
    sky: float
    lean_m: float
    tone: float
    blur_m: float
    noise: float
    camouflage: float


@dataclass(frozen=True)
class Relief:
    """What stands on a strip, on the fine grid: height in metres, whether, and its colour over the bed's (3, ...)."""

    height: Floats
    cover: Mask
    ratio: Floats


def flat(rows: int) -> Relief:
    """A strip of so many rows with nothing on it."""
    shape = FINER * rows, FINE_WIDTH
    return Relief(np.zeros(shape, np.float32), np.zeros(shape, dtype=bool), np.ones((3, *shape), np.float32))


def stood_on(relief: Relief, cars: list[Stood], look: Look, rng: np.random.Generator) -> None:
    """Adds cars, with what couples them, to a relief."""
    for before, car in zip([None, *cars], cars, strict=False):
        if before is not None and car.coupled:
            gangway = before.car.kind == car.car.kind == "coach"
            width_m, height_m = (1.5, car.car.height_m - 0.6) if gangway else (0.4, 1.0)
            here = _rectangle(relief, before.ends_m[1], car.ends_m[0], car.offset_m, width_m)
            relief.height[here] = np.maximum(relief.height[here], height_m)
            if gangway:
                relief.cover[here] = True
                relief.ratio[:, *here] = GANGWAY_REFLECTANCE / BED_REFLECTANCE
        _draw(relief, car, look, rng)


def _rectangle(relief: Relief, first_m: float, last_m: float, offset_m: float, width_m: float) -> tuple[slice, slice]:
    rows = slice(max(round(first_m / FINE_M), 0), min(max(round(last_m / FINE_M), 0), len(relief.height)))
    low, high = (round((offset_m + side * width_m / 2 - FIRST_M) / FINE_M) for side in (-1, 1))
    return rows, slice(min(max(low, 0), FINE_WIDTH), min(max(high, 0), FINE_WIDTH))


def _draw(relief: Relief, stood: Stood, look: Look, rng: np.random.Generator) -> None:
    car = stood.car
    lean = look.lean_m * car.height_m
    rows, cols = _rectangle(relief, *stood.ends_m, stood.offset_m + lean / 2, car.width_m + abs(lean))
    u = ((np.arange(rows.start, rows.stop) + 0.5) * FINE_M - stood.middle_m).astype(np.float32)[:, None]
    v = ((np.arange(cols.start, cols.stop) + 0.5) * FINE_M + FIRST_M - stood.offset_m).astype(np.float32)[None]
    if not u.size or not v.size:
        return
    roof = np.clip(v - lean, -car.width_m / 2, car.width_m / 2).astype(np.float32)
    height, share, cover = KINDS[car.kind].relief(car, u, roof)
    share = np.broadcast_to(share, height.shape)
    side = np.broadcast_to(np.abs(v - lean) > car.width_m / 2, height.shape)
    height, cover = np.where(side, 0.5 * car.height_m, height), cover | side
    paint, load = ((part / BED_REFLECTANCE).astype(np.float32)[:, None, None] for part in (car.paint, car.load))
    ratio = paint + (load - paint) * share
    ratio = np.where(side, ratio * np.float32(0.6), ratio) * (1 + car.mottle * mottled(rng, height.shape))
    hidden = np.float32(look.camouflage * rng.uniform(0.5, 1.0))
    ratio = ratio + hidden * (1 + 0.25 * mottled(rng, height.shape) - ratio)
    at = (rows, cols)
    relief.height[at] = np.where(cover, height, relief.height[at])
    relief.cover[at] |= cover
    relief.ratio[:, rows, cols] = np.where(cover, np.clip(ratio, 0.03, 6), relief.ratio[:, rows, cols])


def mottled(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """A field of so many rows and columns with deviation 1: patches of some size."""
    field = MOTTLES[int(rng.integers(len(MOTTLES)))]
    rows, cols = (np.arange(size) + int(rng.integers(1024)) for size in shape)
    out = field[np.ix_(rows % 1024, cols % 256)]
    return np.asarray(out / (out.std() + 1e-6))


def light_on(height: Floats, look: Look) -> Floats:
    """Light on each sample of a relief, 1 on open flat ground. Shadows are followed on the strip's own grid."""
    coarse = _coarse(height)
    around = ndimage.gaussian_filter(coarse, SKY_REACH_M / STEP_M, mode="nearest")
    sky = np.clip(1 - SKY_LOST_PER_M * np.clip(around - coarse, 0, None), 0.25, 1)
    if look.shadow_m is None:
        return _fine(sky)
    length = max(float(np.hypot(*look.shadow_m)), 0.05)
    direction = look.shadow_m / length
    lit = np.ones_like(coarse)
    reach = min(float(coarse.max()) * length, LONGEST_SHADOW_M)
    for number in range(1, int(reach / STEP_M) + 1):
        fall = number * STEP_M / length
        moved = _moved(coarse, round(direction[0] * number), round(direction[1] * number))
        np.minimum(lit, np.clip(1 - (moved - fall - coarse) / 0.25, 0, 1), out=lit)
    slope_u, slope_v = np.gradient(height, FINE_M)
    steep = np.hypot(slope_u, slope_v)
    rise = np.where(steep < 1.5, slope_u * direction[0] + slope_v * direction[1], 0) * length
    facing = np.clip(1 + rise, 0, 2.5) / np.sqrt(1 + np.where(steep < 1.5, steep, 0) ** 2)
    return np.asarray(look.sky * _fine(sky) + (1 - look.sky) * _fine(lit) * facing, dtype=np.float32)


def _coarse(values: Floats) -> Floats:
    """The mean of every 2 by 2 samples."""
    rows = values[..., 0::2, :] + values[..., 1::2, :]
    return np.asarray((rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25))


def _fine(values: Floats) -> Floats:
    return np.repeat(np.repeat(values, FINER, axis=0), FINER, axis=1)


def _moved(values: Floats, along: int, across: int) -> Floats:
    """Shifted, with 0 coming in."""
    out = np.zeros_like(values)
    rows, cols = values.shape
    if abs(along) < rows and abs(across) < cols:
        out[max(along, 0) : rows + min(along, 0), max(across, 0) : cols + min(across, 0)] = values[
            max(-along, 0) : rows + min(-along, 0), max(-across, 0) : cols + min(-across, 0)
        ]
    return out


def painted(values: Floats, relief: Relief, look: Look, dark: Floats, rng: np.random.Generator) -> tuple[Floats, Mask]:
    """A strip with what stands on it, and which samples lie on it.

    Args:
        values: (rows, w, bands), the strip; it is not changed.
        relief: what stands there.
        look: how the picture shows things.
        dark: (bands,), its deepest shade.
        rng: of the noise.
    """
    bands = values.shape[2]
    light = light_on(relief.height, look)
    cover = relief.cover.astype(np.float32)
    ratio = relief.ratio if bands == 3 else relief.ratio.mean(axis=0, keepdims=True)
    lit = np.maximum(light, 0.02) ** look.tone
    layers = np.concatenate(
        [cover[None], ((1 - cover) * lit)[None], np.maximum(ratio, 0.02) ** look.tone * cover * lit]
    )
    seen = ndimage.gaussian_filter(_coarse(layers), (0, look.blur_m / STEP_M, look.blur_m / STEP_M), mode="nearest")
    seen = seen[:, :, MARGIN : MARGIN + WIDTH]
    bright = np.maximum(_bed(values, soiled=look.camouflage > 0) - dark, 0.02)
    noise = rng.normal(0, 1, values.shape).astype(np.float32) * (look.noise * bright) * seen[0][..., None]
    body = np.moveaxis(seen[2:], 0, 2) * bright
    return np.clip(dark + (values - dark) * seen[1][..., None] + body + noise, 0, 1), seen[0] > 0.5


def _bed(values: Floats, *, soiled: bool) -> Floats:
    """(rows or 1, 1, bands), what the bed is like in the sun: of the whole strip, or about where a car stands."""
    inner = values[:, WIDTH // 2 - 5 : WIDTH // 2 + 6]
    if soiled:
        here = np.quantile(inner, 0.6, axis=1).astype(np.float32)
        return np.asarray(ndimage.gaussian_filter1d(here, SOILED_M / STEP_M, axis=0, mode="nearest"))[:, None]
    return np.quantile(inner.reshape(-1, values.shape[2]), 0.6, axis=0).astype(np.float32)[None, None]


def other_light(look: Look, rng: np.random.Generator, shadow_m: NDArray[np.float64] | None) -> Look:
    """The same picture-making on another day."""
    return replace(look, shadow_m=shadow_m, sky=float(rng.uniform(0.1, 0.4)), lean_m=float(rng.normal(0, 0.08)))
