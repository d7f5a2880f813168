"""What stands beside tracks and is no car: containers, lorries, sheds, heaps and trees, with the shadows they throw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.training.painting import FINE_M, FINE_WIDTH, FIRST_M, Relief, mottled
from railwatch.training.stock import BED_REFLECTANCE, LOADS, PAINTS

Floats = NDArray[np.float32]

# Half a car and a little more: nothing but trees stands nearer to an axis, in metres.
CLEAR_M, LEANING_M = 1.9, 0.8
LEAVES = np.array([(0.05, 0.08, 0.03), (0.09, 0.11, 0.05), (0.13, 0.10, 0.06)], np.float32)


@dataclass(frozen=True)
class Thing:
    """Something beside a track.

    Attributes:
        along_m: where it begins and ends along the track.
        across_m: the same across it, from the axis to the right.
        height_m: of its top.
        reflectance: (3,).
        domed: whether it is round like a crown or a heap; else it is a box.
        mottle: how strongly its colour varies.
    """

    along_m: tuple[float, float]
    across_m: tuple[float, float]
    height_m: float
    reflectance: Floats
    domed: bool
    mottle: float


def things_beside(rng: np.random.Generator, length_m: float) -> list[Thing]:
    """What stands along so much track, on either side: nothing, single things, or rows of them."""
    number = int(rng.poisson(length_m / float(np.exp(rng.uniform(np.log(12.0), np.log(150.0))))))
    return [_thing(rng, length_m) for _ in range(min(number, 60))]


def _thing(rng: np.random.Generator, length_m: float) -> Thing:
    tree = rng.random() < 0.25
    long_m = float(rng.choice([rng.uniform(2, 7), rng.uniform(5.5, 18), rng.uniform(15, 60)], p=[0.35, 0.45, 0.2]))
    wide_m = float(rng.choice([rng.uniform(1.8, 3.0), rng.uniform(3, 12)]))
    if tree:
        long_m = wide_m = float(rng.uniform(2, 9))
    first, near = float(rng.uniform(-long_m, length_m)), float(rng.uniform(LEANING_M if tree else CLEAR_M, 6.0))
    colours = LEAVES if tree else PAINTS if rng.random() < 0.7 else LOADS
    colour = colours[int(rng.integers(len(colours)))] * np.float32(np.exp(rng.normal(0, 0.25)))
    height = float(
        rng.uniform(2, 11) if tree else rng.choice([rng.uniform(0.3, 1.5), rng.uniform(2.2, 9)], p=[0.3, 0.7])
    )
    across = (near, near + wide_m) if rng.random() < 0.5 else (-near - wide_m, -near)
    domed = tree or rng.random() < 0.15
    return Thing((first, first + long_m), across, height, colour, domed, float(rng.uniform(0.03, 0.35)))


def stand_beside(relief: Relief, things: list[Thing], rng: np.random.Generator) -> None:
    """Adds things to a relief."""
    for thing in things:
        rows, cols = (
            slice(*(min(max(round((at - start) / FINE_M), 0), size) for at in ends))
            for ends, start, size in (
                (thing.along_m, 0.0, len(relief.height)), (thing.across_m, FIRST_M, FINE_WIDTH)
            )
        )  # fmt: skip
        if rows.start == rows.stop or cols.start == cols.stop:
            continue
        u = _from_middle((np.arange(rows.start, rows.stop) + 0.5) * FINE_M, thing.along_m)[:, None]
        v = _from_middle((np.arange(cols.start, cols.stop) + 0.5) * FINE_M + FIRST_M, thing.across_m)[None]
        inside = u**2 + v**2 < 1 if thing.domed else (np.abs(u) < 1) & (np.abs(v) < 1)
        dome = np.sqrt(np.clip(1 - u**2 - v**2, 0.05, 1)) if thing.domed else 1.0
        height = np.where(inside, thing.height_m * dome, 0).astype(np.float32)
        ratio = (thing.reflectance / BED_REFLECTANCE)[:, None, None] * (
            1 + np.float32(thing.mottle) * mottled(rng, inside.shape)
        )
        at = (rows, cols)
        relief.height[at] = np.maximum(relief.height[at], height)
        relief.cover[at] |= inside
        relief.ratio[:, rows, cols] = np.where(inside, np.clip(ratio, 0.03, 6), relief.ratio[:, rows, cols])


def _from_middle(at_m: NDArray[np.float64], ends_m: tuple[float, float]) -> NDArray[np.float64]:
    """-1 at the first end, 1 at the last."""
    return (2 * at_m - ends_m[0] - ends_m[1]) / (ends_m[1] - ends_m[0])
