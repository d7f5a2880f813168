"""One look judged against its site's history: the rule, what it says, and what that does to the site's alert."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from pydantic import AwareDatetime

from services.alerting import looks
from services.alerting.onset import estimate_onset
from services.alerting.surges import anscombe_residuals, surge_probability
from services.alerting.sustained import limit, next_sum
from services.alerting.threshold import Prediction, predict
from shared.events import Look, Onset, Transition

SUSTAINED_SHARE = 0.1
"""False-alarm rate of the companion for slow rises, as a share of the rule's."""
SUSPICION = 2.0
"""Cumulative sum from which on the looks that it began with are suspected to belong to a rise."""
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


def judge(history: Sequence[Judgement], look: Look, rule: Rule) -> Judgement:
    """Judge one look against the looks before it.

    Args:
        history: the site's judgements, oldest first, all before `look`; what `retained` keeps of them is enough.
        look: the new look; its `expected`, `threshold` and `p_value` are ignored.
        rule: the settings.

    Returns:
        The look with its judgement. The result depends on nothing but the arguments.

    Raises:
        ValueError: the look is not after the history, or its count is negative.
    """
    if history and look.observed_at <= history[-1].observed_at:
        raise ValueError("a look must be later than the history that it is judged against")
    if look.count is not None and look.count < 0:
        raise ValueError("a count cannot be negative")
    observed = [past for past in history if past.state is not State.UNOBSERVED]
    alert = open_alert(observed)
    if look.count is None or look.coverage < rule.minimum_coverage:
        carried = {"opened_at": alert[0].observed_at, "onset": alert[-1].onset} if alert else {}
        return _judgement(look, state=State.UNOBSERVED, **carried)
    before = observed[: len(observed) - len(alert)]
    first_at = alert[0].observed_at if alert else look.observed_at
    suspected = _suspected(before)
    slow = bool(alert) and alert[0].sustained
    quiet = baseline(before, first_at, rule, suspected if slow else min(suspected, SUSPECTED_LOOKS))
    if len(quiet) < rule.minimum_looks:
        return _judgement(look, state=State.LEARNING)

    prediction = _predict(quiet, look)
    p_value = prediction.p_value(look.count)
    exceeds = p_value < rule.false_alarm_rate
    ended = bool(alert) and not exceeds and _has_ended(alert, look, prediction)
    reference = prediction
    if not alert and suspected > SUSPECTED_LOOKS:
        reference = _predict(baseline(before, first_at, rule, suspected), look)
    uncertain = reference.standard_error / reference.sd
    cusum = 0.0 if ended else next_sum(observed[-1].cusum, reference.p_value(look.count), uncertain)
    sustained = cusum > limit(SUSTAINED_SHARE * rule.false_alarm_rate)
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
            opened_at=alert[0].observed_at,
        )
    if not alert and not exceeds and not sustained:
        return _judgement(look, **findings, state=State.NORMAL)
    return _judgement(
        look,
        **findings,
        state=State.ALERT,
        transition=Transition.UPDATED if alert else Transition.OPENED,
        reason=_reason(look, prediction, findings),
        opened_at=alert[0].observed_at if alert else look.observed_at,
        onset=_onset(observed, alert, look, prediction),
    )


def open_alert(observed: Sequence[Judgement]) -> list[Judgement]:
    """The looks of the alert that stands after the last of the observed looks, oldest first; empty without one."""
    if not observed or observed[-1].state is not State.ALERT:
        return []
    opened_at = observed[-1].opened_at
    return [past for past in observed if past.opened_at == opened_at]


def baseline(before: Sequence[Judgement], at: datetime, rule: Rule, suspected: int) -> list[Judgement]:
    """The looks that one at a given time is judged against, oldest first.

    Left out are the looks of every alert of more than one look, the guard gap, and what is too old.

    Args:
        before: the site's observed looks before, oldest first. While an alert stands, those before its first look, so
            that a surge that lasts does not make itself normal.
        at: when the look to be judged, or the first of its alert, was taken.
        rule: the settings.
        suspected: how many of the last looks may belong to a rise already; the guard gap is as long at least.
    """
    sizes = Counter(past.opened_at for past in before if past.state is State.ALERT)
    oldest = at - timedelta(days=rule.window_days)
    quiet = [
        past
        for past in before
        if past.observed_at >= oldest and (past.state is not State.ALERT or sizes[past.opened_at] == 1)
    ]
    guard = min(max(rule.guard_looks, suspected), max(len(quiet) - rule.minimum_looks, 0))
    return quiet[: len(quiet) - guard][-rule.window_looks :]


def _predict(quiet: Sequence[Judgement], look: Look) -> Prediction:
    return predict(looks.quiet_looks(quiet), looks.year(look), look.coverage, looks.error_variance(look))


def _judgement(look: Look, **findings: Any) -> Judgement:
    return Judgement(look.observed_at, look.count, look.low, look.high, look.coverage, **findings)


def _suspected(observed: Sequence[Judgement]) -> int:
    """How many of the last looks may belong to a rise: those since the cumulative sum was zero, if it is high now."""
    recent = observed[-RISING_LOOKS:]
    if not recent or recent[-1].cusum < SUSPICION:
        return 0
    return next((back for back, past in enumerate(reversed(recent)) if past.cusum == 0), len(recent))


def _has_ended(alert: Sequence[Judgement], look: Look, prediction: Prediction) -> bool:
    """Whether it is more probable than not that the surge is over, given the alert's looks up to this one."""
    recent: list[looks.Seen] = [*alert[-SURGE_LOOKS:], look]
    means = prediction.expected / look.coverage * looks.coverages(recent)
    dispersions = np.full(len(recent), prediction.sd**2 / prediction.expected)
    residuals = anscombe_residuals(looks.counts(recent), means, dispersions)
    return bool(surge_probability(residuals, min(len(alert), 2 * SURGE_LOOKS))[-1] < 0.5)


def _reason(look: Look, prediction: Prediction, findings: dict[str, Any]) -> str:
    seen = f"{_short(look.count)} railcars"
    if findings["exceeds"]:
        return f"{seen} exceed the threshold of {_short(findings['threshold'])}."
    if findings["sustained"]:
        return f"{seen}, where {_short(prediction.expected)} are expected: the last looks together are too high."
    return f"{seen} do not exceed the threshold, but the surge has not clearly ended."


def _short(count: float | None) -> str:
    return f"{count or 0.0:.1f}".removesuffix(".0")


def _onset(
    observed: Sequence[Judgement], alert: Sequence[Judgement], look: Look, prediction: Prediction
) -> Onset | None:
    if len(alert) >= SURGE_LOOKS:
        return alert[-1].onset
    before = observed[: len(observed) - len(alert)]
    resolved = max((index for index, past in enumerate(before) if past.transition is Transition.RESOLVED), default=0)
    around: list[looks.Seen] = [*before[max(resolved, len(before) - BEFORE_LOOKS) :], *alert, look]
    if len(around) < 2:
        return alert[-1].onset if alert else None
    return estimate_onset(
        [past.observed_at for past in around],
        looks.counts(around),
        prediction.expected / look.coverage * looks.coverages(around),
        prediction.dispersion,
        looks.error_variances(around),
    )
