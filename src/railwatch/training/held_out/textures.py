"""Real grain: scikit-image's photographs of gravel, grass and brick, at any scale and angle; and smooth noise."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from railwatch.training.held_out.field import Colour, Floats

Grain = Literal["gravel", "grass", "brick"]


@lru_cache(maxsize=64)
def _photograph(name: Grain, halvings: int) -> Floats:
    """(rows, cols), of mean 0 and deviation 1, so often halved, mirrored so that its edges meet."""
    grey = np.asarray(getattr(data, name)(), np.float32)
    for _ in range(halvings):
        grey = grey.reshape(grey.shape[0] // 2, 2, grey.shape[1] // 2, 2).mean(axis=(1, 3))
    grey = (grey - grey.mean()) / grey.std()
    return np.block([[grey, grey[:, ::-1]], [grey[::-1], grey[::-1, ::-1]]]).astype(np.float32)


def grain(rng: np.random.Generator, name: Grain, x: Floats, y: Floats, step_m: float, span_m: float) -> Floats:
    """A photograph laid over positions (broadcast together), its side `span_m`; twice, so that no repeat shows."""
    one = _laid(rng, name, x, y, step_m, span_m)
    other = _laid(rng, name, x, y, step_m, span_m * float(rng.uniform(2.3, 3.7)))
    return np.asarray(0.75 * one + 0.66 * other, np.float32)


def _laid(rng: np.random.Generator, name: Grain, x: Floats, y: Floats, step_m: float, span_m: float) -> Floats:
    halvings = int(np.clip(np.log2(max(step_m * 512 / span_m, 1)), 0, 5))
    picture = _photograph(name, halvings)
    side = len(picture)
    turn, scale = float(rng.uniform(0, 2 * np.pi)), side / 2 / span_m
    cos, sin = np.float32(np.cos(turn) * scale), np.float32(np.sin(turn) * scale)
    first = rng.integers(0, side, 2)
    col = (x * cos - y * sin).astype(np.int64) + int(first[0])
    row = (x * sin + y * cos).astype(np.int64) + int(first[1])
    return picture[row % side, col % side]


def clouds(rng: np.random.Generator, shape: tuple[int, int], step_m: float, feature_m: float) -> Floats:
    """Smooth noise (rows, cols) of mean 0, deviation about 1: features of this size, and half and a quarter of it."""
    total = np.zeros(shape, np.float32)
    for octave in range(3):
        size = [max(2, int(side * step_m * 2**octave / feature_m) + 2) for side in shape]
        noise = rng.standard_normal(size).astype(np.float32)
        total += enlarged(noise, shape) * np.float32(0.55**octave)
    return np.asarray(total * 1.35, np.float32)


def enlarged(values: Floats, shape: tuple[int, int], *, smooth: bool = True) -> Floats:
    """A small map on more cells."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(values).resize((shape[1], shape[0]), how), np.float32)


def tinted(tone: Colour, relief: NDArray[np.floating[Any]], contrast: float, drift: float = 0.0) -> Floats:
    """(3, ...), a colour whose brightness follows a relief of deviation 1; `drift` lets the hue follow it too."""
    light = np.exp(np.float32(contrast) * np.clip(relief, -3, 3))
    bend = np.array([1 + drift, 1.0, 1 - drift], np.float32)
    return np.stack([np.float32(t) * light ** np.float32(b) for t, b in zip(tone, bend, strict=True)])


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from a range."""
    return float(rng.uniform(low, high))


def varied(rng: np.random.Generator, colour: Colour, by: float) -> Colour:
    """A colour like this one: lighter or darker by about so much, its hue by a sixth of it."""
    light = np.exp(rng.normal(0, by) + rng.normal(0, by / 6, 3))
    red, green, blue = (float(np.clip(value * more, 0.01, 0.9)) for value, more in zip(colour, light, strict=True))
    return red, green, blue
