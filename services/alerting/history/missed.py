"""Missed looks: a site that should have been seen by now and was not. A provider is dead, or the cloud does not end.

How often a site is seen is learned from its own looks. The next look is due after twice the second longest of its last
gaps: looks come irregularly, and one outage in the past must not hide the next. Looks from an archive promise no next
look.

Consumers hear that a look was missed, and that the site has been seen again. Until then the look stays missed, whatever
late or corrected looks say about the gaps before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from railwatch.services.alerting.history.wording import day
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Miss, MissedLookEvent, Transition, derived_id
from railwatch.shared.sites import Site

# The next look is predicted from this many gaps between looks, and from no fewer than `FEWEST_GAPS`.
GAPS = 20
FEWEST_GAPS = 5

# The next look is never due sooner than this.
SHORTEST_WAIT = timedelta(days=2)

# A site that left the catalogue is reported as missed again no sooner than this. While a new catalogue is rolled out,
# processes with the old one work beside those with the new one, and they must not contradict each other.
GIVEN_BACK_AFTER = timedelta(days=1)


class Missed(Frozen):
    """A look that should have come.

    Attributes:
        miss: any look, or one on which something could be seen.
        due_at: by when it should have come.
        last_at: when the last one was taken; null if there never was one.
    """

    miss: Miss
    due_at: UtcDatetime
    last_at: UtcDatetime | None


def next_due(times: Sequence[datetime]) -> datetime | None:
    """By when the next look should come; null while too little is known about the site.

    Args:
        times: of the looks so far, oldest first.
    """
    gaps = sorted(after - before for before, after in pairwise(times[-GAPS - 1 :]))
    if len(gaps) < FEWEST_GAPS:
        return None
    return times[-1] + max(SHORTEST_WAIT, 2 * gaps[-2])


def promised(times: Sequence[datetime], arrived_at: datetime) -> datetime | None:
    """By when the next look should come, after one that has just arrived.

    Also null if the look was so old on arrival that the next one was already due: then an archive is being read.

    Args:
        times: of the looks so far, oldest first.
        arrived_at: when the last one arrived.
    """
    due_at = next_due(times)
    return due_at if due_at and due_at > arrived_at else None


def missed_look_events(
    site: Site,
    overdue: Iterable[Missed],
    known: Sequence[MissedLookEvent],
    seen: Mapping[Miss, datetime | None],
    page_url: str,
    now: datetime,
) -> Iterator[MissedLookEvent]:
    """The events about a site's missed looks that consumers have not had yet.

    Args:
        site: the site.
        overdue: looks that should have come by now.
        known: the last event about each kind of look.
        seen: when the site was last seen, by kind of look.
        page_url: where a person sees how sites stand.
        now: the present.
    """
    last = {event.miss: event for event in known}
    for event in known:
        seen_at = seen.get(event.miss)
        if event.stands and seen_at is not None and (event.last_at is None or seen_at > event.last_at):
            last[event.miss] = _ended(event, seen_at, now)
            yield last[event.miss]
    for look in overdue:
        before = last.get(look.miss)
        if before is None or not (before.stands or _was_just_taken_away(before, now)):
            yield _begun(site, look, before, page_url, now)


def events_of_unwatched(known: Sequence[MissedLookEvent], now: datetime) -> Iterator[MissedLookEvent]:
    """The ends of the missed looks of a site that is no longer in the catalogue."""
    return (_ended(event, None, now) for event in known if event.stands)


def _was_just_taken_away(event: MissedLookEvent, now: datetime) -> bool:
    return event.seen_at is None and now < event.recorded_at + GIVEN_BACK_AFTER


def _begun(site: Site, look: Missed, before: MissedLookEvent | None, page_url: str, now: datetime) -> MissedLookEvent:
    missed = derived_id("railwatch.missed-look", site.id, look.miss.value, look.due_at.isoformat())
    last = f"the last was on {day(look.last_at)}" if look.last_at else "there has never been one"
    promise = "that the site's own history promises" if look.last_at else "that a site may wait for its first look"
    return MissedLookEvent(
        recorded_at=now,
        missed=missed,
        sequence=before.sequence + 1 if before and before.missed == missed else 1,
        transition=Transition.OPENED,
        reason=f"None came within the time {promise}.",
        site=site.id,
        site_name=site.name,
        miss=look.miss,
        due_at=look.due_at,
        last_at=look.last_at,
        sentence=f"{site.name}: {_what(look.miss)} was due by {day(look.due_at)}; {last}.",
        page_url=page_url,
    )


def _ended(event: MissedLookEvent, seen_at: datetime | None, now: datetime) -> MissedLookEvent:
    due = f"{_what(event.miss)} had been due by {day(event.due_at)}"
    again = f"was seen again on {day(seen_at)}" if seen_at else "is no longer watched"
    changes = {
        "recorded_at": now,
        "sequence": event.sequence + 1,
        "transition": Transition.RESOLVED,
        "reason": f"The site {again}.",
        "seen_at": seen_at,
        "sentence": f"{event.site_name} {again}; {due}.",
    }
    return event.model_copy(update=changes)


def _what(miss: Miss) -> str:
    return "a look at the site" if miss is Miss.LOOK else "a look at the site that was not hidden"
