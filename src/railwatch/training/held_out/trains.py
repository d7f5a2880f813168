"""Which vehicles stand where at either date."""

from dataclasses import dataclass

import numpy as np

from railwatch.training.held_out.bodies import relief
from railwatch.training.held_out.field import Field, Material, Points, patch, point_at
from railwatch.training.held_out.layout import Way, free_stretches
from railwatch.training.held_out.site import Site
from railwatch.training.held_out.stock import SOOT, Vehicle, vehicle
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between

COUPLER_M = 1.0
# Bogies or axles stand so far from the middle, of a body's length: there a body is on the axis of its track.
PIVOT = 0.36


@dataclass(frozen=True)
class Standing:
    """A vehicle on a track.

    Attributes:
        track: the track's name.
        vehicle: what it is.
        bodies: middle and direction (radians from x towards y) of each of its bodies.
        coupled_to: where the vehicle behind it begins, if it is coupled to one.
    """

    track: str
    vehicle: Vehicle
    bodies: tuple[tuple[Points, float], ...]
    coupled_to: Points | None

    def outline(self) -> Points:
        """(4, 2), corners of the vehicle on the ground, metres."""
        (first, turn_first), (last, turn_last) = self.bodies[0], self.bodies[-1]
        half, side = self.vehicle.body_m / 2, self.vehicle.width_m / 2
        ahead = np.array([np.cos(turn_first), np.sin(turn_first)])
        behind = np.array([np.cos(turn_last), np.sin(turn_last)])
        corners = [
            first - ahead * half - _right(ahead) * side,
            last + behind * half - _right(behind) * side,
            last + behind * half + _right(behind) * side,
            first - ahead * half + _right(ahead) * side,
        ]
        return np.array(corners)


def timetable(rng: np.random.Generator, style: Style, site: Site) -> tuple[list[Standing], list[Standing]]:
    """The vehicles at the tile's date and at the baseline's."""
    now: list[Standing] = []
    before: list[Standing] = []
    for way in site.ways:
        chance = style.occupied * (0.2 if way.main else 1.0)
        cuts = _cuts(rng, style, way, site.dust) if rng.random() < chance else []
        now += [car for cut in cuts for car in cut]
        if cuts and rng.random() < style.stays:
            before += [car for cut in cuts if rng.random() < 0.8 for car in cut]
        elif rng.random() < 0.35 * max(style.occupied, 0.4):
            before += [car for cut in _cuts(rng, style, way, site.dust) for car in cut]
    return now, before


def _cuts(rng: np.random.Generator, style: Style, way: Way, dust: float) -> list[list[Standing]]:
    """Cuts on the free stretches of a track, until enough of it is filled."""
    names, weights = list(style.fleet), np.array(list(style.fleet.values()))
    narrow = float(np.clip(0.72 + 0.28 * (way.gauge_m - 1.0) / 0.435, 0.86, 1.02))
    found = []
    for first, last in free_stretches(way):
        filled = between(rng, *style.filled)
        along = first + 2 + between(rng, 0, max(0.1, (1 - filled) * (last - first) * 0.5))
        while along < last - 8:
            cut: list[Standing] = []
            block = rng.random() < style.block
            name = str(rng.choice(names, p=weights / weights.sum()))
            model = vehicle(rng, name, narrow=narrow, dust=dust)
            for _ in range(int(rng.integers(1, 4) if filled < 0.3 else rng.integers(2, 22))):
                if block:
                    car = vehicle(rng, name, narrow=narrow, dust=dust)
                    same = {"length_m": model.length_m, "width_m": model.width_m, "height_m": model.height_m}
                    paint = model.paint if rng.random() < 0.75 else car.paint
                    car = Vehicle(
                        car.kind,
                        gap_m=model.gap_m,
                        paint=paint,
                        load=model.load,
                        filled=model.filled,
                        seed=car.seed,
                        **same,
                    )
                else:
                    car = vehicle(rng, str(rng.choice(names, p=weights / weights.sum())), narrow=narrow, dust=dust)
                if along + car.length_m > last - 2:
                    along = last
                    break
                behind = point_at(way.line, np.array([along - car.gap_m]))[0] if cut else None
                cut.append(_placed(way, car, along, behind))
                along += car.length_m + car.gap_m
            found.append(cut)
            along += between(rng, 2.5, 12) if rng.random() < filled else between(rng, 20, 120)
    return found


def _placed(way: Way, car: Vehicle, start_m: float, behind: Points | None) -> Standing:
    bodies = []
    inner = car.gap_m * 0.6
    for number in range(car.kind.bodies):
        middle = start_m + car.body_m / 2 + number * (car.body_m + inner)
        pivots = point_at(way.line, np.array([middle - PIVOT * car.body_m, middle + PIVOT * car.body_m]))
        forward = pivots[1] - pivots[0]
        bodies.append((pivots.mean(axis=0), float(np.arctan2(forward[1], forward[0]))))
    return Standing(way.id, car, tuple(bodies), behind)


def paint(field: Field, cars: list[Standing]) -> None:
    """Put vehicles on a field; the first is number 1."""
    for number, car in enumerate(cars, start=1):
        size = car.vehicle
        ends = [at - np.array([np.cos(turn), np.sin(turn)]) * size.body_m / 2 for at, turn in car.bodies]
        if car.coupled_to is not None:
            field.draw(np.array([car.coupled_to, ends[0]]), 0.35, SOOT, COUPLER_M)
        for body, (at, turn) in enumerate(car.bodies):
            u, v, xy = patch(at, turn, size.body_m / 2, size.width_m / 2, field.step_m)
            height, colour = relief(size, u, v, body)
            field.put(xy, height=height, colour=colour, material=Material.CAR, owner=number)
            if body:
                field.draw(np.array([ends[body] - np.array([np.cos(turn), np.sin(turn)]), ends[body]]), 0.6, SOOT, 1.1)


def _right(forward: Points) -> Points:
    return np.array([-forward[1], forward[0]])
