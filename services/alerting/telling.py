"""Telling of missed looks: what time brings about, and no count does."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from railwatch.services.alerting.history.missed import Missed, steps, unwatched
from railwatch.services.alerting.state.store import Windows
from railwatch.services.alerting.state.transaction import MISSED, SiteStatus, SiteView
from railwatch.shared.events import Miss, MissedLookEvent
from railwatch.shared.sites import Site


def tell_missed(
    windows: Windows, sites: Mapping[str, Site], first_wait: timedelta, public_url: str, now: datetime
) -> None:
    """Note the looks that are missed by now, and those that no longer are; what is to be told goes to the outbox.

    Args:
        windows: where it is kept.
        sites: those to be seen.
        first_wait: how long a site may be known without ever having been seen.
        public_url: where alerting's pages are reached from outside.
        now: the present.

    Raises:
        TransientError: Redis is away.
    """
    page_url = f"{public_url.rstrip('/')}/"
    statuses, known_since, told = windows.statuses(), windows.known_since(sites, now), windows.missed()

    def taken(site_id: str, status: SiteStatus | None, told: list[MissedLookEvent]) -> list[MissedLookEvent]:
        site = sites.get(site_id)
        if site is None:
            return list(unwatched(told, now))
        if status is None:
            due_at = known_since[site_id] + first_wait
            overdue = [Missed(miss=Miss.LOOK, due_at=due_at, last_at=None)] if due_at < now else []
            return list(steps(site, overdue, told, {}, page_url, now))
        return list(steps(site, status.missed(now), told, status.seen, page_url, now))

    def note(view: SiteView) -> None:
        view.say_missed(taken(view.site, view.status(), view.missed()))

    for site_id in {*sites, *told}:
        if taken(site_id, statuses.get(site_id), told.get(site_id, [])):
            windows.transact(site_id, note, MISSED)
