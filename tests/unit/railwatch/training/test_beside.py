"""What is painted beside a track leaves the track free, and may shade it."""

import numpy as np

from railwatch.services.detector.cars.wide import WIDE_ACROSS_M, WIDTH
from railwatch.training.beside import CLEAR_M, Thing, stand_beside, things_beside
from railwatch.training.painting import Look, flat, painted

ROWS = 400
EMPTY = np.full((ROWS, WIDTH, 3), 0.4, np.float32)
DARK = np.full(3, 0.05, np.float32)
SHED = Thing((40.0, 60.0), (3.0, 6.0), 4.0, np.full(3, 0.5, np.float32), domed=False, mottle=0.0)


def test_nothing_but_crowns_stands_where_cars_do() -> None:
    for seed in range(40):
        for thing in things_beside(np.random.default_rng(seed), 300.0):
            near_m = min(abs(edge) for edge in thing.across_m)
            assert near_m >= CLEAR_M or thing.domed
            assert thing.across_m[0] * thing.across_m[1] > 0
            assert thing.along_m[0] < thing.along_m[1]


def test_a_shed_covers_its_ground_and_shades_the_track_beside_it() -> None:
    relief, rng = flat(ROWS), np.random.default_rng(0)
    stand_beside(relief, [SHED], rng)

    values, covered = painted(EMPTY, relief, Look(np.array([0.0, -1.0]), 0.2, 0.0, 1.0, 0.1, 0.0, 0.0), DARK, rng)

    rows, track = slice(4 * 44, 4 * 56), np.abs(WIDE_ACROSS_M - 1.5) < 0.5
    assert covered[rows][:, (WIDE_ACROSS_M > 3.3) & (WIDE_ACROSS_M < 5.7)].all()
    assert not covered[:, WIDE_ACROSS_M < 2.5].any()
    assert values[rows][:, track].max() < 0.25
    assert values[: 4 * 30][:, track].min() > 0.35


def test_what_lies_beyond_the_strip_is_left_out() -> None:
    relief = flat(ROWS)

    stand_beside(
        relief,
        [Thing((500.0, 520.0), (3.0, 6.0), 4.0, SHED.reflectance, domed=True, mottle=0.1)],
        np.random.default_rng(0),
    )

    assert not relief.cover.any()
