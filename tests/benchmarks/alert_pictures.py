"""The pictures of docs/alerting.md, from simulated series: `python -m tests.benchmarks.alert_pictures docs/images`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from railwatch.cli.alerts_plot import draw as draw_history
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.rule.series import judge_series
from railwatch.shared.events import Look
from tests.benchmarks.alert_series import draw

START = datetime(2021, 1, 4, tzinfo=UTC)


def surges() -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """A surge while the site was still learning, a small one and a large one later."""
    means = np.full(70, 10.0)
    means[9:13], means[38:42], means[55:62] = 45.0, 24.0, 50.0
    return np.cumsum(np.tile([3.0, 9.0, 5.0, 7.0, 12.0], 14)), means, 2.0


def season() -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Three years with a season, and a surge at the end to a height that the season reaches at its peak."""
    days = np.arange(0, 1090, 9.0)
    means = 20 * (1 + 0.45 * np.sin(2 * np.pi * days / 365.25))
    means[-6:] = 34.0
    return days, means, 1.5


def slow_rise() -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """A year of quiet, then a rise to twice the level over half a year."""
    return 7.0 * np.arange(80, dtype=np.float64), np.concatenate((np.full(54, 14.0), np.linspace(14, 28, 26))), 2.0


def year_long() -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Half a year of quiet, then a surge of a year."""
    return 7.0 * np.arange(80, dtype=np.float64), np.concatenate((np.full(26, 9.0), np.full(54, 36.0))), 2.5


PICTURES = {
    "alerting-surges": ("Simulated: a surge during learning, two later", surges, 1),
    "alerting-season": ("Simulated: three years with a season, and a surge out of season", season, 2),
    "alerting-slow-rise": ("Simulated: a slow rise", slow_rise, 16),
    "alerting-year": ("Simulated: a surge of a year", year_long, 4),
}


def main(folder: Path) -> None:
    """Draw them all."""
    for name, (title, series, seed) in PICTURES.items():
        days, means, dispersion = series()
        counts = draw(np.random.default_rng(seed), means, dispersion)
        looks = [
            Look(observed_at=START + timedelta(days=float(day)), count=float(count), low=None, high=None, coverage=1.0)
            for day, count in zip(days, counts, strict=True)
        ]
        draw_history(judge_series(looks, Rule()), folder / f"{name}.png", rate=Rule().false_alarm_rate, title=title)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
