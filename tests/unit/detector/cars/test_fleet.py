import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.detector.cars.fleet import fleet_of
from railwatch.services.detector.cars.lengths import LENGTHS, length_prior
from railwatch.services.detector.cars.reading import IN_DOUBT
from railwatch.services.detector.cars.scores import Evidence, Weights
from railwatch.services.detector.cars.segmentation import decode
from railwatch.services.detector.tracks.strips import SAMPLE_M

WEIGHTS = Weights(train_scale=0.3, train_bias=0.0, gap_scale=0.8, gap_bias=0.0, cut=-2.5, couple=0.0, alike=8.0)
METRES = LENGTHS * SAMPLE_M


def cut(cars: int, length: int, faint: tuple[int, ...] = (), faintly: float = 0.0) -> Evidence:
    """A cut of cars so many samples long, with gaps of two samples; those after some cars show only faintly."""
    samples = 20 + cars * (length + 2) + 20
    train, gap = np.full((1, samples), -4.0), np.full((1, samples), -3.0)
    for car in range(cars):
        start = 20 + car * (length + 2)
        train[0, start : start + length + 2] = 4.0
        gap[0, start + length : start + length + 2] = faintly if car in faint else 3.0
    train[0, 20 + cars * (length + 2) - 2 :] = -4.0
    everywhere = np.ones(train.shape, dtype=bool)
    return Evidence(train, gap, everywhere, everywhere)


def number(evidence: Evidence, prior: np.ndarray | None = None) -> int:
    return len(decode(evidence, WEIGHTS, prior)[0].cars)


def test_a_faint_gap_between_short_cars_is_told_by_the_cars_whose_gaps_are_clear() -> None:
    evidence = cut(12, 15, faint=(2, 5, 8), faintly=-1.6)

    assert number(evidence) < 12
    assert number(evidence, fleet_of(evidence, WEIGHTS).prior) == 12


def test_cars_of_another_date_tell_what_the_tile_leaves_in_doubt() -> None:
    evidence, clear = cut(4, 15, faint=(0, 2), faintly=-0.6), cut(12, 15)
    alone, told = fleet_of(evidence, WEIGHTS), fleet_of(evidence, WEIGHTS, before=(clear, WEIGHTS))

    assert number(evidence, alone.prior) == 2
    assert alone.chance > IN_DOUBT
    assert number(evidence, told.prior) == 4


def test_an_empty_track_of_another_date_tells_nothing() -> None:
    evidence = cut(6, 15, faint=(0, 2, 4), faintly=-1.2)
    alone, told = fleet_of(evidence, WEIGHTS), fleet_of(evidence, WEIGHTS, before=(cut(0, 15), WEIGHTS))

    np.testing.assert_allclose(told.prior, alone.prior)
    assert told.chance == alone.chance


def test_long_cars_are_not_taken_for_two_short_ones() -> None:
    evidence = cut(8, 32)

    assert number(evidence, fleet_of(evidence, WEIGHTS).prior) == 8


def test_the_lengths_that_a_site_expects_tell_two_short_cars_from_a_long_one() -> None:
    evidence = cut(6, 15, faint=(0, 2, 4), faintly=-2.5)

    assert number(evidence, fleet_of(evidence, WEIGHTS).prior) == 3
    assert number(evidence, fleet_of(evidence, WEIGHTS, (7.0, 9.5)).prior) == 6
    assert number(evidence, fleet_of(evidence, WEIGHTS, (14.0, 18.0)).prior) == 3


def test_where_short_cars_are_as_likely_as_long_ones_the_number_is_in_doubt() -> None:
    clear, unclear = cut(8, 32), cut(6, 15, faint=(0, 2, 4), faintly=-1.2)

    assert fleet_of(clear, WEIGHTS).chance < 0.02
    assert fleet_of(unclear, WEIGHTS).chance > 0.05


def test_empty_tracks_tell_nothing_of_lengths() -> None:
    fleet = fleet_of(cut(0, 15), WEIGHTS)

    np.testing.assert_allclose(fleet.prior, length_prior())
    assert fleet.other is None


@given(st.integers(1, 12), st.integers(14, 50), st.floats(-3, 3))
def test_a_fleet_is_a_prior_under_which_any_car_may_come(cars: int, length: int, faintly: float) -> None:
    fleet = fleet_of(cut(cars, length, faint=tuple(range(cars)), faintly=faintly), WEIGHTS)

    for prior in (fleet.prior, fleet.other):
        if prior is not None:
            assert prior.sum() == pytest.approx(1)
            assert (prior > 0).all()
    assert 0 <= fleet.chance <= 0.5


@given(st.floats(6.5, 25), st.floats(1, 6))
def test_nine_in_ten_cars_have_the_lengths_that_a_site_expects(shortest_m: float, range_m: float) -> None:
    prior = length_prior((shortest_m, shortest_m + range_m))

    assert prior.sum() == pytest.approx(1)
    assert prior[(shortest_m - 1.5 <= METRES) & (shortest_m + range_m >= METRES)].sum() >= 0.9


def test_lengths_that_no_car_has_are_no_reason_to_expect_none() -> None:
    np.testing.assert_allclose(length_prior((40.0, 50.0)), 1 / len(LENGTHS))
