"""The companion for slow rises: a cumulative sum of how high the looks were, none of which need exceed its threshold.

Each look's p-value becomes a standard normal score; the sum gains the score less an allowance at every look and never
falls below zero. One look alone cannot make it signal, because its score is capped.

References:
    Page, E. S. (1954). Continuous inspection schemes. Biometrika 41, 100-115.
    Lucas, J. M. and Crosier, R. B. (1982). Robust CUSUM. Communications in Statistics 11, 2669-2687: capped scores.
    Hawkins, D. M. (1987). Self-starting CUSUM charts for location and scale. The Statistician 36, 299-316: scores from
        the looks before instead of a known mean.
    Siegmund, D. (1985). Sequential Analysis, ch. X: the stationary tail, with the correction for discrete time.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

from scipy.special import ndtri

ALLOWANCE = 0.75
"""What a score must be above to add to the sum: half of the smallest rise worth finding, 1.5 standard deviations."""
SCORE_CAP = 2.5
"""Scores count at most so much."""
OVERSHOOT = 0.583
"""Siegmund's correction for a sum that is looked at only at whole steps."""


def sustained_p_value(p_values: Sequence[float]) -> float:
    """The chance of a cumulative sum at least as high as at the last of the looks, if nothing had changed.

    Args:
        p_values: of the looks since the last alert ended, oldest first; none of them gives the chance of a sum of zero.
    """
    total = _sums(p_values)[-1] if p_values else 0.0
    return math.exp(-2 * ALLOWANCE * (total + OVERSHOOT))


def rising_looks(p_values: Sequence[float]) -> int:
    """How many looks ago the cumulative sum last was zero: the looks of the present rise."""
    return next((back for back, total in enumerate(reversed(_sums(p_values))) if total == 0), len(p_values))


def _sums(p_values: Sequence[float]) -> list[float]:
    scores = (-float(score) for score in ndtri(p_values))
    steps = (max(-SCORE_CAP, min(score, SCORE_CAP)) - ALLOWANCE for score in scores)
    return list(accumulate(steps, lambda total, step: max(0.0, total + step), initial=0.0))[1:]
