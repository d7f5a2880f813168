"""One look judged against its site's past: whether it is too high, and what that does to the site's alert."""

from typing import Any

import numpy as np

from railwatch.services.alerting.rule import looks
from railwatch.services.alerting.rule.cusum import limit, next_sum
from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule, State
from railwatch.services.alerting.rule.onset import estimate_onset
from railwatch.services.alerting.rule.past import RISING_LOOKS, SURGE_LOOKS, Past, Times, baseline
from railwatch.services.alerting.rule.regression import QuietLooks
from railwatch.services.alerting.rule.surges import Array, surge_probability
from railwatch.services.alerting.rule.threshold import Prediction, predict
from railwatch.shared.events import Look, Onset, Transition

# False-alarm rate of the CUSUM, as a share of the rule's.
CUSUM_SHARE = 0.1

# From this cumulative sum on, the looks since it was zero are suspected to belong to a rise.
SUSPICION = 2.0

# The sum goes no further beyond its limit than this. So it shows within a look or two that a rise is over.
OVER_LIMIT = 1.0

# The threshold's baseline leaves out at most this many suspected looks. Most surges are shorter, and a season that sets
# in is still learned.
SUSPECTED_LOOKS = 8

# The onset of an alert is sought among this many looks before it.
BEFORE_LOOKS = 20


def judge(past: Past, seen: Observation, rule: Rule) -> Judgement:
    """Judge one observation against the looks before it. The result depends on nothing but the arguments.

    Args:
        past: the looks before. Those that `past.needed` keeps are enough.
        seen: the new observation. One that was judged before is judged anew.
        rule: the settings.

    Raises:
        ValueError: the look is not after those before, or its count is negative.
    """
    _refuse_impossible(past, seen)
    alert = past.alert
    lasted = alert.stop > alert.start
    opened_at = looks.moment(int(past.at_us[alert.start])) if lasted else None
    standing = {"opened_at": opened_at, "onset": past.onset if lasted else None}
    at_least = looks.at_least(seen)
    if at_least is None or seen.coverage < rule.minimum_coverage:
        return _judgement(seen, state=State.UNOBSERVED, **standing)
    first_us = looks.microseconds(opened_at or seen.observed_at)
    suspected = _suspected(past.cusum[: alert.start])
    slow = lasted and bool(past.cusum_exceeds[alert.start])
    left_out = suspected if slow else min(suspected, SUSPECTED_LOOKS)
    quiet = baseline(past, alert.start, first_us, rule, left_out)
    measured = seen.occupied is not None
    if len(quiet) < rule.minimum_looks:
        return _judgement(seen, state=State.MEASURED if measured else State.LEARNING)

    shown = max(seen.coverage, float(np.median(past.coverage[quiet])))
    prediction = _predict(past, quiet, seen, shown)
    p_value = prediction.p_value(at_least)
    exceeds = p_value < rule.false_alarm_rate
    predicted = {
        "expected": prediction.expected,
        "threshold": prediction.threshold(rule.false_alarm_rate),
        "p_value": p_value,
        "exceeds": exceeds,
    }
    if measured:
        return _of_measured(past, seen, prediction, shown, predicted, standing)
    reference, p_reference = prediction, p_value
    if not lasted and suspected > left_out:
        reference = _predict(past, baseline(past, alert.start, first_us, rule, suspected), seen, shown)
        p_reference = reference.p_value(at_least)
    whole = seen.coverage >= rule.whole_coverage
    falls = whole or (not lasted and seen.coverage >= shown)
    cusum, cusum_exceeds = _next_cusum(past, reference, p_reference, rule, falls=falls)
    ended = lasted and whole and not exceeds and not (slow and cusum_exceeds)
    ended = ended and _has_ended(past, alert, seen, prediction, shown, rule)
    if ended and not slow:
        cusum, cusum_exceeds = 0.0, False
    findings: dict[str, Any] = {**predicted, "cusum": cusum, "cusum_exceeds": cusum_exceeds}
    if ended:
        reason = f"{_short(seen.count)} railcars are what the site's history makes plausible."
        findings |= {"transition": Transition.RESOLVED, "reason": reason, "opened_at": opened_at}
    elif lasted or exceeds or cusum_exceeds:
        findings |= {
            "state": State.ALERT,
            "transition": Transition.UPDATED if lasted else Transition.OPENED,
            "reason": _reason(seen, prediction, findings, whole),
            "opened_at": opened_at or seen.observed_at,
            "onset": _onset(past, alert, seen, prediction, shown),
        }
    return _judgement(seen, **{"state": State.NORMAL, **findings})


def _of_measured(
    past: Past,
    seen: Observation,
    prediction: Prediction,
    shown: float,
    predicted: dict[str, Any],
    standing: dict[str, Any],
) -> Judgement:
    """A look of metres, not of a count. It opens or confirms an alert if even its fewest cars are too many.

    Otherwise it changes nothing: it ends no alert, adds nothing to the sum for slow rises, and enters no baseline.
    """
    if not predicted["exceeds"]:
        return _judgement(seen, state=State.MEASURED, **predicted, **standing)
    alert = past.alert
    lasted = alert.stop > alert.start
    findings = {
        **predicted,
        "cusum": float(past.cusum[-1]),
        "cusum_exceeds": bool(past.cusum_exceeds[-1]),
        "transition": Transition.UPDATED if lasted else Transition.OPENED,
        "reason": _reason(seen, prediction, predicted, whole=True),
        "opened_at": standing["opened_at"] or seen.observed_at,
        "onset": _onset(past, alert, seen, prediction, shown),
    }
    return _judgement(seen, state=State.ALERT, **findings)


