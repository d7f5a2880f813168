"""Past surges in a site's history: how probable it is that each look was quiet.

A surge that nobody noticed would raise the bound, and the next surge would hide under it. Farrington et al. (1996) give
less weight to looks with large Anscombe residuals. Noufaily et al. (2013) showed that too much of this cuts off the
true tail of the counts and causes false alarms. Here the weight is a probability. It comes from a model in which a site
is either quiet or in a surge, and surges last. One high look among quiet ones is probably chance and keeps its weight.
A run of high looks loses it.

References:
    Farrington, C. P. et al. (1996). A statistical algorithm for the early detection of outbreaks of infectious disease.
        Journal of the Royal Statistical Society A 159, 547-563.
    Noufaily, A. et al. (2013). An improved algorithm for outbreak detection in multiple surveillance systems.
        Statistics in Medicine 32, 1206-1222.
    Le Strat, Y. and Carrat, F. (1999). Monitoring epidemiologic surveillance data using hidden Markov models.
        Statistics in Medicine 18, 3463-3478.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Chance per look that a surge begins: once in fifty looks, which is about once a year with weekly looks.
SURGE_BEGINS = 0.02

# Chance per look that a surge goes on, 4 of 5: surges last five looks on average.
SURGE_GOES_ON = 4, 5

# Density of the Anscombe residual of a look in a surge: all values from 1 to 10 standard deviations are equally likely.
SURGE_DENSITY = 1 / 9

# Log odds of a surge at a residual of zero, if it were as likely as the others.
SURGE_LOG_ODDS = np.log(SURGE_DENSITY * np.sqrt(2 * np.pi))

# Below this Anscombe residual a look hardly belongs to a surge.
SURGE_FROM = 1.0

# After this many looks the level of a surge is known.
SETTLED_LOOKS = 6

# From this height on the level differs clearly from quiet, in standard deviations of the quiet counts.
SETTLED_SD = 2.0

# Lowest odds of a surge at a single look of an alert: no look says more strongly that the surge is over.
LEAST_ODDS = 0.1


def anscombe_residuals(counts: Array, means: Array, dispersions: Array) -> Array:
    """Residuals of counts that are nearly standard normal if the counts have the given means.

    Anscombe's residual compares powers of count and mean. The power is the one that removes the skewness. For Poisson
    counts, as in Farrington et al. (1996), it is 2/3. The third cumulant of a negative binomial with mean m and
    dispersion d is (2 d - 1) d m, so the power is 1 - (2 d - 1) / (3 d). It falls to 1/3, the power of Wilson and
    Hilferty for gamma distributions. With 2/3 everywhere, the true tail of a site with long cuts would look like a
    surge.

    Args:
        counts: counts, shape (n,).
        means: expected counts, shape (n,), positive.
        dispersions: variance over mean, shape (n,).
    """
    powers = 1 - (2 * dispersions - 1) / (3 * dispersions)
    residuals: Array = (counts**powers - means**powers) / (powers * means ** (powers - 0.5) * np.sqrt(dispersions))
    return residuals


def surge_probability(counts: Array, means: Array, dispersion: float, lasted: int) -> float:
    """The probability that a site is still in a surge at the last look of an alert, given all of its looks.

    The opening of an alert is evidence itself: before its first look is weighed, a surge has even odds. A surge that
    has lasted has a level of its own. Take a yard of four cars that come in cuts. After months with 28 cars, the quiet
    looks make 12 cars plausible, but so do the surge's own looks. A single low look does not end a surge that has
    lasted six looks, because a full yard may be mistaken for an empty one.

    Args:
        counts: counts of the alert's looks in order of time, shape (n,).
        means: quiet means, shape (n,), positive.
        dispersion: variance over mean of the quiet counts, above 1.
        lasted: how many looks the surge has lasted. Each counts as one more look after which it went on.
    """
    odds = np.array(_odds(np.maximum(anscombe_residuals(counts, means, np.full(len(counts), dispersion)), 0.0)))
    if len(counts) > SETTLED_LOOKS:
        raised = float(counts[:-1].sum() / means[:-1].sum()) * means
        if raised[-1] > means[-1] + SETTLED_SD * np.sqrt(dispersion * means[-1]):
            log_odds = log_likelihood(counts, raised, dispersion) - log_likelihood(counts, means, dispersion)
            odds = (odds + np.exp(np.minimum(log_odds, 40.0))) / 2
    went_on, looks = SURGE_GOES_ON
    goes_on = (went_on + lasted) / (looks + lasted)
    surging = _forward(np.maximum(odds, LEAST_ODDS).tolist(), goes_on, before=1.0)[-1]
    return surging / (1 + surging)


def log_likelihood(counts: Array, means: Array, dispersions: Array | float) -> Array:
    """Log density of negative binomial counts, without the term in the count alone; broadcasts.

    Args:
        counts: counts.
        means: expected counts, positive.
        dispersions: variance over mean, above 1.
    """
    shapes = means / (dispersions - 1)
    found: Array = (
        scipy.special.gammaln(counts + shapes)
        - scipy.special.gammaln(shapes)
        - shapes * np.log(dispersions)
        + counts * np.log1p(-1 / dispersions)
    )
    return found


def quiet_probability(residuals: Array) -> Array:
    """The probability that each look was quiet, given all looks: forward-backward through a two-state Markov chain.

    Args:
        residuals: Anscombe residuals in order of time, shape (n,), n >= 1.

    Returns:
        Probabilities, shape (n,).
    """
    odds = _odds(residuals)
    goes_on = SURGE_GOES_ON[0] / SURGE_GOES_ON[1]
    ends, stays_quiet = 1 - goes_on, 1 - SURGE_BEGINS
    later: list[float] = []
    ratio_of_later = 1.0
    for ratio in reversed(odds):
        later.append(ratio_of_later)
        weighted = ratio * ratio_of_later
        ratio_of_later = (goes_on * weighted + ends) / (SURGE_BEGINS * weighted + stays_quiet)
    quiet: Array = 1 / (1 + np.array(_forward(odds, goes_on, before=SURGE_BEGINS / ends)) * np.array(later[::-1]))
    return quiet


def _odds(residuals: Array) -> list[float]:
    """How many times more likely each residual is in a surge than in quiet."""
    log_odds = SURGE_LOG_ODDS + residuals**2 / 2
    below = np.minimum(residuals - SURGE_FROM, 0.0)
    odds: list[float] = np.exp(np.minimum(log_odds - 2 * below**2, 40.0)).tolist()
    return odds


def _forward(odds: list[float], goes_on: float, before: float) -> list[float]:
    """The odds of a surge at each look, given that look and those before it. `before` are the odds before the first."""
    ends, stays_quiet = 1 - goes_on, 1 - SURGE_BEGINS
    forward: list[float] = []
    for ratio in odds:
        surging = before * ratio
        forward.append(surging)
        before = (surging * goes_on + SURGE_BEGINS) / (surging * ends + stays_quiet)
    return forward
