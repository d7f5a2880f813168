"""What alerting is compared with: rules in use, and one that knows the truth. Each tells which looks exceed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import nbinom, poisson

from tests.benchmarks.alert_series import WARM_UP, Series

Flags = NDArray[np.bool_]


def rolling_mean(series: Series) -> Flags:
    """Above mean + 2 sd of the 20 looks before."""
    return _each(series, lambda at: _mean_and_sd(series.counts[at - WARM_UP : at], 2.0))


def ears_c2(series: Series) -> Flags:
    """EARS C2: above mean + 3 sd of seven looks, after a gap of two (Hutwagner et al. 2003)."""
    return _each(series, lambda at: _mean_and_sd(series.counts[at - 9 : at - 2], 3.0, least=0.5))


def median_mad(series: Series) -> Flags:
    """Above median + 3 scaled MAD of the 20 looks before."""

    def bound(at: int) -> float:
        before = series.counts[at - WARM_UP : at]
        median = np.median(before)
        return float(median + 3 * max(1.4826 * np.median(np.abs(before - median)), 1.0))

    return _each(series, bound)


def farrington(series: Series, rate: float = 0.01) -> Flags:
    """Farrington et al. (1996) as it stands: quasi-Poisson with trend, Anscombe weights, bound on the 2/3 power."""

    def bound(at: int) -> float:
        counts, days = series.counts[:at], series.days[:at] - series.days[at]
        columns = np.column_stack((np.ones(at), days / 365.25))
        weights = np.ones(at)
        coefficients = np.array([np.log(max(counts.mean(), 0.1)), 0.0])
        for _ in range(2):
            for _ in range(8):
                means = np.exp(np.clip(columns @ coefficients, -5, 8))
                information = columns.T * (weights * means) @ columns + 1e-6 * np.eye(2)
                coefficients = coefficients + np.linalg.solve(information, columns.T @ (weights * (counts - means)))
            means = np.exp(np.clip(columns @ coefficients, -5, 8))
            dispersion = max(1.0, float(np.sum(weights * (counts - means) ** 2 / means) / (at - 2)))
            residuals = 1.5 * (counts ** (2 / 3) - means ** (2 / 3)) / (np.sqrt(dispersion) * means ** (1 / 6))
            weights = np.where(residuals > 1, 1 / np.maximum(residuals, 1) ** 2, 1.0)
            weights *= at / weights.sum()
        mean = float(np.exp(np.clip(coefficients[0], -5, 8)))
        variance = dispersion / mean + dispersion * float(np.linalg.inv(information)[0, 0])
        return float(mean * (1 + 2 / 3 * -ndtri(rate) * np.sqrt(variance)) ** 1.5)

    return _each(series, bound)


def oracle(series: Series, rate: float = 0.01) -> Flags:
    """Knows the true mean and variance of every look."""
    if series.dispersion <= 1.001:
        bounds = poisson.isf(rate, series.means)
    else:
        bounds = nbinom.isf(rate, series.means / (series.dispersion - 1), 1 / series.dispersion)
    exceeds: Flags = series.counts > bounds
    exceeds[:WARM_UP] = False
    return exceeds


def _each(series: Series, bound: Callable[[int], float]) -> Flags:
    places = range(len(series.counts))
    return np.array([at >= WARM_UP and series.counts[at] > bound(at) for at in places], dtype=np.bool_)


def _mean_and_sd(counts: NDArray[np.float64], factor: float, least: float = 0.0) -> float:
    return float(counts.mean() + factor * max(float(counts.std(ddof=1)), least))
