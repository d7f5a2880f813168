"""A site's past as arrays: the looks before the one to be judged, and which of them its baseline holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from railwatch.services.alerting.rule import looks
from railwatch.services.alerting.rule.judgement import CHANGES_NOTHING, Judgement, Rule, State
from railwatch.services.alerting.rule.surges import Array
from railwatch.shared.events import Onset, Transition

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_US = 86_400_000_000

# Stands for a time that is null, microseconds since 1970.
NEVER_US = -(2**62)

# A slow rise goes back at most this many looks. The baseline of the CUSUM leaves them all out.
RISING_LOOKS = 40

# The onset of an alert is estimated from its first looks, and its end is seen in its last: this many of each.
SURGE_LOOKS = 12

# While a history grows, it is searched for looks that are no longer needed once in this many looks. This saves time.
FORGET_EVERY = 16


@dataclass(frozen=True, slots=True)
class Past:
    """What judging needs to know of the looks before that changed something, oldest first. Shapes are (n,).

    Attributes:
        at_us: when each was taken, microseconds since 1970.
        counts: counts; of measured looks the middle of their range of cars.
        coverage: share of the track length that each saw.
        error_variance: variance of each count's measurement error.
        cusum: cumulative sum after it.
        in_alert: whether an alert stood after it.
        cusum_exceeds: whether the cumulative sum was above its limit.
        resolved: whether it resolved an alert.
        opened_us: `at_us` of the look that opened the alert that it belongs to.
        measured: whether it was measured and not counted. Such a look belongs to an alert, and never to a baseline.
        onset: the onset of the last look, if it has one.
        last_at: when the last look was taken, observed or not; null without looks.
    """

    at_us: Times
    counts: Array
    coverage: Array
    error_variance: Array
    cusum: Array
    in_alert: Flags
    cusum_exceeds: Flags
    resolved: Flags
    opened_us: Times
    measured: Flags
    onset: Onset | None = None
    last_at: datetime | None = None

    @property
    def alert(self) -> slice:
        """The looks of the alert that stands after the last; empty without one."""
        n = len(self.at_us)
        standing = n > 0 and self.in_alert[-1]
        return slice(n - int(np.count_nonzero(self.opened_us == self.opened_us[-1])) if standing else n, n)


def past_of(judgements: Sequence[Judgement]) -> Past:
    """The arrays of judgements that are in order of time."""
    seen = [judgement for judgement in judgements if judgement.state not in CHANGES_NOTHING]
    opened_us = [NEVER_US if one.opened_at is None else looks.microseconds(one.opened_at) for one in seen]
    return Past(
        at_us=np.array([looks.microseconds(one.observed_at) for one in seen], dtype=np.int64),
        counts=np.array([looks.estimate(one) for one in seen], dtype=float),
        coverage=np.array([one.coverage for one in seen], dtype=float),
        error_variance=np.array([looks.error_variance(one) for one in seen], dtype=float),
        cusum=np.array([one.cusum for one in seen], dtype=float),
        in_alert=np.array([one.state is State.ALERT for one in seen], dtype=bool),
        cusum_exceeds=np.array([one.cusum_exceeds for one in seen], dtype=bool),
        resolved=np.array([one.transition is Transition.RESOLVED for one in seen], dtype=bool),
        opened_us=np.array(opened_us, dtype=np.int64),
        measured=np.array([one.occupied is not None for one in seen], dtype=bool),
        onset=seen[-1].onset if seen else None,
        last_at=judgements[-1].observed_at if judgements else None,
    )


def needed(judgements: Sequence[Judgement], rule: Rule) -> tuple[Judgement, ...]:
    """The judgements that later ones can depend on: a bounded number, oldest first.

    Judging against them gives exactly what judging against all of them gives.
    """
    observed = [judgement for judgement in judgements if judgement.state not in CHANGES_NOTHING]
    kept = [observed[place] for place in _retained(past_of(observed), rule)]
    last = [one for one in judgements[-1:] if one.state in CHANGES_NOTHING]
    return (*kept, *last)


def _retained(past: Past, rule: Rule) -> list[int]:
    """The places of the looks that later judgements can depend on.

    Of an alert that stands, they are its first and last looks. Of one that has ended, they are enough to know that it
    is left out. Of the looks before, they are as many quiet ones as the window and a slow rise after it can hold.
    """
    alert = past.alert
    goes_on = _goes_on(past, alert.start)
    spared = np.ones(alert.start, dtype=bool)
    spared[2:] = ~(goes_on[1:] & goes_on[:-1])
    quiet = np.flatnonzero(~(_of_long_alerts(goes_on, alert.start) | past.measured[: alert.start]))
    surplus = max(len(quiet) - rule.window_looks - RISING_LOOKS, 0)
    spared[: quiet[surplus] if len(quiet) else 0] = False
    standing = list(range(alert.start, alert.stop))
    if len(standing) > 2 * SURGE_LOOKS:
        standing = standing[:SURGE_LOOKS] + standing[-SURGE_LOOKS:]
    return [*np.flatnonzero(spared).tolist(), *standing]


def baseline(past: Past, before: int, first_us: int, rule: Rule, suspected: int) -> Times:
    """The places of the looks that one at a given time is judged against, oldest first.

    Left out are the looks of every alert of more than one look, measured looks, the guard gap, and what is too old.

    Args:
        past: the site's looks.
        before: how many of them come before the look to be judged. If an alert stands, before the alert, so that a
            surge that lasts does not make itself normal.
        first_us: when the look to be judged, or the first of its alert, was taken; microseconds since 1970.
        rule: the settings.
        suspected: how many of the last looks may already belong to a rise. The guard gap is at least as long.
    """
    too_old = past.at_us[:before] < first_us - rule.window_days * DAY_US
    quiet = np.flatnonzero(~(too_old | past.measured[:before] | _of_long_alerts(_goes_on(past, before), before)))
    guard = min(max(rule.guard_looks, suspected), max(len(quiet) - rule.minimum_looks, 0))
    return quiet[: len(quiet) - guard][-rule.window_looks :]


def _goes_on(past: Past, before: int) -> Flags:
    """Whether each look but the first belongs to the alert of the look before it, shape (before - 1,)."""
    in_alert, opened = past.in_alert[:before], past.opened_us[:before]
    same: Flags = in_alert[1:] & in_alert[:-1] & (opened[1:] == opened[:-1])
    return same


def _of_long_alerts(goes_on: Flags, n: int) -> Flags:
    """Whether each look belongs to an alert of more than one look, shape (n,)."""
    found = np.zeros(n, dtype=bool)
    found[1:] |= goes_on
    found[:-1] |= goes_on
    return found
