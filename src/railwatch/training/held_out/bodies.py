"""What each shape of vehicle looks like from above: heights and colours over along and across coordinates."""

import numpy as np
from numpy.typing import NDArray

from railwatch.training.held_out.field import Colour, Floats
from railwatch.training.held_out.stock import BRIGHT, GREY, RUST, SOOT, WHITE, Vehicle
from railwatch.training.held_out.textures import between, varied

Relief = tuple[Floats, Floats]
"""Height (n, m) and colour (3, n, m)."""
DECK_M = 1.2


def relief(car: Vehicle, u: Floats, v: Floats, body: int) -> Relief:
    """A body of a vehicle, the first being 0, at `u` along and `v` across from its middle, metres, (n, m) each."""
    rng = np.random.default_rng([car.seed, body])
    height, colour = SHAPES[car.kind.shape](rng, car, u, v)
    # Dirt runs across the body in bands.
    knots = max(4, int(car.body_m))
    bands = np.interp(u[:, 0], np.linspace(u.min(), u.max(), knots), rng.normal(1, 0.07, knots))[:, None]
    dirt = bands * (1 + 0.05 * rng.standard_normal(u.shape))
    return height.astype(np.float32), np.clip(colour * dirt, 0.01, 0.95).astype(np.float32)


def _roof(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """An arched, ribbed roof, with a walkway along it on some."""
    height = car.height_m - 0.5 * (2 * v / car.width_m) ** 2
    pitch = between(rng, 0.8, 1.6)
    seam = np.mod(u, pitch) < 0.12
    colour = _solid(car.paint, u)
    _paint(colour, seam, _dim(car.paint, 0.75))
    if rng.random() < 0.3:
        _paint(colour, np.abs(v) < 0.3, _dim(car.paint, 1.35))
    return height.astype(np.float32), colour


def _plain(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A smooth roof, nearly flat, its edges darker."""
    colour = _solid(car.paint, u)
    _paint(colour, np.abs(v) > car.width_m / 2 - 0.2, _dim(car.paint, 0.6))
    _paint(colour, np.abs(np.abs(u) - car.body_m / 4) < 0.08, _dim(car.paint, 0.7))
    return car.height_m - 0.15 * (2 * v / car.width_m) ** 2, colour


def _open(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """Walls around a floor, or around a heap."""
    wall = (np.abs(u) > car.body_m / 2 - 0.18) | (np.abs(v) > car.width_m / 2 - 0.16)
    brace = (np.abs(np.mod(u + car.body_m / 2, car.body_m / 4) - 0.1) < 0.1) & (car.filled < 0.9)
    if car.filled == 0:
        inner = np.full_like(u, DECK_M + 0.1)
        colour = _solid(_dim(car.paint, between(rng, 0.6, 1.1)), u)
        litter = rng.random(u.shape) < 0.04
        _paint(colour, litter, varied(rng, (0.2, 0.17, 0.14), 0.3))
        if rng.random() < 0.3:
            brace[:] = False
    else:
        heap = np.cos(np.clip(2 * v / car.width_m, -1, 1) * 1.4) * (0.75 + 0.25 * np.cos(u * 6.3 / car.body_m * 2))
        inner = DECK_M + (car.height_m - DECK_M) * car.filled - 0.5 + 0.6 * heap + 0.05 * rng.standard_normal(u.shape)
        colour = _solid(car.load, u)
        colour *= np.exp(0.15 * rng.standard_normal(u.shape)).astype(np.float32)
    _paint(colour, wall | brace, car.paint)
    return np.where(wall, car.height_m, np.where(brace, car.height_m - 0.4, inner)), colour


def _tank(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A cylinder between end platforms, a dome and a walkway upon it."""
    radius = car.width_m / 2
    barrel = np.abs(u) < car.body_m / 2 - 0.5
    round_off = np.sqrt(np.clip(1 - (np.abs(v) / radius) ** 2, 0, 1))
    height = np.where(barrel, car.height_m - radius + radius * round_off, DECK_M)
    colour = _solid(car.paint, u)
    colour *= (0.75 + 0.25 * round_off).astype(np.float32)
    _paint(colour, ~barrel, SOOT if rng.random() < 0.5 else _dim(car.paint, 0.5))
    dome = np.hypot(u, v) < between(rng, 0.45, 0.8)
    _paint(colour, dome, _dim(car.paint, between(rng, 0.5, 1.2)))
    height[dome] = car.height_m + 0.35
    walk = (np.abs(v) < 0.35) & (np.abs(u) < between(rng, 0.8, car.body_m / 2))
    _paint(colour, walk & ~dome, _dim(car.paint, between(rng, 0.45, 0.8)))
    return height.astype(np.float32), colour


def _silo(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """Two or three round-backed bins with a hatch each, platforms at the ends."""
    bins = int(rng.integers(2, 4))
    place = np.mod(u / car.body_m + 0.5, 1 / bins) * bins - 0.5
    radius = car.width_m / 2
    height = car.height_m - 0.9 * (np.abs(v) / radius) ** 2 - 1.6 * np.clip(np.abs(place) - 0.32, 0, 1)
    colour = _solid(car.paint, u)
    _paint(colour, np.abs(np.abs(place) - 0.5) < 0.04, _dim(car.paint, 0.55))
    _paint(colour, np.hypot(place * car.body_m / bins, v) < 0.4, _dim(car.paint, 0.6))
    _paint(colour, (np.abs(v) > 0.35) & (np.abs(v) < 0.6), _dim(car.paint, 0.82))
    ends = np.abs(u) > car.body_m / 2 - 0.55
    _paint(colour, ends, _dim(car.paint, 0.45))
    return np.where(ends, DECK_M + 0.3, height), colour


def _trough(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A roof with hatches in a row, or one long one; slanting ends."""
    colour = _solid(car.paint, u)
    hatch = np.abs(v) < 0.35 if rng.random() < 0.5 else (np.abs(np.abs(v) - 0.6) < 0.3) & (np.mod(u, 2.2) < 1.2)
    inside = np.abs(u) < car.body_m / 2 - 1.0
    _paint(colour, hatch & inside, _dim(car.paint, between(rng, 0.6, 1.4)))
    _paint(colour, (np.abs(v) > car.width_m / 2 - 0.35) & inside, _dim(car.paint, 0.75))
    slope = np.clip((np.abs(u) - car.body_m / 2 + 1.2) / 1.2, 0, 1)
    return (car.height_m - 0.3 * (2 * v / car.width_m) ** 2 - 2.0 * slope).astype(np.float32), colour


def _flat(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A deck of planks or plate, now and then with something on it."""
    colour = _solid(car.paint, u)
    _paint(colour, np.mod(u, between(rng, 0.3, 1.2)) < 0.1, _dim(car.paint, 0.8))
    _paint(colour, np.abs(v) > car.width_m / 2 - 0.15, _dim(car.paint, 0.6))
    height = np.full_like(u, car.height_m)
    if rng.random() < 0.3:
        load = (np.abs(u - between(rng, -2, 2)) < between(rng, 1, car.body_m / 2 - 1)) & (np.abs(v) < 1.1)
        height[load] += between(rng, 0.4, 1.6)
        _paint(colour, load, varied(rng, (*GREY, *RUST, (0.35, 0.27, 0.17))[int(rng.integers(9))], 0.2))
    return height.astype(np.float32), colour


def _skeleton(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """Beams, bogies and cross members; what lies between is below, and dark."""
    beams = (np.abs(np.abs(v) - 0.55) < 0.25) | (np.abs(np.abs(v) - car.width_m / 2) < 0.16)
    bogies = np.abs(np.abs(u) - car.body_m / 2 + 1.9) < 1.2
    cross = np.mod(u + 0.2, car.body_m / 5) < 0.4
    solid = beams | bogies | cross | (np.abs(u) > car.body_m / 2 - 0.3)
    colour = _solid((0.055, 0.05, 0.047), u)
    _paint(colour, solid, car.paint)
    return np.where(solid, car.height_m, 0.5), colour


def _boxes(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """Containers on a frame: one long, two short, or a place left free."""
    height, colour = _skeleton(rng, car, u, v)
    lengths = [6.06, 6.06] if car.body_m < 15.5 and rng.random() < 0.5 else [12.19]
    if car.body_m > 18.9 and rng.random() < 0.6:
        lengths = [12.19, 6.06]
    lengths = [min(length, car.body_m / len(lengths) - 0.3) for length in lengths]
    start = -(sum(lengths) + 0.15 * (len(lengths) - 1)) / 2
    for length in lengths:
        if rng.random() > 0.12:
            here = (u > start) & (u < start + length) & (np.abs(v) < 1.22)
            paint = varied(rng, (*BRIGHT, *WHITE, *GREY, *RUST)[int(rng.integers(18))], 0.2)
            height[here] = car.height_m
            _paint(colour, here, paint)
            _paint(colour, here & (np.mod(u - start, 0.9) < 0.14), _dim(paint, 0.8))
        start += length + 0.15
    return height.astype(np.float32), colour


def _rack(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A long flat roof of corrugated panels."""
    roof = _dim(car.paint, between(rng, 0.8, 1.2))
    colour = _solid(roof, u)
    _paint(colour, np.mod(u, 0.6) < 0.15, _dim(roof, 0.8))
    _paint(colour, np.mod(u + car.body_m, car.body_m / 6) < 0.12, _dim(roof, 0.6))
    _paint(colour, np.abs(v) > car.width_m / 2 - 0.3, varied(rng, BRIGHT[1], 0.2))
    return car.height_m - 0.2 * (2 * v / car.width_m) ** 2, colour


def _hood(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A narrow hood on a wide frame, fans on it, and a cab near one end."""
    hood = (np.abs(v) < car.width_m * 0.31) & (np.abs(u) < car.body_m / 2 - 1.0)
    cab = np.abs(u - car.body_m * between(rng, 0.22, 0.36)) < between(rng, 1.1, 1.6)
    colour = _solid(_dim(car.paint, 0.6), u)
    _paint(colour, hood, car.paint)
    _paint(colour, hood & (np.hypot(np.mod(u, 2.0) - 1.0, v) < 0.6) & (u < 0), SOOT)
    _paint(colour, cab, varied(rng, WHITE[2] if rng.random() < 0.3 else car.paint, 0.2))
    return np.where(cab, car.height_m, np.where(hood, car.height_m - 0.5, 1.5)), colour


def _electric(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A full-width roof with pantographs and grilles."""
    colour = _solid(_dim(car.paint, 0.8), u)
    _paint(colour, (np.abs(v) < 0.8) & (np.abs(u) < car.body_m / 2 - 2), (0.16, 0.16, 0.17))
    folded = np.abs(np.abs(u) - car.body_m * 0.33)
    _paint(colour, (folded < 0.9) & (np.abs(np.abs(v) - folded * 0.6) < 0.12), (0.4, 0.2, 0.15))
    return car.height_m - 0.4 * (2 * v / car.width_m) ** 4, colour


def _unit(rng: np.random.Generator, car: Vehicle, u: Floats, v: Floats) -> Relief:
    """A carriage: a long, smooth roof with cooling units."""
    colour = _solid(car.paint, u)
    _paint(colour, np.abs(v) > car.width_m / 2 - 0.25, _dim(car.paint, 0.7))
    for place in rng.uniform(-0.4, 0.4, int(rng.integers(0, 4))) * car.body_m:
        _paint(colour, (np.abs(u - place) < 1.3) & (np.abs(v) < 0.8), _dim(car.paint, 0.55))
    return car.height_m - 0.5 * (2 * v / car.width_m) ** 2, colour


def _solid(colour: Colour, like: Floats) -> Floats:
    return np.stack([np.full_like(like, value) for value in colour])


def _paint(colour: Floats, where: NDArray[np.bool_], tone: Colour) -> None:
    for band, value in zip(colour, tone, strict=True):
        band[where] = value


def _dim(colour: Colour, by: float) -> Colour:
    red, green, blue = (min(value * by, 0.9) for value in colour)
    return red, green, blue


SHAPES = {
    "roof": _roof,
    "plain": _plain,
    "open": _open,
    "tank": _tank,
    "silo": _silo,
    "trough": _trough,
    "flat": _flat,
    "skeleton": _skeleton,
    "boxes": _boxes,
    "rack": _rack,
    "hood": _hood,
    "electric": _electric,
    "unit": _unit,
}
