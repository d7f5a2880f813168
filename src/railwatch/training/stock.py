"""Railcars of many worlds as simple bodies seen from above: height, where there is a body at all, and two colours.

Dimensions are of common stock (UIC 571, AAR plates, VNIIZhT's album, four-wheelers of Europe, Africa and Oceania);
narrow gauges come out by a common factor. Colours are reflectances as in `railwatch.services.detector.recall.bodies`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.counts import CarKind

Floats = NDArray[np.float32]
Colour = NDArray[np.float32]

BED_REFLECTANCE = 0.2
# Weathered paints, rust, galvanised steel, aluminium, dust and dirt: red, green, blue.
PAINTS = np.array(
    [
        (0.17, 0.08, 0.05), (0.12, 0.09, 0.07), (0.30, 0.12, 0.09), (0.25, 0.25, 0.24), (0.13, 0.13, 0.14),
        (0.09, 0.13, 0.26), (0.08, 0.15, 0.10), (0.42, 0.32, 0.15), (0.57, 0.56, 0.54), (0.05, 0.05, 0.05),
        (0.22, 0.13, 0.08), (0.35, 0.34, 0.32), (0.45, 0.44, 0.40), (0.70, 0.69, 0.66), (0.36, 0.07, 0.05),
        (0.10, 0.10, 0.09), (0.27, 0.20, 0.13), (0.20, 0.28, 0.33), (0.15, 0.11, 0.09), (0.08, 0.07, 0.07),
    ],
    np.float32,
)  # fmt: skip
LOADS = np.array(
    [
        (0.04, 0.04, 0.04), (0.15, 0.09, 0.06), (0.37, 0.32, 0.23), (0.27, 0.26, 0.25), (0.16, 0.13, 0.11),
        (0.06, 0.055, 0.05), (0.30, 0.22, 0.12), (0.50, 0.48, 0.45), (0.20, 0.12, 0.08), (0.11, 0.10, 0.09),
    ],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of car: reach of length, width and height in metres, share of the fleet, and its relief."""

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    share: float
    relief: Callable[["Car", Floats, Floats], tuple[Floats, Floats, NDArray[np.bool_]]]


@dataclass(frozen=True)
class Car:
    """A car.

    Attributes:
        kind: its name in `KINDS`.
        length_m: of the body.
        width_m: of the body.
        height_m: of its roof or rim.
        paint: reflectance.
        load: reflectance of the load, the floor or the other paint.
        fill_m: how far below the rim the load lies.
        style: (4,), numbers from 0 to 1 that settle everything else about it.
        mottle: how strongly its colours vary.
    """

    kind: str
    length_m: float
    width_m: float
    height_m: float
    paint: Colour
    load: Colour
    fill_m: float
    style: tuple[float, float, float, float]
    mottle: float


def random_car(rng: np.random.Generator, narrow: float, kind: str | None = None) -> Car:
    """A car of a kind, or of any; `narrow` scales all of its sizes but a little of its height."""
    if kind is None:
        names = list(KINDS)
        shares = np.array([KINDS[name].share for name in names])
        kind = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    known = KINDS[kind]
    length, width, height = (float(rng.uniform(*reach)) for reach in (known.length_m, known.width_m, known.height_m))
    paint = PAINTS[int(rng.integers(len(PAINTS)))] * np.exp(rng.normal(0, 0.2))
    load = LOADS[int(rng.integers(len(LOADS)))] * np.exp(rng.normal(0, 0.25))
    deep = float(rng.choice([rng.uniform(-0.3, 0.8), height - 1.2]))
    styles = rng.random(4)
    style = float(styles[0]), float(styles[1]), float(styles[2]), float(styles[3])
    length = max(length * narrow, 6.6)
    mottle = float(rng.uniform(0.03, 0.3))
    return Car(kind, length, width * narrow, height * narrow**0.7, paint, load, deep * narrow, style, mottle)


