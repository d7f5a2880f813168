"""Simulated series of counts with known surges, for measuring alerting. Simulated: they say nothing of any real site.

Counts are negative binomial (railcars come in cuts). Means run from 1.5 to 40, variance over mean from 1 to 5; some
series have a trend or a yearly season; looks are 1 to 14 days apart; half of the series have an unlabelled surge within
the 20 looks of warm-up. Then comes one outbreak of 2 to 10 standard deviations that lasts 3 to 12 looks.

The families differ in how all that is drawn, so that no rule can be fitted to one of them unnoticed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

WARM_UP = 20


@dataclass(frozen=True)
class Series:
    """One simulated site.

    Attributes:
        days: time of each look, shape (n,).
        counts: counts, shape (n,).
        means: quiet means, shape (n,).
        dispersion: variance over mean.
        start: first look of the outbreak.
        stop: first look after it.
        size_sd: height of the outbreak in standard deviations of the quiet counts.
    """

    days: NDArray[np.float64]
    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    dispersion: float
    start: int
    stop: int
    size_sd: float

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Looks after the warm-up and outside the outbreak, shape (n,)."""
        places = np.arange(len(self.days))
        return (places >= WARM_UP) & ((places < self.start) | (places >= self.stop))


@dataclass(frozen=True)
class _Site:
    """What a family draws: level, dispersion, days between looks, yearly log trend, and the season's amplitude."""

    mean: float
    dispersion: float
    gaps: NDArray[np.float64]
    trend: float
    season: float


def _even(rng: Generator, n: int) -> _Site:
    mean = float(np.exp(rng.uniform(np.log(1.5), np.log(40))))
    gaps = rng.integers(1, 15, n).astype(np.float64)
    return _Site(mean, rng.uniform(1, 5), gaps, _sometimes(rng, -0.5, 0.5), _sometimes(rng, 0.1, 0.5))


def _busy(rng: Generator, n: int) -> _Site:
    gaps = np.clip(rng.gamma(4, rng.uniform(1, 14) / 4, n), 1, 14)
    return _Site(rng.uniform(1.5, 40), rng.uniform(1, 5), gaps, _sometimes(rng, -0.5, 0.5), _sometimes(rng, 0.1, 0.5))


def _grid(rng: Generator, n: int) -> _Site:
    mean, dispersion = float(rng.choice([1.5, 3, 6, 12, 25, 40])), float(rng.choice([1, 1.5, 2, 3, 5]))
    gaps = np.where(rng.random(n) < 0.8, rng.choice([2, 5, 7, 10]), rng.integers(1, 15, n)).astype(np.float64)
    return _Site(mean, dispersion, gaps, _sometimes(rng, -0.3, 0.6), _sometimes(rng, 0.2, 0.4))


FAMILIES: dict[str, Callable[[Generator, int], _Site]] = {"even": _even, "busy": _busy, "grid": _grid}


def simulate(family: str, seed: int) -> Series:
    """The series of a family and a seed."""
    rng = np.random.default_rng([list(FAMILIES).index(family), seed])
    n = WARM_UP + int(rng.integers(40, 121))
    site = FAMILIES[family](rng, n)
    days = np.cumsum(site.gaps)
    years = days / 365.25
    means = site.mean * np.exp(site.trend * years) * (1 + site.season * np.sin(2 * np.pi * (years + rng.random())))
    sds = np.sqrt(site.dispersion * means)
    surplus = np.zeros(n)
    if rng.random() < 0.5:
        lasts = int(rng.integers(2, 9))
        begins = int(rng.integers(0, WARM_UP - lasts + 1))
        surplus[begins : begins + lasts] = rng.uniform(2, 10) * sds[begins : begins + lasts]
    lasts = int(rng.integers(3, 13))
    start = int(rng.integers(WARM_UP + 2, n - lasts))
    size_sd = float(np.exp(rng.uniform(np.log(2), np.log(10))))
    surplus[start : start + lasts] += size_sd * sds[start : start + lasts]
    return Series(
        days=days,
        counts=draw(rng, means + surplus, site.dispersion),
        means=means,
        dispersion=site.dispersion,
        start=start,
        stop=start + lasts,
        size_sd=size_sd,
    )


def draw(rng: Generator, means: NDArray[np.float64], dispersion: float) -> NDArray[np.float64]:
    """Negative binomial counts, Poisson where the dispersion is 1."""
    if dispersion <= 1.001:
        return rng.poisson(means).astype(np.float64)
    return rng.negative_binomial(means / (dispersion - 1), 1 / dispersion).astype(np.float64)


def _sometimes(rng: Generator, low: float, high: float) -> float:
    return rng.uniform(low, high) if rng.random() < 0.4 else 0.0
