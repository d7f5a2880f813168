"""Filling the archive from the counts topic: with what was taken in before there was one, or what it has lost."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice

from railwatch.services.alerting.archive.store import Archive, count_path, entry_path
from railwatch.services.alerting.history.observations import check_count, tracks_by_tile
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Site

# Counts that are written at the same time, for the time that the object store takes to answer.
AT_ONCE = 16
# Counts that are in memory at the same time.
BATCH = 256


def fill(archive: Archive, counts: Iterable[CountEvent], sites: Mapping[str, Site], now: datetime) -> int:
    """Put counts into the archive that it lacks; returns how many these were.

    Those that cannot be true are left out, and those of unknown sites. A site is listed once, so that what is there
    already costs no request.

    Args:
        archive: the archive.
        counts: in any order; they are let go one by one.
        sites: the catalogue.
        now: the present.

    Raises:
        DependencyAwayError: the object store does not answer, or refuses.
    """
    found = iter(_lacking(archive, counts, sites, now))
    filled = 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="filling") as writers:
        while batch := list(islice(found, BATCH)):
            list(writers.map(archive.put, batch))
            filled += len(batch)
    return filled


def _lacking(
    archive: Archive, counts: Iterable[CountEvent], sites: Mapping[str, Site], now: datetime
) -> Iterator[CountEvent]:
    held: dict[str, set[str]] = {}
    tracks_m: dict[str, dict[str, float]] = {}
    for event in counts:
        site = sites.get(event.site)
        if site is None:
            continue
        if site.id not in held:
            held[site.id], tracks_m[site.id] = set(archive.paths(site.id)), tracks_by_tile(site)
        paths = {count_path(event), entry_path(event)}
        if paths <= held[site.id]:
            continue
        try:
            check_count(event, tracks_m[site.id], site.car_lengths_m[0], now)
        except UnprocessableError:
            continue
        held[site.id] |= paths
        yield event
