"""One look judged against its site's history: the rule, what it says, and what that does to the site's alert."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime

from railwatch.services.alerting.rule import looks
from railwatch.services.alerting.rule.cusum import limit, next_sum
from railwatch.services.alerting.rule.onset import estimate_onset
from railwatch.services.alerting.rule.regression import QuietLooks
from railwatch.services.alerting.rule.surges import Array, surge_probability
from railwatch.services.alerting.rule.threshold import Prediction, predict
from railwatch.shared.events import Look, Onset, Transition

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_US = 86_400_000_000
SUSTAINED_SHARE = 0.1
"""False-alarm rate of the companion for slow rises, as a share of the rule's."""
SUSPICION = 2.0
"""Cumulative sum from which on the looks that it began with are suspected to belong to a rise."""
OVER_LIMIT = 1.0
"""The sum goes no further beyond its limit: so it sees within a look or two that a rise is over."""
SUSPECTED_LOOKS = 8
"""Suspected looks that the threshold's baseline leaves out at most: more than most
surges last, and few enough that a season that sets in is still learned from."""
RISING_LOOKS = 40
"""Looks that a slow rise goes back at most; the companion's own baseline leaves them all out."""
SURGE_LOOKS = 12
"""The first looks of an alert, from which its onset is estimated, and the last, by which its end is seen."""
BEFORE_LOOKS = 20
"""Looks before an alert among which its onset is sought."""


class State(StrEnum):
    """How a site stands after a look."""

    LEARNING = "learning"
    NORMAL = "normal"
    ALERT = "alert"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings of the alerting rule; the defaults are argued in docs/alerting.md.

    Attributes:
        false_alarm_rate: chance that a look of a site where nothing changed exceeds its threshold.
        minimum_looks: observed looks a site needs before one may raise an alert.
        minimum_coverage: share of the track length below which a look is unobserved.
        guard_looks: looks before the tested one that do not enter its baseline, once there are enough without them.
        window_looks: quiet looks that the baseline remembers at most.
        window_days: age at which a look leaves the baseline.
    """

    false_alarm_rate: float = 0.01
    minimum_looks: int = 8
    minimum_coverage: float = 0.5
    guard_looks: int = 2
    window_looks: int = 120
    window_days: float = 3 * 365.25


class Judgement(NamedTuple):
    """A look as it was judged, and how the site stands after it.

    A site's history holds hundreds of them and is read at each of its looks, which is why they are plain tuples.
    `count`, `low` and `high` are those of the look even where its coverage was too low to be judged. `expected` and
    `threshold` are for the share of the track that the look saw.

    Attributes:
        observed_at: when the satellite saw the site.
        count: railcars on all tiles; null where unobserved.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the site's track length that was seen.
        state: how the site stands after this look.
        expected: what the site's history predicts; null while learning.
        threshold: upper prediction bound; null while learning.
        p_value: chance of so high a count if nothing had changed.
        exceeds: the count is above `threshold`; the same as `p_value` < the rule's false-alarm rate.
        sustained: the companion for slow rises signals: the looks up to this one are too high together.
        cusum: the companion's cumulative sum; 0 where nothing points to a rise.
        transition: what happened to the site's alert at this look; null where nothing did.
        reason: why, in one sentence; empty without a transition.
        opened_at: `observed_at` of the look that opened the alert that this look belongs to; null outside an alert.
            It stays through unobserved looks, and is set on the look that resolves the alert.
        onset: when the rise began; null outside an alert.
    """

    observed_at: AwareDatetime
    count: float | None  # type: ignore[assignment]  # not the method of tuples, which nobody asks for
    low: float | None
    high: float | None
    coverage: float
    state: State
    expected: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    exceeds: bool = False
    sustained: bool = False
    cusum: float = 0.0
    transition: Transition | None = None
    reason: str = ""
    opened_at: AwareDatetime | None = None
    onset: Onset | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What judging needs to know of the looks before, oldest first; the unobserved are left out. Shapes are (n,).

    Attributes:
        at_us: when each was taken, microseconds since 1970.
        counts: counts.
        coverage: share of the track length that each saw.
        error_variance: variance of each count's measurement error.
        cusum: the companion's cumulative sum.
        in_alert: whether an alert stood after it.
        sustained: whether the companion signalled.
        resolved: whether it resolved an alert.
        opened_us: `at_us` of the look that opened the alert that it belongs to.
        onset: the last look's, where it has one.
        last_at: when the last look was taken, observed or not; null where there is none.
    """

    at_us: Times
    counts: Array
    coverage: Array
    error_variance: Array
    cusum: Array
    in_alert: Flags
    sustained: Flags
    resolved: Flags
    opened_us: Times
    onset: Onset | None = None
    last_at: datetime | None = None

    @property
    def alert(self) -> slice:
        """The looks of the alert that stands after the last; empty without one."""
        n = len(self.at_us)
        standing = n > 0 and self.in_alert[-1]
        return slice(n - int(np.count_nonzero(self.opened_us == self.opened_us[-1])) if standing else n, n)


