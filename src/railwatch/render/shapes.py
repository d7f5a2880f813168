"""The appearance of each shape of car from above: relief in metres and reflectance, in the car's own coordinates.

This module paints no light and no shadow: they follow from the relief.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from railwatch.render import palette
from railwatch.render.canvas import Array, Colour, box_cover, ramp, tint, white_noise
from railwatch.render.rolling_stock import RenderedCar, Shape

# Metres from the rail's foot to the floor or deck: wheels of 0.92 to 0.957 m under a frame.
FLOOR_M = 1.25


@dataclass(frozen=True)
class Body:
    """What a shape's painter needs.

    Attributes:
        car: the car.
        along: distance from the middle along the car, metres.
        across: distance from the axis, metres.
        step_m: side of a cell.
        livery: source of chance that the cars of a block train share.
        own: source of chance of this car alone.
        bands: number of bands to paint.
    """

    car: RenderedCar
    along: Array
    across: Array
    step_m: float
    livery: np.random.Generator
    own: np.random.Generator
    bands: int

    @property
    def half(self) -> tuple[float, float]:
        """Half length and half width."""
        return self.car.length_m / 2, self.car.width_m / 2

    def coat(self, colour: Colour) -> Array:
        """A colour over the whole window."""
        return np.asarray(np.broadcast_to(tint(colour, self.bands), (self.bands, *self.along.shape)), np.float32)

    def noise(self, smooth_m: float) -> Array:
        """Unit noise over the window."""
        return white_noise(self.own, self.along.shape, smooth_m / self.step_m)

    def lines(self, spacing_m: float, width_m: float) -> Array:
        """Lines across the car, every `spacing_m`: 1 on a line, 0 between, antialiased."""
        off = np.abs((self.along / spacing_m + 0.5) % 1 - 0.5) * spacing_m
        return np.asarray(np.clip((width_m / 2 - off) / self.step_m + 0.5, 0, 1) * min(1.0, width_m / self.step_m))


def _weather(body: Body, coat: Array, strength: float = 1.0) -> Array:
    """Dirt and rust: along-car streaks, blotches and fading, more or less of each by car."""
    rng = body.own
    dirt = float(rng.gamma(1.5, 0.06)) * strength
    rust = float(rng.random() < 0.4) * float(rng.uniform(0, 0.5)) * strength
    blotch = ramp(body.noise(float(rng.uniform(0.25, 0.9))), 0.3, 1.8)
    coat = coat * (1 + dirt * body.noise(0.2) * 0.5) * np.float32(np.exp(rng.normal(0, 0.08)))
    return coat + rust * blotch * (tint(palette.RUST, body.bands) - coat)


def _box(body: Body) -> tuple[Array, Array]:
    livery, (_, half_width) = body.livery, body.half
    arch = float(livery.uniform(0.12, 0.7))
    power = float(livery.choice([2.0, 2.0, 4.0]))
    height = body.car.height_m - arch * (np.abs(body.across) / half_width) ** power
    painted = livery.random() < 0.45
    colour = palette.vary(livery, palette.pick(livery, palette.BODY if painted else palette.ROOF))
    coat = _weather(body, body.coat(colour))
    if livery.random() < 0.6:
        coat = coat * (1 - float(livery.uniform(0.05, 0.25)) * body.lines(float(livery.uniform(0.7, 1.8)), 0.12))
    if livery.random() < 0.35:
        walkway = np.clip((0.22 - np.abs(body.across)) / body.step_m + 0.5, 0, 1)
        coat = coat * (1 + float(livery.uniform(-0.35, 0.3)) * walkway)
    if livery.random() < 0.2:
        door = np.abs(body.along) < body.half[0] * float(livery.uniform(0.1, 0.3))
        coat = coat * (1 + float(livery.uniform(-0.2, 0.25)) * door)
    return height.astype(np.float32), coat


def _rim(body: Body, wall_m: float) -> Array:
    """1 inside the walls, 0 on and outside them."""
    return box_cover(body.along, body.across, (body.half[0] - wall_m, body.half[1] - wall_m), body.step_m)


def _gondola(body: Body) -> tuple[Array, Array]:
    livery, own = body.livery, body.own
    paint = palette.vary(livery, palette.pick(livery, palette.BODY))
    inside = _rim(body, float(livery.uniform(0.12, 0.22)))
    top = body.car.height_m
    if livery.random() < 0.45:
        floor = palette.vary(own, palette.blend(paint, palette.RUST, float(livery.uniform(0.4, 1))), 0.2)
        load = body.coat(floor) * (1 + 0.18 * body.noise(0.5))
        scraps = ramp(body.noise(0.35), 1.2, 2.2) * float(own.random() < 0.5)
        load = load + scraps * (tint(palette.vary(own, palette.LOAD["gravel"], 0.5), body.bands) - load)
        surface = np.full(body.along.shape, FLOOR_M, np.float32)
    else:
        surface, load = _load(body, top)
    height = surface + (1 - inside) * np.maximum(top - surface, 0)
    rim = _weather(body, body.coat(palette.blend(paint, palette.STEEL, float(livery.uniform(0, 0.5)))))
    stakes = 1 + 0.15 * body.lines(float(livery.uniform(1.2, 2.1)), 0.15)
    return height.astype(np.float32), load * inside + rim * stakes * (1 - inside)


def _load(body: Body, top: float) -> tuple[Array, Array]:
    """Loose goods: level or heaped in one to three piles, and grained by what they are."""
    livery, own = body.livery, body.own
    goods = list(palette.LOAD)[int(livery.integers(len(palette.LOAD)))]
    colour = palette.vary(own, palette.LOAD[goods], 0.18)
    freeboard = float(livery.uniform(0.05, 0.9) + own.uniform(-0.05, 0.15))
    piles = int(livery.integers(1, 4))
    wave = np.cos((body.along / body.half[0] + 1) * np.pi * piles + np.pi)
    heap = float(livery.uniform(0, 0.55)) * (0.5 + 0.5 * wave) * (1 - (body.across / body.half[1]) ** 2)
    rough = {"scrap": 0.3, "timber": 0.12}.get(goods, 0.06)
    surface = top - freeboard + heap + rough * body.noise(0.3)
    grain = {"scrap": 0.5, "timber": 0.25, "gravel": 0.15, "limestone": 0.12}.get(goods, 0.08)
    coat = body.coat(colour) * (1 + grain * body.noise(0.2))
    if goods == "timber":
        coat = coat * (1 + 0.25 * np.sin(body.across / 0.32 * 2 * np.pi)) * (1 - 0.5 * body.lines(5.0, 0.4))
    return surface.astype(np.float32), coat


def _tank(body: Body) -> tuple[Array, Array]:
    livery, (half_length, half_width) = body.livery, body.half
    radius = half_width * float(livery.uniform(0.9, 1.0))
    end = half_length - float(livery.uniform(0.3, 0.9))
    centre = body.car.height_m - radius
    past = np.clip(np.abs(body.along) - (end - 0.5), 0, None) / 0.5
    shrunk = radius**2 * (1 - np.clip(past, 0, 1) ** 2 * 0.6) - body.across**2
    shell = (np.abs(body.along) < end) & (shrunk > 0)
    height = np.where(shell, centre + np.sqrt(np.clip(shrunk, 0, None)), FLOOR_M)
    coat = _weather(body, body.coat(palette.vary(livery, palette.pick(livery, palette.BODY))))
    spill = float(livery.uniform(0, 0.6)) * np.exp(-((body.along / 0.8) ** 2)).astype(np.float32)
    coat = coat * (1 - spill)
    if livery.random() < 0.7:
        plank = box_cover(body.along, body.across, (float(livery.uniform(1.2, end)), 0.28), body.step_m)
        coat = coat + plank * (tint(palette.vary(livery, palette.STEEL, 0.4), body.bands) - coat) * 0.7
    dome = np.hypot(body.along, body.across) < 0.45
    height = np.where(dome, body.car.height_m + 0.15, height)
    under = body.coat(palette.vary(livery, palette.OIL, 0.3))
    return height.astype(np.float32), np.where(shell, coat, under)


def _hopper(body: Body) -> tuple[Array, Array]:
    """Open hopper: sloping ends, two or three bays, empty or with a load."""
    livery = body.livery
    paint = palette.vary(livery, palette.pick(livery, palette.BODY[:6]))
    inside = _rim(body, 0.14)
    if livery.random() < 0.55:
        surface, load = _load(body, body.car.height_m)
    else:
        bays = int(livery.integers(2, 4))
        saw = np.abs(((body.along / body.car.length_m + 0.5) * bays) % 1 - 0.5) * 2
        surface = FLOOR_M + saw * (body.car.height_m - FLOOR_M) * 0.7
        load = body.coat(palette.blend(paint, palette.RUST, 0.6)) * (1 + 0.15 * body.noise(0.3))
    height = surface + (1 - inside) * np.maximum(body.car.height_m - surface, 0)
    rim = _weather(body, body.coat(paint))
    return height.astype(np.float32), load * inside + rim * (1 - inside)


def _covered_hopper(body: Body) -> tuple[Array, Array]:
    livery, (half_length, half_width) = body.livery, body.half
    height = body.car.height_m - float(livery.uniform(0.2, 0.8)) * (body.across / half_width) ** 2
    coat = _weather(body, body.coat(palette.vary(livery, palette.pick(livery, palette.BODY))))
    if livery.random() < 0.5:
        trough = box_cover(body.along, body.across, (half_length - 0.8, float(livery.uniform(0.2, 0.4))), body.step_m)
        coat = coat * (1 + float(livery.uniform(-0.4, 0.2)) * trough)
    else:
        spacing = float(livery.uniform(2.2, 4.0))
        off = (body.along / spacing % 1 - 0.5) * spacing
        hatch = np.hypot(off, body.across) < 0.4
        coat = coat * (1 + float(livery.uniform(-0.4, 0.35)) * hatch)
        height = height + 0.12 * hatch
    return height.astype(np.float32), coat


def _deck(body: Body) -> tuple[Array, Array]:
    """The deck of a flat: planks, checker plate or a bare skeleton through which the track shows dark."""
    livery = body.livery
    wood = livery.random() < 0.6
    colour = palette.vary(livery, (0.23, 0.19, 0.15, 0.3) if wood else palette.pick(livery, palette.BODY[:6]), 0.25)
    coat = _weather(body, body.coat(colour))
    coat = coat * (1 - float(livery.uniform(0.05, 0.4)) * body.lines(float(livery.uniform(0.5, 2.4)), 0.15))
    edge = 1 - _rim(body, 0.15)
    coat = coat + edge * (tint(palette.vary(livery, palette.pick(livery, palette.BODY)), body.bands) - coat) * 0.6
    coat = coat * (1 + 0.12 * body.noise(0.3))
    return np.full(body.along.shape, body.car.height_m, np.float32), coat


def _skeleton(body: Body) -> tuple[Array, Array]:
    height, coat = _deck(body)
    beam = box_cover(body.along, body.across, (body.half[0], 0.35), body.step_m)
    side = 1 - box_cover(body.along, body.across, (1e3, body.half[1] - 0.2), body.step_m)
    cross = np.maximum(body.lines(body.car.length_m / 4.5, 0.35), np.abs(body.along) > body.half[0] - 0.5)
    solid = np.clip(beam + side + cross, 0, 1)
    return height * np.where(solid > 0.5, 1, 0.75), coat * (0.3 + 0.7 * solid)


def _flat(body: Body) -> tuple[Array, Array]:
    height, coat = _skeleton(body) if body.livery.random() < 0.25 else _deck(body)
    if body.own.random() < 0.3:
        return height, coat
    return (height, coat) if body.livery.random() < 0.5 else _cargo(body, height, coat)


def _cargo(body: Body, height: Array, coat: Array) -> tuple[Array, Array]:
    """Crates, machines, pipes and coils standing on a deck."""
    own = body.own
    for _ in range(int(own.integers(1, 5))):
        half = float(own.uniform(0.6, body.half[0] * 0.45)), float(own.uniform(0.5, body.half[1] * 0.95))
        middle = float(own.uniform(-1, 1)) * (body.half[0] - half[0])
        cover = box_cover(body.along - np.float32(middle), body.across, half, body.step_m)
        colour = palette.vary(own, palette.pick(own, palette.BODY), 0.25)
        coat = coat + cover * (body.coat(colour) * (1 + 0.1 * body.noise(0.2)) - coat)
        height = np.where(cover > 0.5, FLOOR_M + float(own.uniform(0.5, 2.4)), height)
    return height, coat


def _containers(body: Body) -> tuple[Array, Array]:
    """ISO boxes (6.06 and 12.19 m by 2.44 m, 2.59 or 2.90 m high) on a skeleton; some places empty."""
    own = body.own
    height, coat = _skeleton(body)
    if body.livery.random() < 0.25:
        return height, coat
    place = -body.half[0] + 0.2
    while place + 6.1 < body.half[0]:
        room = body.half[0] - place
        length = 12.19 if room > 12.3 and own.random() < 0.6 else 6.06
        if own.random() > 0.15:
            middle = np.float32(place + length / 2)
            cover = box_cover(body.along - middle, body.across, (length / 2, 1.22), body.step_m)
            box = body.coat(palette.vary(own, palette.pick(own, palette.BODY), 0.2))
            box = _weather(body, box * (1 - 0.12 * body.lines(0.28 if body.step_m < 0.12 else 0.9, 0.14)), 0.5)
            coat = coat + cover * (box - coat)
            height = np.where(cover > 0.5, body.car.height_m + float(own.choice([2.59, 2.59, 2.9])), height)
        place += length + float(own.uniform(0.08, 0.6))
    return height.astype(np.float32), coat


def _tarped(body: Body) -> tuple[Array, Array]:
    """A tarp over bows or goods: ridge or heap, folds across, sag between the bows, hem flapping over the rim."""
    livery, own, (half_length, half_width) = body.livery, body.own, body.half
    ridge = float(livery.uniform(0, 0.8) * own.uniform(0.6, 1.2))
    power = float(livery.uniform(1, 2.5))
    sag = float(livery.uniform(0, 0.22))
    bow = float(livery.uniform(1.2, 3.5))
    height = body.car.height_m + ridge * (1 - (np.abs(body.across) / half_width) ** power)
    height = height - sag * (0.5 - 0.5 * np.cos(body.along / bow * 2 * np.pi + float(own.uniform(0, 6))))
    folds = white_noise(own, body.along.shape, 0.25 / body.step_m) + 0.6 * np.sin(
        body.along * float(own.uniform(3, 9)) + 2.0 * body.noise(0.9)
    )
    height = height + float(own.uniform(0.01, 0.06)) * folds
    height = height - 0.5 * ramp(np.abs(body.along), half_length - 0.45, half_length + 0.3)
    base = palette.pick(livery if livery.random() < 0.7 else own, palette.TARP)
    coat = body.coat(palette.vary(own, base, 0.15)) * (1 + 0.06 * body.noise(0.3))
    if own.random() < 0.25:
        patch = np.abs(body.along - np.float32(own.uniform(-1, 1) * half_length)) < own.uniform(0.5, 3)
        coat = np.where(patch, body.coat(palette.vary(own, palette.pick(own, palette.TARP), 0.2)), coat)
    if own.random() < 0.4:
        coat = coat * (1 + float(own.uniform(-0.3, 0.4)) * body.lines(float(own.uniform(1.0, 2.5)), 0.1))
    return height.astype(np.float32), coat


def _locomotive(body: Body) -> tuple[Array, Array]:
    livery, (half_length, half_width) = body.livery, body.half
    height = body.car.height_m - 0.35 * (body.across / half_width) ** 4
    colour = palette.vary(livery, palette.pick(livery, palette.BODY))
    coat = _weather(body, body.coat(colour))
    roof = box_cover(body.along, body.across, (half_length - 1.6, half_width - 0.35), body.step_m)
    coat = coat + roof * (tint(palette.vary(livery, palette.STEEL, 0.4), body.bands) - coat) * 0.85
    hood = livery.random() < 0.4
    if hood:
        long_hood = (body.along < half_length * 0.45) & (np.abs(body.across) > half_width * 0.62)
        height = np.where(long_hood, 1.5, height)
        coat = np.where(long_hood, body.coat(palette.OIL), coat)
    for _ in range(int(livery.integers(2, 6))):
        at = float(livery.uniform(-0.8, 0.8)) * half_length
        fan = np.hypot(body.along - np.float32(at), body.across) < float(livery.uniform(0.3, 0.75))
        coat = np.where(fan, coat * float(livery.uniform(0.25, 0.7)), coat)
    return height.astype(np.float32), coat


# How each shape is painted.
SHAPES: dict[Shape, Callable[[Body], tuple[Array, Array]]] = {
    Shape.BOX: _box,
    Shape.GONDOLA: _gondola,
    Shape.HOPPER: _hopper,
    Shape.COVERED_HOPPER: _covered_hopper,
    Shape.TANK: _tank,
    Shape.FLAT: _flat,
    Shape.CONTAINER: _containers,
    Shape.TARPED: _tarped,
    Shape.LOCOMOTIVE: _locomotive,
}
