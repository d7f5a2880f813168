"""When a rise began: a change point between looks, with an interval, and its lag to the site's context events."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import scipy

from railwatch.services.alerting.rule.surges import Array, log_likelihood
from railwatch.shared.events import ContextLag, Onset

# Heights that a rise may have, in standard deviations of the quiet counts. All are equally likely.
RISES_SD = np.geomspace(0.75, 30.0, 14)

# Chance that is left out at each end of the interval.
TAIL = 0.05


def estimate_onset(
    times: Sequence[datetime], counts: Array, means: Array, dispersion: float, error_variance: Array
) -> Onset:
    """The posterior of the change point between quiet looks and a rise.

    Before the onset, counts are negative binomial around their quiet means. After it they are higher, either by one
    height (a step), or by a separate height at each look (a rise that builds up or wavers). Beforehand both are equally
    likely. The onset may lie in any gap between looks, and within a gap every moment is equally likely.

    Args:
        times: times of the looks in order, at least two; the first is taken to be quiet and the last to be raised.
        counts: counts, shape (n,).
        means: quiet means, shape (n,), positive.
        dispersion: variance over mean of the quiet counts, above 1.
        error_variance: variance of each count's measurement error, shape (n,).

    Returns:
        The median, and an interval that contains the onset with a chance of 90 % or a little more. It starts and ends
        at looks, because nothing is known about the time between them.

    References:
        Smith, A. F. M. (1975). A Bayesian approach to inference about a change-point in a sequence of random variables.
            Biometrika 62, 407-416.
    """
    variances = dispersion * means + error_variance
    raised_by = RISES_SD * np.sqrt(variances)[:, None]
    quiet = log_likelihood(counts, means, dispersion + error_variance / means)
    raised_means = means[:, None] + raised_by
    raised = log_likelihood(counts[:, None], raised_means, dispersion + error_variance[:, None] / raised_means)

    before = np.cumsum(quiet)[:-1]
    step = np.cumsum(raised[::-1], axis=0)[::-1][1:]
    wavering = np.cumsum((scipy.special.logsumexp(raised, axis=1) - np.log(len(RISES_SD)))[::-1])[::-1][1:]
    after = np.logaddexp(scipy.special.logsumexp(step, axis=1) - np.log(len(RISES_SD)), wavering)
    chance = np.exp(before + after - (before + after).max())
    reached = np.concatenate(([0.0], np.cumsum(chance / chance.sum())))

    seconds = np.array([(time - times[0]).total_seconds() for time in times])
    at = times[0] + (times[-1] - times[0]) * float(np.interp(0.5, reached, seconds) / seconds[-1])
    low = int(np.searchsorted(reached, TAIL, side="right")) - 1
    high = int(np.searchsorted(reached, 1 - TAIL, side="left"))
    return Onset(at=at, low=times[low], high=times[min(high, len(times) - 1)])


def context_lags(
    onset: Onset, events: Iterable[tuple[str, datetime]], within_days: float = 60.0
) -> tuple[ContextLag, ...]:
    """The context events near an onset, nearest first, each with the days from the event to the onset.

    Args:
        onset: the estimated onset.
        events: title and time of the site's context events.
        within_days: events that are further away, before or after, are left out.
    """
    lags = (ContextLag(title=title, at=at, lag_days=(onset.at - at).total_seconds() / 86_400.0) for title, at in events)
    return tuple(sorted((lag for lag in lags if abs(lag.lag_days) <= within_days), key=lambda lag: abs(lag.lag_days)))
