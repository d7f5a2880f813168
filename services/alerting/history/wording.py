"""Alerts told to a person: numbers as one says them, dates without what is understood, one sentence after another."""

import math
from collections.abc import Sequence
from datetime import datetime

from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.events import ContextLag, Onset, Transition

SEEN_WHOLE = 0.9
"""Coverage from which nothing is said about it."""


def number(count: float | None) -> str:
    """A count as one says it: whole."""
    return "unknown" if count is None else f"{count:.0f}"


def day(at: datetime, beside: datetime | None = None) -> str:
    """A date, without the year where that is the year of the date `beside` it."""
    text = f"{at.day} {at:%B}"
    return text if beside is not None and beside.year == at.year else f"{text} {at.year}"


def moment(at: datetime) -> str:
    """A date and time of day in UTC."""
    return f"{day(at)}, {at:%H:%M} UTC"


def sentence(
    site_name: str,
    transition: Transition,
    opened_at: datetime,
    judgement: Judgement,
    context: Sequence[ContextLag],
    reason: str,
    missing_tiles: Sequence[str],
) -> str:
    """The alert, told to a person.

    Args:
        site_name: what people call the site.
        transition: what happened to the alert.
        opened_at: when the look that opened it was taken.
        judgement: the look that the transition speaks of.
        context: the site's context events near the onset, nearest first.
        reason: why a retraction.
        missing_tiles: tiles of the look's scene that were not counted.
    """
    if transition is Transition.RETRACTED:
        return f"{site_name}: the alert of {day(opened_at)} is withdrawn. {reason}"
    if transition is Transition.RESOLVED:
        parts = [f"{site_name}: the alert of {day(opened_at)} has ended. {_seen(judgement)}{_normal_again(judgement)}."]
    else:
        parts = [f"{site_name}: {_seen(judgement)}{_too_high(judgement)}."]
        if judgement.onset:
            parts.append(_rise(judgement.onset, context, judgement.observed_at))
    if judgement.coverage < SEEN_WHOLE:
        parts.append(f"Only {judgement.coverage:.0%} of the track could be seen.")
    if missing_tiles:
        several = "s" if len(missing_tiles) > 1 else ""
        parts.append(f"Not counted in time: tile{several} {', '.join(missing_tiles)}.")
    return " ".join(parts)


def _seen(judgement: Judgement) -> str:
    if judgement.count is None:
        return f"nothing could be seen on {day(judgement.observed_at)}"
    interval = f"{number(judgement.low)} to {number(judgement.high)}"
    return f"{number(judgement.count)} railcars ({interval}) on {day(judgement.observed_at)}"


def _too_high(judgement: Judgement) -> str:
    if judgement.threshold is None:
        return ""
    if judgement.exceeds:
        return f", where at most {math.floor(judgement.threshold)} were expected"
    if judgement.sustained:
        return f", where about {number(judgement.expected)} were expected; the last looks together are too high"
    return f", where about {number(judgement.expected)} were expected"


def _normal_again(judgement: Judgement) -> str:
    return "" if judgement.threshold is None else f", where up to {math.floor(judgement.threshold)} are expected"


def _rise(onset: Onset, context: Sequence[ContextLag], beside: datetime) -> str:
    told = f"The rise began about {day(onset.at, beside)}"
    if onset.low.date() != onset.high.date():
        told += f" ({_span(onset, beside)})"
    if context:
        told += f", {_lag(context[0])}"
    return told + "."


def _span(onset: Onset, beside: datetime) -> str:
    if (onset.low.year, onset.low.month) == (onset.high.year, onset.high.month) == (onset.at.year, onset.at.month):
        return f"{onset.low.day} to {onset.high.day}"
    return f"{day(onset.low, beside)} to {day(onset.high, beside)}"


def _lag(context: ContextLag) -> str:
    days = round(context.lag_days)
    if days == 0:
        return f"on the day of the {context.title}"
    plural = "" if abs(days) == 1 else "s"
    return f"{abs(days)} day{plural} {'after' if days > 0 else 'before'} the {context.title}"
