"""The CUSUM for slow rises: a cumulative sum of how high the looks were. None of them has to exceed its threshold.

Each look's p-value becomes a standard normal score. At every look the sum grows by the score minus an allowance, and it
never falls below zero. One look alone cannot lift it above its limit, because its score is capped. An expected count
that is too low would add to the sum at every look, so the allowance grows by the standard error of the expected count.

References:
    Page, E. S. (1954). Continuous inspection schemes. Biometrika 41, 100-115.
    Lucas, J. M. and Crosier, R. B. (1982). Robust CUSUM. Communications in Statistics 11, 2669-2687: capped scores.
    Hawkins, D. M. (1987). Self-starting CUSUM charts for location and scale. The Statistician 36, 299-316: scores from
        the looks before instead of a known mean.
    Siegmund, D. (1985). Sequential Analysis, ch. X: the stationary tail, with the correction for discrete time.
"""

import math

import scipy

# A score must be above this to add to the sum: half of the smallest rise worth finding, one standard deviation.
ALLOWANCE = 0.5

# Largest score that one look adds.
SCORE_CAP = 2.5

# Siegmund's correction for a sum that is checked only at whole steps.
OVERSHOOT = 0.583


def next_sum(before: float, p_value: float, standard_error: float) -> float:
    """The cumulative sum after one more look.

    Args:
        before: the sum before the look.
        p_value: the look's p-value.
        standard_error: of the expected count, in standard deviations of the prediction.
    """
    score = min(-float(scipy.special.ndtri(p_value)), SCORE_CAP) if p_value > 0 else SCORE_CAP
    return max(0.0, before + score - ALLOWANCE - standard_error)


def limit(rate: float) -> float:
    """The sum that a quiet site exceeds at the share `rate` of its looks."""
    return -math.log(rate) / (2 * ALLOWANCE) - OVERSHOOT
