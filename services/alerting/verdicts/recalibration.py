"""What true counts at a site teach about the interval of its later counts: the site's share, its bias and its spread.

Of the cars that the detector counts at a site, a share is true, and some number of cars is always missed or imagined
there: true = bias + share * count. Both are updated from looks whose true count people have said. The prior is that the
detector is right, and it has the weight of `PRIOR_LOOKS` looks for each of the two. The errors that are left, in half
widths of the detector's interval, say how wide the interval must be. Their prior is what the interval promises, with
the weight of `PRIOR_ERRORS` errors. Errors of counts unlike the one at hand count little: what is known of eight cars
says nothing about sixty.

So a few verdicts move an interval a little, and many replace what the detector believes of its own errors.

References:
    Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd edition, 14.8: regression with a conjugate prior, whose weight
        is given in observations.
    Lange, K. L., Little, R. J. A. and Taylor, J. M. G. (1989). Robust statistical modeling using the t distribution.
        Journal of the American Statistical Association 84, 881-896: one look that went wrong does not bend the line.
    Ferguson, T. S. (1973). A Bayesian analysis of some nonparametric problems. Annals of Statistics 1, 209-230: the
        distribution of the errors as a Dirichlet process, whose predictive is a mixture of prior and errors seen.
    Vovk, V., Gammerman, A. and Shafer, G. (2005). Algorithmic Learning in a Random World. Springer: why the quantile of
        n errors is taken as if there were one more.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.events import Recalibrated

Array = NDArray[np.float64]

# The weight of the prior, in looks: for the share and the bias each, and for the spread of the errors.
PRIOR_LOOKS = 20.0
PRIOR_ERRORS = 8.0
# Only the newest looks teach: a site changes, and so does the detector.
NEWEST_LOOKS = 200
# The half width of an interval is taken to be at least this, in cars: a true count is a whole number.
LEAST_HALF = 0.5
# Two counts are alike where they differ by no more than `ALIKE`, in natural logarithms, after `ALIKE_CARS` were added
# to both. Beyond it, what one says of the other fades.
ALIKE, FADES, ALIKE_CARS = 0.5, 0.2, 3.0
# Degrees of freedom of the errors, which makes outliers weigh less; and how often their weights are found again.
FREEDOM = 4.0
ROUNDS = 12
LEVEL = 0.9
# Half the width of a 90 % interval, in standard deviations.
HALF_SD = 1.6449


@dataclass(frozen=True, order=True)
class Lesson:
    """A look whose true count people have said: what the detector said of it, and what is true."""

    count: float
    low: float
    high: float
    true: float


@dataclass(frozen=True)
class Learned:
    """What a site's lessons teach.

    Attributes:
        bias: cars to add to every count.
        share: how many true cars there are for each that is counted, beside the bias.
        counts: of the looks that this was learned from.
        errors: what is left of the error of each, in half widths of the detector's interval.
    """

    bias: float
    share: float
    counts: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def width(self) -> float:
        """How many times as wide as the detector's the intervals are, all counts together."""
        return _width(np.array(self.errors), np.ones(len(self.errors)))

    def interval(self, count: float, low: float, high: float) -> Recalibrated:
        """The count and its interval as they are at this site.

        The errors of counts like this one say how wide the interval is. Where few like it were judged, it stays as wide
        as the detector says.
        """
        middle = max(0.0, self.bias + self.share * count)
        below, above = _halves(np.array([count]), np.array([low]), np.array([high]))
        apart = np.log((np.array(self.counts) + ALIKE_CARS) / (count + ALIKE_CARS))
        width = _width(np.array(self.errors), np.exp(-0.5 * (np.maximum(np.abs(apart) - ALIKE, 0) / FADES) ** 2))
        return Recalibrated(
            count=round(middle, 2),
            low=round(max(0.0, middle - width * float(below[0])), 2),
            high=round(middle + width * float(above[0]), 2),
            verdicts=len(self.counts),
        )


def learn(lessons: Sequence[Lesson]) -> Learned | None:
    """What lessons teach, whatever their order among the newest; null if there are none.

    Args:
        lessons: of one site, oldest first.
    """
    newest = sorted(lessons[-NEWEST_LOOKS:])  # so that the last digit does not depend on the order
    if not newest:
        return None
    count, low, high, true = np.array([(one.count, one.low, one.high, one.true) for one in newest], float).T
    below, above = _halves(count, low, high)
    scale = (below + above) / 2 / HALF_SD
    design = np.column_stack([np.ones_like(count), count])
    weights = 1 / scale**2
    # The prior has the weight of so many looks, on the bias and on the share alike.
    prior = PRIOR_LOOKS * np.array([np.mean(weights), np.mean(weights * np.maximum(count, 1.0) ** 2)])
    error = true - count
    robust = np.ones_like(count)
    for _ in range(ROUNDS):
        held = robust * weights
        inverse = np.linalg.inv(design.T @ (held[:, None] * design) + np.diag(prior))
        change = inverse @ (design.T @ (held * error))
        left = error - design @ change
        robust = (FREEDOM + 1) / (FREEDOM + (left / scale) ** 2)
    # What each look would have been predicted to be without itself.
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design) * held
    apart = left / (1 - np.minimum(leverage, 0.9))
    return Learned(
        bias=float(change[0]),
        share=1 + float(change[1]),
        counts=tuple(count.tolist()),
        errors=tuple((np.abs(apart) / np.where(apart > 0, above, below)).tolist()),
    )


def _halves(count: Array, low: Array, high: Array) -> tuple[Array, Array]:
    return np.maximum(count - low, LEAST_HALF), np.maximum(high - count, LEAST_HALF)


def _width(errors: Array, weights: Array) -> float:
    """The quantile of the errors' predictive distribution: the prior's, and the errors that were seen.

    Args:
        errors: (n,), absolute, in half widths: as many as the interval promises are at most 1.
        weights: (n,), what each counts for, at most 1.
    """
    order = np.argsort(errors)
    seen: list[float] = errors[order].tolist()
    weighed: list[float] = [0.0, *np.cumsum(weights[order]).tolist()]
    # The next error is one more, and not among those that were seen.
    all_known = PRIOR_ERRORS + weighed[-1]
    with_next = all_known + weighed[-1] / all_known

    def below(width: float) -> float:
        promised = erf(width * HALF_SD / sqrt(2))
        return (PRIOR_ERRORS * promised + weighed[bisect_right(seen, width)]) / with_next

    low, high = 0.0, max(10.0, 2 * seen[-1])
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if below(middle) >= LEVEL else (middle, high)
    return float(high)
