"""Announcing missed looks: no count brings them about, but the passing of time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from railwatch.services.alerting.history.missed import Missed, events_of_unwatched, missed_look_events
from railwatch.services.alerting.state.keys import MISSED
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.events import Miss, MissedLookEvent
from railwatch.shared.sites import Site


def announce_missed_looks(
    store: Store, sites: Mapping[str, Site], first_wait: timedelta, public_url: str, now: datetime
) -> None:
    """Note the looks that are missed by now, and those that no longer are. The events go to the outbox.

    Args:
        store: where the state is kept.
        sites: the catalogue.
        first_wait: how long a site may be in the catalogue before its first look.
        public_url: where alerting's pages are reached from outside.
        now: the present.

    Raises:
        TransientError: Redis does not answer.
    """
    page_url = f"{public_url.rstrip('/')}/"
    statuses, known_since, known = store.statuses(), store.known_since(sites, now), store.missed()

    def due(site_id: str, status: SiteStatus | None, known: Sequence[MissedLookEvent]) -> list[MissedLookEvent]:
        site = sites.get(site_id)
        if site is None:
            return list(events_of_unwatched(known, now))
        if status is None:
            due_at = known_since[site_id] + first_wait
            overdue = [Missed(miss=Miss.LOOK, due_at=due_at, last_at=None)] if due_at < now else []
            return list(missed_look_events(site, overdue, known, {}, page_url, now))
        return list(missed_look_events(site, status.missed(now), known, status.seen, page_url, now))

    def announce(transaction: Transaction) -> None:
        transaction.announce_missed(due(transaction.site, transaction.status(), transaction.missed()))

    for site_id in {*sites, *known}:
        if due(site_id, statuses.get(site_id), known.get(site_id, [])):
            store.transact(site_id, announce, MISSED)
