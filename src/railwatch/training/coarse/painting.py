"""Trains painted onto views of pairs: trains that came, left or stood on both dates, on the track or beside it.

What a train looks like at 1.5 to 4 m a pixel is a bar of one or many tones, blurred by the pixel, with a shadow on one
side. Painted at random tones they are of no style, so that the network does not rely on the renderer's.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.coarse.planes import View
from railwatch.services.detector.coarse.strips import ACROSS_M, SAMPLE_M

Array = NDArray[np.float32]

# Trains of each track of a window: none, one or two.
MOST_TRAINS = 2
# Short cuts and long trains, metres.
SHORT_M, LONG_M = (15.0, 60.0), (60.0, 400.0)
# Lengths of cars, and of the dark couplings between them, metres.
CAR_M, COUPLING_M = (10.0, 24.0), 2.0
# Half of a body's width, and the heights that cast shadows, metres.
HALF_WIDTH_M, HEIGHT_M = 1.55, (2.5, 4.2)
# Chances of a train that came, one that left, and one that stands on both dates.
CAME, LEFT, STOOD = 0.55, 0.2, 0.25
# Tones are in units of the scene's contrast.
TONE, CAR_TONE, GRAIN = 1.2, 0.9, 0.12
# A track whose plane is this high, farther than this from the middle, metres, gets trains as well.
BESIDE, BESIDE_FROM_M = 0.35, 3.0
# Positions across on which bodies are drawn before they are blurred, metres.
FINE_M = np.arange(-12, 12.01, 0.25)
# Standard deviation of a pixel's blur, in pixels.
BLUR_PX = 0.5


def painted(view: View, under: NDArray[np.int8], rng: np.random.Generator) -> tuple[View, NDArray[np.int8]]:
    """A view with trains painted onto its own track and onto those beside it, and where trains stand now.

    Args:
        view: of one stretch of track.
        under: (n,), 1 under a train.
        rng: of all chance.
    """
    for axis_m in (0.0, *_axes_beside(view)):
        for _ in range(int(rng.integers(0, MOST_TRAINS + 1))):
            view, inside, now = _with_train(view, axis_m, rng)
            if axis_m == 0 and now:
                under = np.where(inside, np.int8(1), under)
    return view, under


def _axes_beside(view: View) -> list[float]:
    profile = view.beside.mean(axis=0)
    middle = profile[1:-1]
    peaks = (middle > BESIDE) & (middle >= profile[:-2]) & (middle >= profile[2:])
    peaks &= np.abs(ACROSS_M[1:-1]) > BESIDE_FROM_M
    return [float(at) for at in ACROSS_M[1:-1][peaks]]


def _with_train(view: View, axis_m: float, rng: np.random.Generator) -> tuple[View, NDArray[np.bool_], bool]:
    """The view with one more train, where it is along the track, and whether it stands there now."""
    along = np.arange(len(view.seen), dtype=np.float32) * np.float32(SAMPLE_M)
    length = float(rng.uniform(*(SHORT_M if rng.random() < 0.5 else LONG_M)))
    start = float(rng.uniform(-0.7 * length, along[-1] + SAMPLE_M))
    inside = (along >= start) & (along <= start + length)
    tones, again = (_tones(along - np.float32(start), length, rng, view.contrast) for _ in range(2))
    blur_m = BLUR_PX * view.gsd_m
    ends = ndimage.gaussian_filter1d(inside.astype(float), max(0.35, 1.1 * blur_m / SAMPLE_M))[:, None]
    body = ends * _across(np.abs(FINE_M - axis_m) < HALF_WIDTH_M, blur_m)
    dark = ends * _shadow(view, axis_m, blur_m, rng)
    grain = rng.normal(0, GRAIN * view.contrast, view.seen.shape)

    def with_body(light: Array, tone: Array) -> Array:
        return np.asarray(light * (1 - body) + (tone[:, None] + grain) * body - dark, np.float32)

    came_or_left = rng.random()
    now = bool(came_or_left < CAME or came_or_left >= CAME + LEFT)
    before = bool(came_or_left >= CAME)
    tile = with_body(view.tile, tones) if now else view.tile
    other = tones if rng.random() < 0.5 else again
    baseline = with_body(view.baseline, other) if before else view.baseline
    change = view.change + (tile - view.tile) - (baseline - view.baseline)
    return replace(view, tile=tile, baseline=baseline, change=change), inside, now


def _tones(along: Array, length: float, rng: np.random.Generator, contrast: float) -> Array:
    """(n,), tones along a train that begins at 0: all cars alike, or each its own."""
    car = float(rng.uniform(*CAR_M))
    level = rng.normal(0, TONE) if rng.random() < 0.7 else rng.choice([-1, 1]) * rng.uniform(0.8, 3)
    cars = level + rng.normal(0, CAR_TONE, int(length / car) + 2) * (rng.random() < 0.5)
    at = along + rng.uniform(0, car)
    tones = cars[np.clip((at / car).astype(int), 0, len(cars) - 1)]
    return np.asarray(contrast * (tones - rng.uniform(0, 1) ** 2 * (at % car < COUPLING_M)), np.float32)


def _shadow(view: View, axis_m: float, blur_m: float, rng: np.random.Generator) -> Array:
    """(w,), how dark the shadow of a train is."""
    shade = float(view.shade.mean())
    reach = (FINE_M - axis_m) * np.sign(shade)
    height = float(rng.uniform(*HEIGHT_M))
    under = (reach > HALF_WIDTH_M) & (reach < HALF_WIDTH_M + height * abs(shade))
    return np.asarray(_across(under, blur_m) * rng.uniform(0.6, 1.6) * view.contrast, np.float32)


def _across(where: NDArray[np.bool_], blur_m: float) -> Array:
    """(w,), a shape across the track as pixels show it."""
    blurred = ndimage.gaussian_filter1d(where.astype(float), blur_m / 0.25)
    return np.asarray(np.interp(ACROSS_M, FINE_M, blurred), np.float32)