def retained(past: Past, rule: Rule) -> Times:
    """The places of the looks that later judgements can depend on: a bounded number, oldest first.

    Judging against them gives exactly what judging against all of them gives. Of an alert that stands, its first and
    last looks are kept; of one that has ended, enough to know that it is to be left out; of the looks before, as many
    quiet ones as the window and a slow rise in front of it can hold.
    """
    alert = past.alert
    goes_on = _goes_on(past, alert.start)
    spared = np.ones(alert.start, dtype=bool)
    spared[2:] = ~(goes_on[1:] & goes_on[:-1])
    quiet = np.flatnonzero(~_of_long_alerts(goes_on, alert.start))
    surplus = max(len(quiet) - rule.window_looks - RISING_LOOKS, 0)
    spared[: quiet[surplus] if len(quiet) else 0] = False
    standing = np.arange(alert.start, alert.stop)
    if len(standing) > 2 * SURGE_LOOKS:
        standing = np.concatenate((standing[:SURGE_LOOKS], standing[-SURGE_LOOKS:]))
    return np.concatenate((np.flatnonzero(spared), standing))


def judge(past: Past, look: Look, rule: Rule) -> Judgement:
    """Judge one look against the looks before it.

    Args:
        past: the looks before; what `retained` keeps of them is enough.
        look: the new look; its `expected`, `threshold` and `p_value` are ignored.
        rule: the settings.

    Returns:
        The look with its judgement. The result depends on nothing but the arguments.

    Raises:
        ValueError: the look is not after those before, or its count is negative.
    """
    if past.last_at is not None and look.observed_at <= past.last_at:
        raise ValueError("a look must be later than the history that it is judged against")
    if look.count is not None and look.count < 0:
        raise ValueError("a count cannot be negative")
    alert = past.alert
    before, lasted = alert.start, alert.stop - alert.start
    first_us = int(past.at_us[before]) if lasted else looks.microseconds(look.observed_at)
    opened_at = looks.moment(first_us) if lasted else None
    if look.count is None or look.coverage < rule.minimum_coverage:
        return _judgement(look, state=State.UNOBSERVED, opened_at=opened_at, onset=past.onset if lasted else None)
    suspected = _suspected(past.cusum[:before])
    slow = bool(lasted) and bool(past.sustained[before])
    quiet = baseline(past, before, first_us, rule, suspected if slow else min(suspected, SUSPECTED_LOOKS))
    if len(quiet) < rule.minimum_looks:
        return _judgement(look, state=State.LEARNING)

    prediction = _predict(past, quiet, look)
    p_value = prediction.p_value(look.count)
    exceeds = p_value < rule.false_alarm_rate
    reference, p_reference = prediction, p_value
    if not lasted and suspected > SUSPECTED_LOOKS:
        reference = _predict(past, baseline(past, before, first_us, rule, suspected), look)
        p_reference = reference.p_value(look.count)
    uncertain = reference.standard_error / reference.sd
    highest = limit(SUSTAINED_SHARE * rule.false_alarm_rate)
    cusum = min(next_sum(float(past.cusum[-1]), p_reference, uncertain), highest + OVER_LIMIT)
    sustained = cusum > highest
    ended = bool(lasted) and not exceeds and not (slow and sustained) and _has_ended(past, alert, look, prediction)
    if ended and not slow:
        cusum, sustained = 0.0, False
    findings: dict[str, Any] = {
        "expected": prediction.expected,
        "threshold": prediction.threshold(rule.false_alarm_rate),
        "p_value": p_value,
        "exceeds": exceeds,
        "sustained": sustained,
        "cusum": cusum,
    }
    if ended:
        return _judgement(
            look,
            **findings,
            state=State.NORMAL,
            transition=Transition.RESOLVED,
            reason=f"{_short(look.count)} railcars are what the site's history makes plausible.",
            opened_at=opened_at,
        )
    if not lasted and not exceeds and not sustained:
        return _judgement(look, **findings, state=State.NORMAL)
    return _judgement(
        look,
        **findings,
        state=State.ALERT,
        transition=Transition.UPDATED if lasted else Transition.OPENED,
        reason=_reason(look, prediction, findings),
        opened_at=opened_at or look.observed_at,
        onset=_onset(past, alert, look, prediction),
    )


