"""Trains: cuts of coupled cars on tracks, block or mixed, with empty track between them."""

import numpy as np

from railwatch.render.rolling_stock import FLEETS, LOCOMOTIVES, CarType, RenderedCar, Shape
from railwatch.render.yard import RenderedTrack, distances, position

# Distance of the bogies as a share of the body's length. On a curve a car stands on the chord between them.
BOGIE_SHARE = 0.7


def couple(
    rng: np.random.Generator, fleet: str, cars: int, *, shapes: tuple[Shape, ...] = ()
) -> list[tuple[CarType, int]]:
    """A cut: types with their livery. About half of the cuts are block trains; the others are runs of equal cars.

    Args:
        rng: source of chance.
        fleet: a key of `FLEETS`.
        cars: how many.
        shapes: if given, only cars of these shapes.
    """
    types = [kind for kind in FLEETS[fleet] if not shapes or kind.shape in shapes]
    types = types or [kind for fleet_types in FLEETS.values() for kind in fleet_types if kind.shape in shapes]
    block = rng.random() < 0.5
    cut: list[tuple[CarType, int]] = []
    while len(cut) < cars:
        kind = types[int(rng.integers(len(types)))]
        run = cars if block else int(rng.integers(1, 6))
        cut.extend([(kind, int(rng.integers(1 << 30)))] * min(run, cars - len(cut)))
    if not shapes and rng.random() < 0.12:
        cut[0] = (LOCOMOTIVES[int(rng.integers(len(LOCOMOTIVES)))], int(rng.integers(1 << 30)))
    return cut


def set_down(
    rng: np.random.Generator, track: RenderedTrack, start_m: float, end_m: float, cut: list[tuple[CarType, int]]
) -> list[RenderedCar]:
    """Put a cut on a track from `start_m` on. Cars that would end after `end_m` are left out."""
    cars: list[RenderedCar] = []
    at = start_m
    previous_half_gap = 0.0
    total = distances(track.points_m)[-1]
    tight = rng.random()
    last: tuple[CarType, int] | None = None
    body = width = height = 0.0
    for kind, livery in cut:
        if last != (kind, livery):
            low, high = kind.coupling_m
            gap = low + (high - low) * (0.6 * tight + 0.4 * rng.random())
            body = float(rng.uniform(*kind.over_couplers_m)) - gap
            width, height = float(rng.uniform(*kind.width_m)), float(rng.uniform(*kind.height_m))
            last = (kind, livery)
        slack = float(rng.uniform(-0.08, 0.12))
        begin = at + (previous_half_gap + gap / 2 + slack if cars else 0.0)
        if begin + body > min(end_m, total):
            break
        middle = begin + body / 2
        pivots = position(track.points_m, np.array([middle - BOGIE_SHARE * body / 2, middle + BOGIE_SHARE * body / 2]))
        centre, axis = pivots.mean(axis=0), pivots[1] - pivots[0]
        turned = np.pi if rng.random() < 0.5 and kind.shape is not Shape.LOCOMOTIVE else 0.0
        cars.append(
            RenderedCar(
                kind=kind.name,
                shape=kind.shape,
                track=track.id,
                x_m=float(centre[0]),
                y_m=float(centre[1]),
                heading_rad=float(np.arctan2(axis[1], axis[0]) + turned),
                along_m=middle,
                length_m=body,
                width_m=width,
                height_m=height,
                livery=livery,
                seed=int(rng.integers(1 << 30)),
            )
        )
        at, previous_half_gap = begin + body, gap / 2
    return cars


def park(
    rng: np.random.Generator,
    tracks: tuple[RenderedTrack, ...],
    cars: int,
    *,
    fleet: str = "mixed",
    shapes: tuple[Shape, ...] = (),
    beside: tuple[RenderedCar, ...] = (),
) -> tuple[RenderedCar, ...]:
    """Put about `cars` cars in cuts on free track.

    Args:
        rng: source of chance.
        tracks: the yard.
        cars: the largest number; fewer if the tracks are full.
        fleet: a key of `FLEETS`.
        shapes: if given, only cars of these shapes.
        beside: cars that are already there and stay.
    """
    free = [(track, float(a), float(b)) for track in tracks for a, b in _free_stretches(track, beside)]
    parked: list[RenderedCar] = []
    while len(parked) < cars and free:
        index = int(rng.integers(len(free)))
        track, start, end = free.pop(index)
        if end - start < 13:
            continue
        wanted = min(int(rng.geometric(0.12)) if rng.random() < 0.8 else 1, cars - len(parked))
        begin = start + float(rng.uniform(0, 1)) * max(0.0, end - start - 14 * wanted) * float(rng.random() < 0.75)
        placed = set_down(rng, track, begin, end, couple(rng, fleet, wanted, shapes=shapes))
        if not placed:
            continue
        parked.extend(placed)
        apart = float(rng.uniform(2.5, 25) if rng.random() < 0.7 else rng.uniform(25, 80))
        first, last = placed[0], placed[-1]
        free.append((track, start, first.along_m - first.length_m / 2 - apart))
        free.append((track, last.along_m + last.length_m / 2 + apart, end))
    return tuple(parked)


def _free_stretches(track: RenderedTrack, beside: tuple[RenderedCar, ...]) -> list[tuple[float, float]]:
    free = [(float(a), float(b)) for a, b in track.clear]
    for car in (car for car in beside if car.track == track.id):
        low, high = car.along_m - car.length_m / 2 - 1.0, car.along_m + car.length_m / 2 + 1.0
        free = [part for a, b in free for part in ((a, min(b, low)), (max(a, high), b)) if part[1] > part[0]]
    return free
