"""The level of a site at its next look, from its quiet looks: a weighted negative binomial regression on time.

Two models are fitted: one with a constant level, and one with a trend and a yearly season. Each is fitted at a grid of
dispersions, around its most probable coefficients (Laplace). Looks that probably belong to a past surge have little
weight.

References:
    Farrington, C. P. et al. (1996). A statistical algorithm for the early detection of outbreaks of infectious disease.
        Journal of the Royal Statistical Society A 159, 547-563: regression on time, weights against past surges.
    Tierney, L. and Kadane, J. B. (1986). Accurate approximations for posterior moments and marginal densities. Journal
        of the American Statistical Association 81, 82-86.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from railwatch.services.alerting.rule.surges import Array, anscombe_residuals, log_likelihood, quiet_probability

# Variance over mean: from Poisson, with cars that come one by one, to cuts of about 18 cars.
DISPERSIONS = np.array([1.02, 1.25, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0, 8.5, 12.0, 17.0])
TYPICAL_DISPERSION = 2.6

# Log-normal. Half of it is between 1.6 and 4.2, which cuts of a few cars give.
DISPERSION_LOG_PRIOR = -0.5 * ((np.log(DISPERSIONS) - np.log(TYPICAL_DISPERSION)) / 0.7) ** 2

# Prior of the log level. It is weak: 95 % of sites have between a tenth of a car and 330 cars.
LEVEL_LOG_MEAN, LEVEL_LOG_SD = np.log(6.0), 2.0

# Prior standard deviation of the change of the log level per year: a site may double or halve in a year.
TREND_SD = 0.7

# Prior standard deviation of each harmonic coefficient of the log level: a season may swing by a third either way.
SEASON_SD = 0.3

# Prior standard deviation of a coefficient that is held at zero.
NEVER_SD = 1e-4

# A trend continues this far beyond the last quiet look.
TREND_REACH_YEARS = 30 / 365.25

# Keeps exp() finite.
LOG_MEAN_LIMIT = 12.0

# Prior precision of each coefficient, by model: a constant level; a level with a trend and a season.
PRECISIONS = (
    np.array(
        [
            [LEVEL_LOG_SD, NEVER_SD, NEVER_SD, NEVER_SD],
            [LEVEL_LOG_SD, TREND_SD, SEASON_SD, SEASON_SD],
        ]
    )
    ** -2.0
)

# The same as diagonal matrices.
PENALTIES = PRECISIONS[:, :, None] * np.eye(PRECISIONS.shape[1])
DISPERSIONS_BY_MODEL = np.tile(DISPERSIONS, len(PRECISIONS))

# The place of the model with a trend and a season.
CHANGING = 1
PRIOR_MEAN = np.array([LEVEL_LOG_MEAN, 0.0, 0.0, 0.0])

# How often the regression and the weights of the looks are updated in turn.
ALTERNATIONS = 3

# Largest change of a coefficient in one step of the search for the most probable ones.
STEP_LIMIT = 1.5


@dataclass(frozen=True, slots=True)
class QuietLooks:
    """The looks from which a site's next count is predicted, in order of time.

    Attributes:
        years: time of each look, in years, shape (n,), n >= 1, increasing.
        counts: counts, shape (n,).
        coverage: share of the track that was seen, shape (n,), in (0, 1]. Expected counts are proportional to it.
        error_variance: variance of each count's measurement error, shape (n,).
    """

    years: Array
    counts: Array
    coverage: Array
    error_variance: Array


@dataclass(frozen=True, slots=True)
class Levels:
    """The posterior of the level at the next look, by model and dispersion in one row.

    Attributes:
        evidence: log of the probability, up to a constant, shape (k,).
        dispersions: variance over mean, shape (k,).
        log_mean: mean of the log level, shape (k,).
        log_variance: variance of the log level, shape (k,).
    """

    evidence: Array
    dispersions: Array
    log_mean: Array
    log_variance: Array


def levels(looks: QuietLooks, year: float) -> Levels:
    """What quiet looks say about the level at the next one.

    Args:
        looks: the looks before, presumed quiet. Those that resemble past surges get little weight.
        year: time of the next look, on the scale of `looks.years`.
    """
    design = _design(looks.years, year)
    weights, dispersion = _weights(looks, design)
    return _fit(looks, weights, dispersion, design)


@dataclass(frozen=True, slots=True)
class _Design:
    """The regression of the log level on time. Its first coefficient is the log level at the next look.

    Attributes:
        columns: level, trend, and season, shape (n, c).
        products: products of each two columns, shape (n, c * c).
    """

    columns: Array
    products: Array


def _design(years: Array, year: float) -> _Design:
    reached = min(year, years[-1] + TREND_REACH_YEARS)
    angle = 2 * np.pi * (years - year)
    columns = np.column_stack((np.ones_like(years), years - reached, np.cos(angle) - 1, np.sin(angle)))
    return _Design(columns, (columns[:, :, None] * columns[:, None, :]).reshape(len(columns), -1))


def _weights(looks: QuietLooks, design: _Design) -> tuple[Array, float]:
    """The probability that each look was quiet, shape (n,), and a first estimate of the dispersion.

    It starts from the median and from the spread below it, which surges do not affect. Then it updates the regression
    and the weights in turn.
    """
    rates = looks.counts / looks.coverage
    means = max(_median(rates), 0.5) * looks.coverage
    below = np.minimum(anscombe_residuals(looks.counts, means, np.ones_like(means)), 0.0)
    dispersion = min(max(float(below @ below) / max(int(np.count_nonzero(below)), 1), 1.1), 6.0)
    weights = quiet_probability(anscombe_residuals(looks.counts, means, dispersion + looks.error_variance / means))
    coefficients = _start(float(np.mean(means / looks.coverage)))
    for _ in range(ALTERNATIONS):
        coefficients = _newton(looks, weights, dispersion, design, CHANGING, coefficients, rounds=2)
        means = _means(design, coefficients, looks.coverage)
        squares = np.sum(weights * ((looks.counts - means) ** 2 - looks.error_variance) / means)
        dispersion = (4 * TYPICAL_DISPERSION + float(squares)) / (4 + max(float(weights.sum()) - 1, 1.0))
        dispersion = min(max(dispersion, 1.05), float(DISPERSIONS[-1]))
        weights = quiet_probability(anscombe_residuals(looks.counts, means, dispersion + looks.error_variance / means))
    return weights, dispersion


def _fit(looks: QuietLooks, weights: Array, dispersion: float, design: _Design) -> Levels:
    """Both models at every dispersion: arrays of shape (models, dispersions, looks or coefficients)."""
    likely = weights + 1e-6
    rate = float(likely @ (looks.counts / looks.coverage) / likely.sum())
    start = _start(rate)
    modes = [_newton(looks, weights, dispersion, design, model, start, rounds=6) for model in range(len(PRECISIONS))]
    mode = np.array(modes)[:, None, :]
    means = _means(design, mode, looks.coverage)
    scaled = weights / (DISPERSIONS[:, None] + looks.error_variance / means)
    precisions = PRECISIONS[:, None, :]
    hessians = _squares((scaled * means) @ design.products) + PENALTIES[:, None]
    gradients = scaled * (looks.counts - means) @ design.columns - precisions * (mode - PRIOR_MEAN)
    covariances: Array = np.linalg.inv(hessians).astype(np.float64, copy=False)
    coefficients = mode + (covariances @ gradients[..., None])[..., 0]
    expected = _means(design, coefficients, looks.coverage)
    dispersions = DISPERSIONS[:, None] + looks.error_variance / expected
    likelihood = log_likelihood(looks.counts, expected, dispersions) @ weights
    log_prior = 0.5 * np.sum(np.log(precisions) - precisions * (coefficients - PRIOR_MEAN) ** 2, axis=-1)
    evidence = likelihood + log_prior - 0.5 * np.linalg.slogdet(hessians)[1] + DISPERSION_LOG_PRIOR
    return Levels(
        evidence=evidence.ravel(),
        dispersions=DISPERSIONS_BY_MODEL,
        log_mean=coefficients[..., 0].ravel(),
        log_variance=covariances[..., 0, 0].ravel(),
    )


def _newton(
    looks: QuietLooks, weights: Array, dispersion: float, design: _Design, model: int, start: Array, *, rounds: int
) -> Array:
    """Most probable coefficients of a model, shape (c,): Fisher scoring of the weighted quasi-likelihood and prior."""
    coefficients, precisions, penalties = start, PRECISIONS[model], PENALTIES[model]
    for _ in range(rounds):
        means = _means(design, coefficients, looks.coverage)
        scaled = weights / (dispersion + looks.error_variance / means)
        gradient = (scaled * (looks.counts - means)) @ design.columns - precisions * (coefficients - PRIOR_MEAN)
        hessian = _squares((scaled * means) @ design.products) + penalties
        _, step, _ = scipy.linalg.lapack.dposv(hessian, gradient)
        coefficients = coefficients + np.maximum(np.minimum(step, STEP_LIMIT), -STEP_LIMIT)
        if max(map(abs, step.tolist())) < 1e-4:
            break
    return coefficients


def _means(design: _Design, coefficients: Array, coverage: Array) -> Array:
    means: Array = coverage * np.exp(np.minimum(coefficients @ design.columns.T, LOG_MEAN_LIMIT))
    return means


def _median(values: Array) -> float:
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _start(rate: float) -> Array:
    start = np.zeros(PRECISIONS.shape[1])
    start[0] = math.log(max(rate, 0.1))
    return start


def _squares(rows: Array) -> Array:
    """The last axis, which has c * c values, as a matrix."""
    c = PRECISIONS.shape[1]
    return rows.reshape(*rows.shape[:-1], c, c)