def repainted(car: Car, rng: np.random.Generator) -> Car:
    """Another car of the same build: other dirt, and now and then another load or paint."""
    load = LOADS[int(rng.integers(len(LOADS)))] if rng.random() < 0.2 else car.load
    paint = PAINTS[int(rng.integers(len(PAINTS)))] if rng.random() < 0.15 else car.paint
    soil = np.float32(np.exp(rng.normal(0, 0.12)))
    return Car(
        car.kind, car.length_m, car.width_m, car.height_m, paint * soil, load * soil, car.fill_m, car.style, car.mottle
    )


def _everywhere(u: Floats, v: Floats) -> NDArray[np.bool_]:
    return np.ones(np.broadcast_shapes(u.shape, v.shape), dtype=bool)


def _box(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A roof, arched or flat, with ribs, a walkway or a seam."""
    rise = 0.5 * car.style[0]
    arch = rise * (1 - (v / (car.width_m / 2)) ** 2)
    ribs = 0.06 * (np.mod(u, 0.6 + 1.5 * car.style[1]) < 0.15)
    walkway = (np.abs(v) < 0.3) & (car.style[2] < 0.4)
    half = (car.style[3] < 0.25) & (u > 0)
    return car.height_m - rise + arch + ribs, 0.7 * walkway + 1.0 * half + 0 * u, _everywhere(u, v)


def _open(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Walls around a load in one heap or several, or around the floor and its braces."""
    thick = 0.1 + 0.12 * car.style[0]
    wall = (np.abs(u) > car.length_m / 2 - thick) | (np.abs(v) > car.width_m / 2 - thick)
    heaps = 1 + int(3 * car.style[1])
    phase = (u / car.length_m + 0.5) * heaps
    cone = 0.9 * car.style[2] * np.sin(np.pi * np.mod(phase, 1)) * np.cos(np.pi * v / car.width_m)
    brace = (np.mod(u, car.length_m / 5) < 0.15) & (car.style[3] < 0.4)
    inner = car.height_m - car.fill_m + (cone if car.fill_m < 1.0 else 0 * u)
    height = np.where(wall, car.height_m, np.where(brace, car.height_m - 0.2, inner))
    return height.astype(np.float32), (~(wall | brace)).astype(np.float32), _everywhere(u, v)


def _tank(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A barrel between platforms, with a dome, a walkway and, often, spilt load around the dome."""
    radius = car.width_m / 2 * (0.8 + 0.2 * car.style[0])
    ends = 0.3 + 0.7 * car.style[1]
    barrel = (np.abs(u) < car.length_m / 2 - ends) & (np.abs(v) < radius)
    round_ = car.height_m - radius + np.sqrt(np.maximum(radius**2 - v**2, 0.01))
    dome = np.hypot(u, v) < 0.35 + 0.5 * car.style[2]
    spill = (np.abs(u) < 0.5 + 2 * car.style[3]) * (car.style[3] > 0.5)
    walkway = (np.abs(v) < 0.3) & (car.style[2] < 0.4)
    height = np.where(barrel, round_ - 0.3 + 0.3 * dome, 1.2)
    share = np.clip(dome + 0.6 * spill + 0.5 * walkway + 0.7 * ~barrel, 0, 1)
    return height.astype(np.float32), share.astype(np.float32), barrel | (np.abs(v) < 0.9 * car.width_m / 2)


def _hopper(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A covered hopper: hatches round or long, on a roof that falls off to the sides."""
    pitch = 1.5 + 2 * car.style[0]
    hatch = (np.abs(v) < 0.25 + 0.3 * car.style[1]) & (np.mod(u, pitch) < pitch * (0.4 + 0.5 * car.style[2]))
    fall = 0.3 + 0.7 * car.style[3]
    height = car.height_m - fall * (v / (car.width_m / 2)) ** 2 + 0.12 * hatch
    return height.astype(np.float32), (0.6 * hatch + 0 * u).astype(np.float32), _everywhere(u, v)


def _bays(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """An open hopper: bays with sloping floors behind high rims, empty or loaded."""
    bays = 2 + int(3 * car.style[0])
    place = np.mod((u / car.length_m + 0.5) * bays, 1)
    wall = (np.abs(v) > car.width_m / 2 - 0.15) | (np.abs(place - 0.5) > 0.5 - 0.12 * bays / car.length_m)
    depth = np.maximum(car.fill_m, 0.2) * (1 - np.abs(2 * place - 1) * 0.8)
    height = np.where(wall, car.height_m, car.height_m - depth)
    return height.astype(np.float32), (~wall).astype(np.float32), _everywhere(u, v)


def _silo(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A cement wagon: one to three round silos on a frame, white with dust."""
    silos = 1 + int(2.6 * car.style[0])
    pitch = car.length_m / silos
    local = np.mod(u + car.length_m / 2, pitch) - pitch / 2
    radius = min(pitch / 2, car.width_m / 2) * 0.98
    away = np.hypot(local * (0.6 + 0.4 * car.style[1]), v)
    silo = away < radius
    height = np.where(silo, car.height_m - 1.2 * (away / radius) ** 2, 1.1)
    lid = away < 0.3 + 0.3 * car.style[2]
    return height.astype(np.float32), np.where(silo, 0.7 * lid, 0.5).astype(np.float32), _everywhere(u, v)


def _container(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A flat or skeleton with one, two or three boxes of two colours, or with a place left free."""
    places = 1 + int(3 * car.style[0])
    number = np.floor((u / car.length_m + 0.5) * places)
    inside = np.mod((u / car.length_m + 0.5) * places, 1) * car.length_m / places
    free = (number == int(places * car.style[1])) & (car.style[2] < 0.3) & (places > 1)
    box = (inside > 0.2) & (inside < car.length_m / places - 0.2) & (np.abs(v) < 1.22) & ~free
    frame = (np.abs(v) < 0.35) | (np.abs(np.abs(v) - 1.1) < 0.15) | (np.mod(u, 3.0) < 0.3) | (car.style[3] < 0.5)
    share = np.where(np.mod(number, 2) == 0, 0.0, 1.0) * box
    return np.where(box, car.height_m, 1.15).astype(np.float32), share.astype(np.float32), box | frame


def _flat(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A deck of planks or steel, a skeleton, or a deck with pipes or timber on it."""
    skeleton = car.style[0] < 0.25
    frame = (np.abs(v) < 0.35) | (np.abs(np.abs(v) - 1.1) < 0.2) | (np.mod(u, 2.5 + 2 * car.style[1]) < 0.35)
    planks = 0.3 * (np.mod(u, 0.5) < 0.2)
    loaded = (car.style[2] < 0.3) & (np.abs(u) < car.length_m * (0.2 + 0.28 * car.style[3])) & (np.abs(v) < 1.1)
    round_ = 0.15 * np.abs(np.sin(np.pi * v / 0.3))
    height = np.where(loaded, car.height_m + 0.6 + car.style[1] + round_, car.height_m)
    share = np.where(loaded, 1.0, planks + 0 * u)
    return height.astype(np.float32), share.astype(np.float32), (frame | loaded) if skeleton else _everywhere(u, v)


def _well(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A well car or a low loader: a sunken middle, with a box in it or none, between decks over the bogies."""
    middle = np.abs(u) < car.length_m * 0.36
    box = middle & (car.style[0] < 0.6) & (np.abs(u) < car.length_m * 0.33) & (np.abs(v) < 1.22)
    side = np.abs(v) > car.width_m / 2 - 0.2
    height = np.where(box, car.height_m, np.where(middle & ~side, 0.5, 1.3))
    return height.astype(np.float32), np.where(box, 1.0, 0.2).astype(np.float32), _everywhere(u, v)


def _locomotive(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A locomotive: a narrow hood between walkways and a cab, or a full body with fans and equipment on its roof."""
    hood = car.style[0] < 0.55
    cab = np.abs(u - (car.style[1] - 0.5) * 0.7 * car.length_m) < 1.6
    narrow = np.abs(v) < 0.32 * car.width_m
    fans = (np.hypot(np.mod(u, 2.2 + 2 * car.style[2]) - 1.1, v) < 0.75) & (np.abs(u) < car.length_m * 0.3)
    ends = np.abs(u) > car.length_m / 2 - 0.9
    box = _everywhere(u, v) if not hood else narrow | cab
    height = np.where(box, car.height_m + 0.15 * fans, 1.5)
    height = np.where(ends & hood, 1.4, height)
    share = np.clip(0.9 * fans + 0.8 * ~box + 0.6 * (cab & (car.style[3] < 0.5)), 0, 1)
    return height.astype(np.float32), share.astype(np.float32), _everywhere(u, v)


def _coach(car: Car, u: Floats, v: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """A coach or a car of a multiple unit: a smooth arched roof with seams, air conditioners or pantographs."""
    arch = 0.5 * (1 - (v / (car.width_m / 2)) ** 2)
    places = 1 + int(4 * car.style[0])
    unit = (np.abs(np.mod(u + car.length_m / 2, car.length_m / places) - car.length_m / places / 2) < 1.3) & (
        np.abs(v) < 0.8
    )
    unit &= car.style[1] < 0.7
    stripe = (np.abs(v) > car.width_m / 2 - 0.35) & (car.style[2] < 0.4)
    return (
        (car.height_m - 0.5 + arch + 0.2 * unit).astype(np.float32),
        np.clip(0.8 * unit + stripe, 0, 1).astype(np.float32),
        _everywhere(u, v),
    )


# What each of the kinds looks like from above.
LOOKS_LIKE = {
    "box": CarKind.COVERED, "long box": CarKind.COVERED, "short box": CarKind.COVERED, "hopper": CarKind.COVERED,
    "gondola": CarKind.OPEN, "short gondola": CarKind.OPEN, "bays": CarKind.OPEN,
    "tank": CarKind.TANK, "short tank": CarKind.TANK, "silo": CarKind.TANK,
    "flat": CarKind.FLAT, "well": CarKind.FLAT, "container": CarKind.CONTAINER,
    "locomotive": CarKind.LOCOMOTIVE, "coach": CarKind.COACH,
}  # fmt: skip

KINDS: dict[str, Kind] = {
    "box": Kind((11.5, 17.5), (2.6, 3.25), (3.8, 4.7), 0.16, _box),
    "long box": Kind((20.0, 27.5), (2.8, 3.25), (4.0, 5.2), 0.05, _box),
    "short box": Kind((6.8, 10.5), (2.4, 2.9), (3.2, 3.9), 0.10, _box),
    "gondola": Kind((11.5, 20.0), (2.7, 3.25), (2.2, 3.6), 0.19, _open),
    "short gondola": Kind((6.8, 10.0), (2.4, 2.9), (1.8, 3.0), 0.10, _open),
    "tank": Kind((10.0, 19.0), (2.6, 3.2), (3.9, 4.7), 0.13, _tank),
    "short tank": Kind((6.8, 9.5), (2.3, 2.9), (3.3, 4.1), 0.05, _tank),
    "hopper": Kind((10.0, 19.5), (2.8, 3.25), (3.8, 4.8), 0.08, _hopper),
    "bays": Kind((7.0, 16.5), (2.6, 3.2), (2.9, 4.0), 0.08, _bays),
    "silo": Kind((6.8, 12.5), (2.3, 3.0), (3.0, 4.3), 0.09, _silo),
    "container": Kind((12.2, 26.0), (2.4, 2.9), (3.6, 4.0), 0.07, _container),
    "flat": Kind((7.5, 21.0), (2.5, 3.0), (1.0, 1.35), 0.07, _flat),
    "well": Kind((16.0, 24.0), (2.7, 3.1), (3.2, 5.8), 0.03, _well),
    "locomotive": Kind((11.0, 23.0), (2.7, 3.25), (3.8, 4.8), 0.03, _locomotive),
    "coach": Kind((15.5, 27.0), (2.7, 3.25), (3.6, 4.6), 0.05, _coach),
}
