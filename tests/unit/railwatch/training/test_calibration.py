"""Intervals cover new scenes as often as they claim, and are wide where the entropy of the evidence was high."""

import numpy as np
import pytest

from railwatch.services.detector.cars.intervals import Calibration, Posterior
from railwatch.training.calibrate import Tally, calibrate


def scenes(seed: int, number: int) -> list[Tally]:
    """Scenes whose error grows with the count and with the entropy of their evidence."""
    chance = np.random.default_rng(seed)
    tallies = []
    for _ in range(number):
        true, entropy = float(chance.integers(5, 150)), float(chance.choice([0.005, 0.01, 0.1, 0.2]))
        count = max(round(true * (1 + chance.normal(0, 0.3 * entropy))), 0)
        tallies.append(Tally(count, Posterior(count, 0.2, entropy * 1000, 1000), true))
    return tallies


def widths(calibration: Calibration, entropy: float) -> float:
    low, high = calibration.interval(100, Posterior(100, 0.2, entropy * 1000, 1000))
    return high - low


def test_intervals_cover_nine_of_ten_new_scenes() -> None:
    calibration = calibrate(scenes(1, 400))

    ends = [(calibration.interval(tally.count, tally.posterior), tally.true) for tally in scenes(2, 2000)]

    assert np.mean([low <= true <= high for (low, high), true in ends]) == pytest.approx(0.9, abs=0.05)


def test_intervals_are_wide_where_entropy_goes_with_error_and_narrow_elsewhere() -> None:
    calibration = calibrate(scenes(1, 400))

    assert widths(calibration, 0.2) > 3 * widths(calibration, 0.01)


def test_without_scenes_with_cars_the_calibration_is_the_default() -> None:
    empty = [Tally(0, Posterior(0, 0, 0, 1000), 0.0)] * 20

    assert calibrate(empty) == Calibration()
