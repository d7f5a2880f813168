"""Past surges, and the end of one that lasts."""

import numpy as np
import pytest

from railwatch.services.alerting.rule.surges import anscombe_residuals, quiet_probability, surge_probability


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
