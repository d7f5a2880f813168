"""Lines through a sweep, and one proposal for each track of them."""

import numpy as np
import pytest
from shapely import LineString

from railwatch.siting.proposing.proposing import apart, joined, likely
from railwatch.siting.proposing.ridges import Ridge, ridges
from railwatch.siting.proposing.sweeps import Sweep


def sweep_with(*columns: np.ndarray, rows: int = 40) -> Sweep:
    """A sweep over level ground, rows 5 m and columns 0.25 m apart, with an axis at a column of each row."""
    odds = np.random.default_rng(1).normal(-1.5, 0.4, (rows, 200)).astype(np.float32)
    for line in columns:
        for row, column in enumerate(line):
            odds[row, column - 9 : column + 10] = -5
            odds[row, column] = 2
    return Sweep(odds, np.zeros(2), np.array([0.0, 5.0]), np.array([0.25, 0.0]))


def test_a_track_that_bends_is_one_line_along_it() -> None:
    columns = 60 + np.rint(np.linspace(0, 30, 40)).astype(int)
    (line,) = ridges(sweep_with(columns))
    assert len(line.xy_px) == 40
    assert np.abs(line.xy_px[:, 0] - columns * 0.25).max() < 0.5


def test_two_tracks_side_by_side_are_two_lines() -> None:
    found = list(ridges(sweep_with(np.full(40, 60), np.full(40, 78))))
    assert sorted(round(float(line.xy_px[:, 0].mean()), 1) for line in found) == [15.0, 19.5]


def test_level_ground_has_no_line() -> None:
    assert list(ridges(sweep_with())) == []


def ridge(xy: list[tuple[float, float]], worth: float) -> Ridge:
    return Ridge(np.array(xy), np.full(len(xy), worth, np.float32))


def test_of_two_lines_on_one_track_the_surer_one_stays() -> None:
    line = [(0.0, 5.0 * n) for n in range(10)]
    beside = [(1.0, 5.0 * n) for n in range(10)]
    (kept,) = apart([ridge(beside, 1.0), ridge(line, 2.0)], metres=1.0)
    assert kept.xy_px[:, 0].max() == 0


@pytest.mark.parametrize(
    ("other", "lines"),
    [
        ([(0, 120), (0, 200)], 1),  # straight on after a gap
        ([(0, 200), (0, 120)], 1),  # the same, drawn from its other end
        ([(0, 160), (0, 200)], 2),  # too far away
        ([(5, 110), (5, 200)], 2),  # on the next track
        ([(0, 105), (60, 165)], 2),  # in another direction
    ],
)
def test_what_runs_straight_on_is_one_track(other: list[tuple[float, float]], lines: int) -> None:
    assert len(joined([(LineString([(0, 0), (0, 50), (0, 100)]), 2.0), (LineString(other), 1.0)])) == lines


def test_what_is_half_sure_is_proposed_beside_a_sure_line_only() -> None:
    sure = (LineString([(0, 0), (0, 100)]), 2.0)
    beside, away = (LineString([(5, 0), (5, 90)]), 1.0), (LineString([(40, 0), (40, 90)]), 1.0)
    across = (LineString([(-10, 20), (10, 60)]), 1.0)
    assert likely([away, across, beside, sure]) == [sure, beside]
    assert likely([beside]) == []
