"""The rolling threshold as a pure function of quiet looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.rule.regression import QuietLooks
from railwatch.services.alerting.rule.threshold import predict

COUNTS = st.lists(st.integers(0, 60), min_size=8, max_size=40)


def quiet(counts: list[float], *, every_days: float = 7.0, error: float = 0.0, coverage: float = 1.0) -> QuietLooks:
    n = len(counts)
    return QuietLooks(
        years=every_days / 365.25 * np.arange(n, dtype=np.float64),
        counts=np.array(counts, dtype=float),
        coverage=np.full(n, coverage),
        error_variance=np.full(n, error),
    )


def next_year(looks: QuietLooks) -> float:
    return float(looks.years[-1]) + 7 / 365.25


@settings(max_examples=30, deadline=None)
@given(counts=COUNTS, count=st.integers(0, 150), rate=st.sampled_from([0.05, 0.01, 0.005, 0.002]))
def test_a_count_exceeds_its_threshold_exactly_where_its_p_value_is_below_the_rate(
    counts: list[float], count: int, rate: float
) -> None:
    prediction = predict(quiet(counts), next_year(quiet(counts)), 1.0, 0.0)
    p_value = prediction.tail(np.array([float(count)]))[0]
    assert (count > prediction.threshold(rate)) == (p_value < rate)


@settings(max_examples=30, deadline=None)
@given(counts=COUNTS)
def test_a_rarer_false_alarm_needs_a_higher_count(counts: list[float]) -> None:
    prediction = predict(quiet(counts), next_year(quiet(counts)), 1.0, 0.0)
    thresholds = [prediction.threshold(rate) for rate in (0.1, 0.05, 0.01, 0.005, 0.002, 0.0001)]
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] > thresholds[0]


@settings(max_examples=30, deadline=None)
@given(counts=COUNTS, low=st.floats(0, 100), more=st.floats(0.01, 50))
def test_a_higher_count_is_never_less_surprising(counts: list[float], low: float, more: float) -> None:
    prediction = predict(quiet(counts), next_year(quiet(counts)), 1.0, 0.0)
    lower, higher = prediction.tail(np.array([low, low + more]))
    assert 0 <= higher <= lower <= 1


def test_few_looks_give_a_wider_bound_than_many() -> None:
    pattern = [8.0, 12, 10, 7, 11, 13, 9, 10]
    few, many = quiet(pattern), quiet(pattern * 8)
    assert predict(few, next_year(few), 1.0, 0.0).threshold(0.01) > predict(many, next_year(many), 1.0, 0.0).threshold(
        0.01
    )


def test_a_site_that_varies_more_has_a_higher_bound() -> None:
    steady, lumpy = quiet([9.0, 11, 10, 10, 11, 9] * 5), quiet([2.0, 18, 5, 15, 0, 20] * 5)
    bounds = [predict(looks, next_year(looks), 1.0, 0.0).threshold(0.01) for looks in (steady, lumpy)]
    assert bounds[1] > bounds[0] + 5


def test_a_past_surge_hardly_raises_the_bound() -> None:
    calm = [8.0, 12, 10, 7, 11, 13, 9, 10] * 4
    surged = [*calm[:12], 55.0, 61.0, 58.0, 49.0, *calm[16:]]
    bounds = [predict(quiet(c), next_year(quiet(c)), 1.0, 0.0).threshold(0.01) for c in (calm, surged)]
    assert bounds[1] == pytest.approx(bounds[0], rel=0.15)


def test_an_uncertain_count_must_clear_a_higher_bound() -> None:
    looks = quiet([8.0, 12, 10, 7, 11, 13, 9, 10] * 3)
    sure, shaky = (predict(looks, next_year(looks), 1.0, error).threshold(0.01) for error in (0.0, 25.0))
    assert shaky > sure + 2


def test_an_uncertain_count_moves_the_baseline_less() -> None:
    calm = [8.0, 12, 10, 7, 11, 13, 9, 10] * 2
    looks = quiet([*calm, 17.0])
    doubted = QuietLooks(looks.years, looks.counts, looks.coverage, np.array([0.0] * len(calm) + [400.0]))
    expected = [predict(each, next_year(looks), 1.0, 0.0).expected for each in (quiet(calm), doubted, looks)]
    assert expected[1] - expected[0] < (expected[2] - expected[0]) / 2


def test_half_the_track_seen_halves_what_is_expected() -> None:
    looks = quiet([8.0, 12, 10, 7, 11, 13, 9, 10] * 3)
    whole, half = (predict(looks, next_year(looks), share, 0.0).expected for share in (1.0, 0.5))
    assert half == pytest.approx(whole / 2)


def test_two_years_of_season_are_expected_to_go_on() -> None:
    days = np.arange(0, 760, 8.0)
    mean = 20 * (1 + 0.5 * np.sin(2 * np.pi * days / 365.25))
    looks = QuietLooks(days / 365.25, np.round(mean), np.ones_like(days), np.zeros_like(days))
    peak, valley = (predict(looks, year, 1.0, 0.0).expected for year in (2.25, 2.75))
    assert peak > 25 > 15 > valley


def test_time_counts_not_the_number_of_looks() -> None:
    rising = [float(round(10 + i / 3)) for i in range(30)]
    weekly, daily = quiet(rising, every_days=14), quiet(rising, every_days=1)
    later = 60 / 365.25
    far = [predict(looks, float(looks.years[-1]) + later, 1.0, 0.0) for looks in (weekly, daily)]
    assert far[0].expected != pytest.approx(far[1].expected, rel=0.01)


def test_an_empty_yard_stays_computable() -> None:
    looks = quiet([0.0] * 60)
    prediction = predict(looks, next_year(looks), 1.0, 0.0)
    assert prediction.expected < 0.5
    assert prediction.threshold(0.01) < 10
