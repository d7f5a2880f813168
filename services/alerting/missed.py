"""Missed looks: a site that should have been seen by now and was not, because a provider is dead or the cloud endless.

How often a site is seen is learned from itself. The next look is due after twice the second longest of its last gaps:
looks come irregularly, and one outage in the past must not hide the next. Looks from an archive promise no next one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from services.alerting.sentence import day
from shared.counts import Frozen, UtcDatetime

GAPS = 20
FEWEST_GAPS = 5
SHORTEST_WAIT = timedelta(days=2)


class Miss(StrEnum):
    """What was missed."""

    LOOK = "look"
    CLEAR_LOOK = "clear-look"


class Missed(Frozen):
    """A look that should have come.

    Attributes:
        site: id of the site.
        miss: any look, or one on which something could be seen.
        due_at: by when it should have come.
        last_at: when the last one was taken; null if there never was one.
    """

    site: str
    miss: Miss
    due_at: UtcDatetime
    last_at: UtcDatetime | None


def next_due(times: Sequence[datetime], arrived_at: datetime) -> datetime | None:
    """By when the next look should come.

    Null while too little is known of the site, and where the last look was so old when it arrived that the next was due
    already: then an archive is being read.

    Args:
        times: of the looks so far, oldest first.
        arrived_at: when the last one arrived.
    """
    gaps = sorted(after - before for before, after in pairwise(times[-GAPS - 1 :]))
    if len(gaps) < FEWEST_GAPS:
        return None
    due_at = times[-1] + max(SHORTEST_WAIT, 2 * gaps[-2])
    return due_at if due_at > arrived_at else None


def told(site_name: str, missed: Missed) -> str:
    """What was missed, told to a person."""
    what = "look at the site" if missed.miss is Miss.LOOK else "look at the site that was not hidden"
    last = f"the last was on {day(missed.last_at)}" if missed.last_at else "there has never been one"
    return f"{site_name}: a {what} was due by {day(missed.due_at)}; {last}."
