"""Alerts in words: numbers as people say them, short dates, and one sentence after another."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.counts import Occupied
from railwatch.shared.events import ContextLag, Onset, Recalibrated, Transition

# From this coverage on, a sentence says nothing about it.
SEEN_WHOLE = 0.9


def number(count: float | None) -> str:
    """A count as a whole number."""
    return "unknown" if count is None else f"{count:.0f}"


def amount(count: float | None, occupied_m: float | None) -> str:
    """A count, or the metres of a look that was measured and not counted."""
    return number(count) if occupied_m is None else f"{occupied_m:.0f} m"


def metres(occupied: Occupied) -> str:
    """Metres under trains with their interval, such as `412 m (350 to 480 m)`."""
    return f"{occupied.occupied_m:.0f} m ({occupied.low_m:.0f} to {occupied.high_m:.0f} m)"


def cars(occupied: Occupied) -> str:
    """The range of cars on metres under trains."""
    return f"{math.floor(occupied.cars_low)} to {math.ceil(occupied.cars_high)} railcars"


def at_most(threshold: float) -> str:
    """The highest whole count that does not exceed a threshold."""
    return str(math.floor(threshold))


def day(at: datetime, beside: datetime | None = None) -> str:
    """A date in UTC, without the year if the date `beside` it is in the same year."""
    at = at.astimezone(UTC)
    text = f"{at.day} {at:%B}"
    return text if beside is not None and beside.astimezone(UTC).year == at.year else f"{text} {at.year}"


def moment(at: datetime) -> str:
    """A date and time of day in UTC."""
    return f"{day(at)}, {at.astimezone(UTC):%H:%M} UTC"


def sentence(
    site_name: str,
    transition: Transition,
    opened_at: datetime,
    look: Judgement,
    context: Sequence[ContextLag],
    reason: str,
) -> str:
    """The alert for a person to read.

    Args:
        site_name: what people call the site.
        transition: what happened to the alert.
        opened_at: when the look that opened it was taken.
        look: the look that the transition is about.
        context: the site's context events near the onset, nearest first.
        reason: why a retraction.
    """
    if transition is Transition.RETRACTED:
        return f"{site_name}: the alert of {day(opened_at)} is withdrawn. {reason}"
    if transition is Transition.RESOLVED:
        parts = [f"{site_name}: the alert of {day(opened_at)} has ended. {_seen(look)}{_normal_again(look)}."]
    else:
        parts = [f"{site_name}: {_seen(look)}{_too_high(look)}."]
        if look.onset:
            parts.append(_rise(look.onset, context, look.observed_at))
    if look.recalibrated is not None:
        parts.append(f"{as_recalibrated(look.recalibrated)}.")
    if look.coverage < SEEN_WHOLE:
        parts.append(f"Only {look.coverage:.0%} of the track could be seen.")
    if look.missing_tiles:
        several = "s" if len(look.missing_tiles) > 1 else ""
        parts.append(f"Not counted in time: tile{several} {', '.join(look.missing_tiles)}.")
    return " ".join(parts)


def as_recalibrated(recalibrated: Recalibrated) -> str:
    """A count as people's verdicts make it: which count is which must be clear where both stand."""
    looks = f"{recalibrated.verdicts} earlier look{'' if recalibrated.verdicts == 1 else 's'}"
    interval = f"{number(recalibrated.low)} to {number(recalibrated.high)}"
    known = f"by what people said of {looks} here, it is {number(recalibrated.count)} ({interval})"
    return f"That is the detector's count; {known}"


def _seen(look: Judgement) -> str:
    if look.occupied is not None:
        return f"{metres(look.occupied)} of track under trains, {cars(look.occupied)}, on {day(look.observed_at)}"
    if look.count is None:
        return f"nothing could be seen on {day(look.observed_at)}"
    return f"{number(look.count)} railcars ({number(look.low)} to {number(look.high)}) on {day(look.observed_at)}"


def _too_high(look: Judgement) -> str:
    if look.threshold is None:
        return ""
    if look.exceeds:
        return f", where at most {at_most(look.threshold)} were expected"
    if look.cusum_exceeds:
        return f", where about {number(look.expected)} were expected; the last looks together are too high"
    return f", where about {number(look.expected)} were expected"


def _normal_again(look: Judgement) -> str:
    return "" if look.threshold is None else f", where up to {at_most(look.threshold)} are expected"


def _rise(onset: Onset, context: Sequence[ContextLag], beside: datetime) -> str:
    text = f"The rise began about {day(onset.at, beside)}"
    if onset.low.date() != onset.high.date():
        text += f" ({_span(onset, beside)})"
    if context:
        text += f", {lag(context[0])}"
    return text + "."


def _span(onset: Onset, beside: datetime) -> str:
    if (onset.low.year, onset.low.month) == (onset.high.year, onset.high.month) == (onset.at.year, onset.at.month):
        return f"{onset.low.day} to {onset.high.day}"
    return f"{day(onset.low, beside)} to {day(onset.high, beside)}"


def lag(context: ContextLag) -> str:
    """When a rise began, relative to a context event."""
    days = round(context.lag_days)
    if days == 0:
        return f"on the day of the {context.title}"
    plural = "" if abs(days) == 1 else "s"
    return f"{abs(days)} day{plural} {'after' if days > 0 else 'before'} the {context.title}"