def baseline(past: Past, before: int, first_us: int, rule: Rule, suspected: int) -> Times:
    """The places of the looks that one at a given time is judged against, oldest first.

    Left out are the looks of every alert of more than one look, the guard gap, and what is too old.

    Args:
        past: the site's looks.
        before: how many of them come before the look to be judged, or before the alert that stands, so that a surge
            that lasts does not make itself normal.
        first_us: when the look to be judged, or the first of its alert, was taken.
        rule: the settings.
        suspected: how many of the last looks may belong to a rise already; the guard gap is as long at least.
    """
    too_old = past.at_us[:before] < first_us - rule.window_days * DAY_US
    quiet = np.flatnonzero(~(too_old | _of_long_alerts(_goes_on(past, before), before)))
    guard = min(max(rule.guard_looks, suspected), max(len(quiet) - rule.minimum_looks, 0))
    return quiet[: len(quiet) - guard][-rule.window_looks :]


def _goes_on(past: Past, before: int) -> Flags:
    """Whether each look but the first is of the alert of the look before it, shape (before - 1,)."""
    in_alert, opened = past.in_alert[:before], past.opened_us[:before]
    same: Flags = in_alert[1:] & in_alert[:-1] & (opened[1:] == opened[:-1])
    return same


def _of_long_alerts(goes_on: Flags, n: int) -> Flags:
    """Whether each look is of an alert of more than one look, shape (n,)."""
    found = np.zeros(n, dtype=bool)
    found[1:] |= goes_on
    found[:-1] |= goes_on
    return found


def _predict(past: Past, quiet: Times, look: Look) -> Prediction:
    against = QuietLooks(
        years=looks.years(past.at_us[quiet]),
        counts=past.counts[quiet],
        coverage=past.coverage[quiet],
        error_variance=past.error_variance[quiet],
    )
    return predict(against, looks.year(look.observed_at), look.coverage, looks.error_variance(look))


def _judgement(look: Look, **findings: Any) -> Judgement:
    return Judgement(look.observed_at, look.count, look.low, look.high, look.coverage, **findings)


def _suspected(cusum: Array) -> int:
    """How many of the last looks may belong to a rise: those since the cumulative sum was zero, if it is high now."""
    recent = cusum[-RISING_LOOKS:]
    if not len(recent) or recent[-1] < SUSPICION:
        return 0
    zeros = np.flatnonzero(recent == 0)
    return len(recent) - 1 - int(zeros[-1]) if len(zeros) else len(recent)


def _has_ended(past: Past, alert: slice, look: Look, prediction: Prediction) -> bool:
    """Whether it is more probable than not that the surge is over, given the alert's looks up to this one."""
    recent = slice(max(alert.start, alert.stop - SURGE_LOOKS), alert.stop)
    counts = np.append(past.counts[recent], look.count or 0.0)
    means = prediction.expected / look.coverage * np.append(past.coverage[recent], look.coverage)
    lasted = min(alert.stop - alert.start, 2 * SURGE_LOOKS)
    return surge_probability(counts, means, prediction.sd**2 / prediction.expected, lasted) < 0.5


def _reason(look: Look, prediction: Prediction, findings: dict[str, Any]) -> str:
    seen = f"{_short(look.count)} railcars"
    if findings["exceeds"]:
        return f"{seen} exceed the threshold of {_short(findings['threshold'])}."
    if findings["sustained"]:
        return f"{seen}, where {_short(prediction.expected)} are expected: the last looks together are too high."
    return f"{seen} do not exceed the threshold, but the surge has not clearly ended."


def _short(count: float | None) -> str:
    return f"{count or 0.0:.1f}".removesuffix(".0")


def _onset(past: Past, alert: slice, look: Look, prediction: Prediction) -> Onset | None:
    if alert.stop - alert.start >= SURGE_LOOKS:
        return past.onset
    resolved = np.flatnonzero(past.resolved[: alert.start])
    around = slice(max(int(resolved[-1]) if len(resolved) else 0, alert.start - BEFORE_LOOKS), alert.stop)
    if around.start == around.stop:
        return past.onset
    return estimate_onset(
        [*map(looks.moment, past.at_us[around].tolist()), look.observed_at],
        np.append(past.counts[around], look.count or 0.0),
        prediction.expected / look.coverage * np.append(past.coverage[around], look.coverage),
        prediction.dispersion,
        np.append(past.error_variance[around], looks.error_variance(look)),
    )