def _refuse_impossible(past: Past, seen: Observation) -> None:
    if past.last_at is not None and seen.observed_at <= past.last_at:
        raise ValueError("a look must be later than the history that it is judged against")
    if seen.count is not None and seen.count < 0:
        raise ValueError("a count cannot be negative")


def _next_cusum(past: Past, reference: Prediction, p_value: float, rule: Rule, *, falls: bool) -> tuple[float, bool]:
    """The cumulative sum after a look, which may not fall at each, and whether it is above its limit."""
    highest = limit(CUSUM_SHARE * rule.false_alarm_rate)
    uncertain = reference.standard_error / reference.sd
    before = float(past.cusum[-1])
    cusum = min(next_sum(before, p_value, uncertain), highest + OVER_LIMIT)
    cusum = cusum if falls else max(cusum, before)
    return cusum, cusum > highest


def _predict(past: Past, quiet: Times, look: Look, shown: float) -> Prediction:
    """What the quiet looks predict for the share of the track that they usually showed, or that the look shows if more.

    Cars do not stand evenly. A part of the site with more cars than all that is known of it should have is a surge for
    certain. More than its even share says nothing: cars may always stand there.
    """
    against = QuietLooks(
        years=looks.years(past.at_us[quiet]),
        counts=past.counts[quiet],
        coverage=past.coverage[quiet],
        error_variance=past.error_variance[quiet],
    )
    # The fewest cars of a measured look leave its error behind already.
    error = 0.0 if look.occupied is not None else looks.error_variance(look)
    return predict(against, looks.year(look.observed_at), shown, error)


def _judgement(seen: Observation, **findings: Any) -> Judgement:
    return Judgement(**{name: getattr(seen, name) for name in Observation.model_fields}, **findings)


def _suspected(cusum: Array) -> int:
    """How many of the last looks may belong to a rise: those since the sum was zero, if it is high now."""
    recent = cusum[-RISING_LOOKS:]
    if not len(recent) or recent[-1] < SUSPICION:
        return 0
    zeros = np.flatnonzero(recent == 0)
    return len(recent) - 1 - int(zeros[-1]) if len(zeros) else len(recent)


def _has_ended(past: Past, alert: slice, look: Look, prediction: Prediction, shown: float, rule: Rule) -> bool:
    """Whether it is more probable than not that the surge is over, given the alert's looks up to this one.

    A look at a part of the site speaks only for the surge: where it shows more cars than the whole site should have.
    """
    recent = slice(max(alert.start, alert.stop - SURGE_LOOKS), alert.stop)
    counts = np.append(past.counts[recent], look.count or 0.0)
    coverage = np.append(past.coverage[recent], look.coverage)
    expected = prediction.expected / shown
    speaks = (coverage >= rule.whole_coverage) | (counts > expected)
    lasted = min(alert.stop - alert.start, 2 * SURGE_LOOKS)
    dispersion = prediction.sd**2 / prediction.expected
    return surge_probability(counts[speaks], expected * coverage[speaks], dispersion, lasted) < 0.5


def _reason(look: Look, prediction: Prediction, findings: dict[str, Any], whole: bool) -> str:
    least = "at least " if look.occupied is not None else ""
    seen = f"{least}{_short(looks.at_least(look))} railcars".capitalize()
    if findings["exceeds"]:
        return f"{seen} exceed the threshold of {_short(findings['threshold'])}."
    if findings["cusum_exceeds"]:
        return f"{seen}, where {_short(prediction.expected)} are expected: the last looks together are too high."
    if not whole:
        return f"{seen} on the {look.coverage:.0%} of the track that was seen do not show that the surge has ended."
    return f"{seen} do not exceed the threshold, but the surge has not clearly ended."


def _short(count: float | None) -> str:
    return f"{count or 0.0:.1f}".removesuffix(".0")


def _onset(past: Past, alert: slice, look: Look, prediction: Prediction, shown: float) -> Onset | None:
    if alert.stop - alert.start >= SURGE_LOOKS:
        return past.onset
    resolved = np.flatnonzero(past.resolved[: alert.start])
    around = slice(max(int(resolved[-1]) if len(resolved) else 0, alert.start - BEFORE_LOOKS), alert.stop)
    if around.start == around.stop:
        return past.onset
    return estimate_onset(
        [*map(looks.moment, past.at_us[around].tolist()), look.observed_at],
        np.append(past.counts[around], looks.estimate(look)),
        prediction.expected / shown * np.append(past.coverage[around], look.coverage),
        prediction.dispersion,
        np.append(past.error_variance[around], looks.error_variance(look)),
    )
