"""Bringing consumers up to date with a site's history: the step in which alerts are announced."""

from collections.abc import Collection
from datetime import datetime
from itertools import chain

from railwatch.services.alerting.history.alert_event import alert_event
from railwatch.services.alerting.history.lifecycle import records_after, transitions_due
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.records import SiteRecord, site_status
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.events import AlertEvent, EvidenceItem
from railwatch.shared.sites import Site


def bring_up_to_date(
    transaction: Transaction,
    site: Site,
    record: SiteRecord,
    public_url: str,
    now: datetime,
    look_due_at: datetime | None,
    entered: Collection[str] = (),
) -> tuple[AlertEvent, ...]:
    """Keep a site's record and status, and announce what consumers were not told of its history.

    Args:
        transaction: of the site.
        site: the site.
        record: its history as it is now, and what consumers were told.
        public_url: where alerting's pages are reached from outside.
        now: the present.
        look_due_at: by when the next look should come.
        entered: the scenes that entered the history.
    """
    judgements = record.history.judgements
    due = transitions_due(site, record.alerts, judgements)
    events = tuple(
        alert_event(site, one, judgements, _evidence(transaction, one.judgement), public_url, now) for one in due
    )
    transaction.announce(events)
    record = SiteRecord(history=record.history, alerts=records_after(record.alerts, due, judgements))
    transaction.put_record(record, entered)
    if judgements:
        transaction.put_status(site_status(record, look_due_at))
    return events


def _evidence(transaction: Transaction, look: Judgement) -> list[EvidenceItem]:
    """The evidence of a look by tile, and within it by frame."""
    found = [transaction.evidence(scene) for scene in look.frames or (look.scene,)]
    return [of_frame[tile] for tile in sorted({*chain(*found)}) for of_frame in found if tile in of_frame]
