"""Freight cars as simple bodies: real dimensions, a relief, and paint."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from railwatch.services.detector.imagery.arrays import Floats, Points

# Red, green and blue.
Colour = tuple[float, float, float]

# Reflectance of weathered ballast of granite or limestone, to which those below relate.
BALLAST_REFLECTANCE = 0.2
# Height of the deck of a flat above the ground.
FLOOR_M = 1.2
# Reflectances of weathered freight car paints and rust (USGS Spectral Library, orders of magnitude).
PAINTS = (
    (0.17, 0.08, 0.05),
    (0.12, 0.09, 0.07),
    (0.30, 0.12, 0.09),
    (0.25, 0.25, 0.24),
    (0.13, 0.13, 0.14),
    (0.09, 0.13, 0.26),
    (0.08, 0.15, 0.10),
    (0.42, 0.32, 0.15),
    (0.57, 0.56, 0.54),
    (0.05, 0.05, 0.05),
)
# Reflectances of what cars carry, and of roofs.
LOADS = ((0.04, 0.04, 0.04), (0.15, 0.09, 0.06), (0.37, 0.32, 0.23), (0.27, 0.26, 0.25), (0.16, 0.13, 0.11))


class Kind(StrEnum):
    """The kinds of painted cars."""

    BOX = "box"
    GONDOLA = "gondola"
    TANK = "tank"
    HOPPER = "hopper"
    CONTAINER = "container"
    FLAT = "flat"


@dataclass(frozen=True)
class Dimensions:
    """Shortest and longest body in metres, width and height above the ground, and the kind's share of the fleet."""

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    share: float


# Bodies of common freight cars, without couplers or buffers (UIC 571, AAR plates, VNIIZhT's album).
DIMENSIONS: dict[Kind, Dimensions] = {
    Kind.BOX: Dimensions((12.8, 15.8), (2.8, 3.2), (4.0, 4.6), 0.25),
    Kind.GONDOLA: Dimensions((12.4, 12.9), (2.9, 3.2), (3.1, 3.5), 0.3),
    Kind.TANK: Dimensions((10.8, 11.2), (2.9, 3.1), (4.2, 4.6), 0.2),
    Kind.HOPPER: Dimensions((11.0, 13.5), (3.0, 3.2), (3.8, 4.6), 0.1),
    Kind.CONTAINER: Dimensions((13.4, 18.4), (2.5, 2.9), (3.8, 3.9), 0.1),
    Kind.FLAT: Dimensions((13.4, 18.4), (2.7, 2.9), (1.25, 1.4), 0.05),
}


@dataclass(frozen=True)
class PaintedCar:
    """A railcar of known size, to be painted into a tile.

    Attributes:
        kind: the kind of car.
        length_m: of the body.
        width_m: of the body.
        height_m: of its roof or rim.
        paint: reflectance, red, green and blue.
        load: reflectance of what it carries, or of the other half of its roof.
        fill_m: depth of the load, or of the floor, below the rim of an open wagon.
    """

    kind: Kind
    length_m: float
    width_m: float
    height_m: float
    paint: Colour
    load: Colour
    fill_m: float


@dataclass(frozen=True)
class Body:
    """A car where it stands: `centre_px` (2,) in pixel coordinates, `forward` (2,) the unit vector along it."""

    car: PaintedCar
    centre_px: Points
    forward: Points


def random_cut(rng: np.random.Generator, cars: int) -> list[PaintedCar]:
    """Cars of one cut. Every other cut is a block train of one kind, one length and one paint."""
    first = _random_car(rng)
    block = rng.random() < 0.5
    return [first, *(first if block else _random_car(rng) for _ in range(cars - 1))]


def _random_car(rng: np.random.Generator) -> PaintedCar:
    kind = list(DIMENSIONS)[int(rng.choice(len(DIMENSIONS), p=[part.share for part in DIMENSIONS.values()]))]
    size = DIMENSIONS[kind]
    length_m, width_m, height_m = (float(rng.uniform(*reach)) for reach in (size.length_m, size.width_m, size.height_m))
    paint, load = PAINTS[int(rng.integers(len(PAINTS)))], LOADS[int(rng.integers(len(LOADS)))]
    fill_m = float(rng.choice([rng.uniform(0.2, 0.8), height_m - FLOOR_M]))
    return PaintedCar(kind, length_m, width_m, height_m, paint, load, fill_m)


# Height in metres, and the share of `load` in the colour.
Relief = tuple[Floats, Floats]


def _box(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """An arched roof, 0.3 m higher in the middle, with ribs."""
    arch = 0.3 * (1 - (across / (car.width_m / 2)) ** 2)
    ribs = 0.03 * (np.mod(along, 1.2) < 0.2)
    return car.height_m - 0.3 + arch + ribs, np.full_like(along, 0.5)


def _open(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """Walls around a load, or around the floor."""
    wall = (np.abs(along) > car.length_m / 2 - 0.15) | (np.abs(across) > car.width_m / 2 - 0.15)
    heap = car.fill_m * 0.3 * np.cos(np.pi * across / car.width_m)
    return np.where(wall, car.height_m, car.height_m - car.fill_m + heap), (~wall).astype(np.float32)


def _tank(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """A barrel between two platforms, with a dome."""
    radius = car.width_m / 2
    barrel = np.abs(along) < car.length_m / 2 - 0.6
    round_ = car.height_m - radius + np.sqrt(np.maximum(radius**2 - across**2, 0.01))
    dome = 0.3 * (np.hypot(along, across) < 0.7)
    return np.where(barrel, round_ - 0.3 + dome, FLOOR_M), np.where(np.hypot(along, across) < 0.7, 1.0, 0.0)


def _hopper(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """A covered hopper: a roof with a walkway and hatches."""
    hatch = (np.abs(across) < 0.4) & (np.mod(along, 2.4) < 1.2)
    arch = 0.4 * (1 - (across / (car.width_m / 2)) ** 2)
    return car.height_m - 0.4 + arch + 0.1 * hatch, 0.5 * hatch.astype(np.float32)


def _container(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """A flat that carries two containers."""
    box = (np.abs(along) > 0.3) & (np.abs(along) < car.length_m / 2 - 0.4) & (np.abs(across) < 1.22)
    return np.where(box, car.height_m, FLOOR_M), (box & (along > 0)).astype(np.float32)


def _flat(car: PaintedCar, along: Floats, across: Floats) -> Relief:
    """A bare deck of planks."""
    return np.full_like(along, car.height_m), 0.5 + 0.2 * (np.mod(along, 0.6) < 0.3)


RELIEFS: dict[Kind, Callable[[PaintedCar, Floats, Floats], Relief]] = {
    Kind.BOX: _box,
    Kind.GONDOLA: _open,
    Kind.TANK: _tank,
    Kind.HOPPER: _hopper,
    Kind.CONTAINER: _container,
    Kind.FLAT: _flat,
}
