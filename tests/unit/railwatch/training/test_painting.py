"""Painted cars stand where they are said to, and throw their shadow away from the sun."""

from itertools import pairwise

import numpy as np

from railwatch.services.detector.cars.wide import WIDTH
from railwatch.training.painting import Look, flat, painted, stood_on
from railwatch.training.stock import KINDS, random_car
from railwatch.training.trains import Stood, stand

ROWS = 400
EMPTY = np.full((ROWS, WIDTH, 3), 0.4, np.float32)
DARK = np.full(3, 0.05, np.float32)


def look(across_m: float) -> Look:
    return Look(np.array([0.0, across_m]), 0.2, 0.0, 1.0, 0.2, 0.0, 0.0)


def shown(
    cars: list[Stood], light: Look
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    relief, rng = flat(ROWS), np.random.default_rng(0)
    stood_on(relief, cars, light, rng)
    return painted(EMPTY, relief, light, DARK, rng)


def test_every_kind_of_car_covers_its_own_length_of_track() -> None:
    for kind in KINDS:
        car = random_car(np.random.default_rng(1), 1.0, kind)
        _, covered = shown([Stood(car, 50.0, 0.0, coupled=False)], look(0.3))

        rows = np.flatnonzero(covered.any(axis=1)) * 0.25
        assert abs(rows.min() - (50 - car.length_m / 2)) < 1, kind
        assert abs(rows.max() - (50 + car.length_m / 2)) < 1, kind


def test_a_shadow_falls_away_from_the_sun_and_nothing_else_changes() -> None:
    car = random_car(np.random.default_rng(1), 1.0, "box")
    values, _ = shown([Stood(car, 50.0, 0.0, coupled=False)], look(1.0))

    right, left = values[200, WIDTH // 2 + 9, 0], values[200, WIDTH // 2 - 12, 0]
    assert right < 0.25
    assert left > 0.33
    assert np.allclose(values[:80], 0.4, atol=1e-3)


def test_cars_of_a_track_do_not_overlap() -> None:
    for seed in range(30):
        cars = stand(np.random.default_rng(seed), [(0.0, 120.0), (150.0, 400.0)], 0.9, 1.0, 0.0)
        for before, after in pairwise(cars):
            assert after.ends_m[0] - before.ends_m[1] > 0.25
        assert all(car.ends_m[0] >= 0 and car.ends_m[1] <= 400 for car in cars)
