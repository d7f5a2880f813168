"""The rolling threshold as a pure function of quiet looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.rule.regression import QuietLooks
from railwatch.services.alerting.rule.surges import anscombe_residuals, quiet_probability, surge_probability
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


def test_a_shaky_count_must_clear_a_higher_bound() -> None:
    looks = quiet([8.0, 12, 10, 7, 11, 13, 9, 10] * 3)
    sure, shaky = (predict(looks, next_year(looks), 1.0, error).threshold(0.01) for error in (0.0, 25.0))
    assert shaky > sure + 2


def test_a_shaky_count_moves_the_baseline_less() -> None:
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


def test_one_high_look_is_mostly_kept_and_a_run_is_set_aside() -> None:
    one = quiet_probability(np.array([0.2, -0.5, 2.5, 0.1, -0.3, 0.4]))
    run = quiet_probability(np.array([0.2, -0.5, 4.0, 4.5, 3.8, -0.4]))
    assert one[2] > 0.5
    assert max(run[2:5]) < 0.05
    assert min(run[0], run[1], run[5]) > 0.8


def test_a_surge_is_over_when_the_looks_are_ordinary_again() -> None:
    counts, means = np.array([32.0, 35.0, 33.0, 10.0, 11.0]), np.full(5, 10.0)
    assert surge_probability(counts[:3], means[:3], 2.6, lasted=2) > 0.99
    assert surge_probability(counts[:4], means[:4], 2.6, lasted=3) < 0.5


def test_a_surge_that_has_lasted_is_known_by_its_own_level() -> None:
    surge = [28.0, 31.0, 22.0, 35.0, 26.0, 30.0, 24.0, 29.0]
    means = np.full(9, 4.5)
    assert surge_probability(np.array([*surge, 13.0]), means, 8.0, lasted=8) > 0.9
    assert surge_probability(np.array([*surge[:2], 13.0]), means[:3], 8.0, lasted=2) < 0.9


def test_no_single_look_ends_a_surge_that_has_lasted_and_two_do() -> None:
    surge, means = [94.0] * 12, np.full(14, 30.0)
    assert surge_probability(np.array([*surge, 0.0]), means[:13], 8.0, lasted=12) > 0.5
    assert surge_probability(np.array([*surge, 0.0, 31.0]), means, 8.0, lasted=13) < 0.5


def test_anscombe_residuals_standardise_counts() -> None:
    rng = np.random.default_rng(5)
    counts = rng.negative_binomial(12.0 / 2.0, 1 / 3.0, size=4000).astype(float)
    residuals = anscombe_residuals(counts, np.full(4000, 12.0), np.full(4000, 3.0))
    assert residuals.std() == pytest.approx(1.0, abs=0.1)
    assert abs(residuals.mean()) < 0.15
