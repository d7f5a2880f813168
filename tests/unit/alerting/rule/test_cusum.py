"""The cumulative sum for slow rises."""

import numpy as np
import pytest

from railwatch.services.alerting.rule.cusum import limit, next_sum


def test_one_look_however_high_does_not_lift_the_sum_above_its_limit() -> None:
    assert 0 < next_sum(0.0, 0.0, 0.0) == next_sum(0.0, 1e-12, 0.0) < limit(0.001)


def test_the_sum_never_falls_below_zero() -> None:
    assert next_sum(0.2, 0.99, 0.0) == 0.0


def test_an_uncertain_expectation_adds_less() -> None:
    assert next_sum(1.0, 0.05, 0.5) < next_sum(1.0, 0.05, 0.0)


def test_a_quiet_site_exceeds_the_limit_at_about_the_rate() -> None:
    rate, total, exceeded, n = 0.01, 0.0, 0, 40_000
    for p_value in np.random.default_rng(3).uniform(size=n):
        total = next_sum(total, float(p_value), 0.0)
        exceeded += total > limit(rate)
    assert exceeded / n == pytest.approx(rate, rel=0.5)
