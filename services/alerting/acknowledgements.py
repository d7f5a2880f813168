"""What people do with an alert that stands: they acknowledge it, or silence it for receivers.

Both are transitions of the alert like any other: numbered, kept, and published with who did it and why.
"""

from datetime import datetime

from railwatch.services.alerting import metrics
from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.history.wording import moment
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.errors import NotStandingError
from railwatch.shared.events import AlertEvent, Transition


def acknowledge(store: Store, event: AlertEvent, by: str, note: str, now: datetime) -> AlertEvent:
    """Record that somebody has seen the alert and takes care of it.

    Args:
        store: where alerts are kept.
        event: any event of the alert.
        by: who acknowledges it.
        note: what they add.
        now: the present.

    Raises:
        NotStandingError: there is nothing to acknowledge.
        TransientError: Redis does not answer.
    """
    reason = f"Acknowledged by {by}" + (f": {note}" if note else ".")
    return _transition(store, event, now, {"transition": Transition.ACKNOWLEDGED, "by": by, "reason": reason})


def silence(store: Store, event: AlertEvent, by: str, note: str, until: datetime, now: datetime) -> AlertEvent:
    """Send receivers nothing about the alert until a time. The alerts topic goes on.

    Raises:
        NotStandingError: there is nothing to silence.
        TransientError: Redis does not answer.
    """
    reason = f"Silenced by {by} until {moment(until)}" + (f": {note}" if note else ".")
    changes = {"transition": Transition.SILENCED, "by": by, "until": until, "reason": reason}
    return _transition(store, event, now, changes)


def _transition(store: Store, event: AlertEvent, now: datetime, changes: dict[str, object]) -> AlertEvent:
    def work(transaction: Transaction) -> AlertEvent:
        alerts = transaction.record.alerts
        record = next((record for record in alerts if record.alert == event.alert), None)
        last = transaction.latest(event.alert)
        if record is None or last is None or not record.stands:
            raise NotStandingError(f"Alert {event.alert} does not stand.")
        sequence = record.sequence + 1
        after = last.model_copy(update={"until": None, "sequence": sequence, "recorded_at": now, **changes})
        transaction.announce([after], cause=None)
        transaction.put_record(SiteRecord(history=transaction.record.history, alerts=_updated(alerts, after)))
        return after

    done = store.transact(event.site, work)
    metrics.ALERT_TRANSITIONS.labels(done.transition.value).inc()
    return done


def _updated(records: tuple[AlertRecord, ...], event: AlertEvent) -> tuple[AlertRecord, ...]:
    changes = {"sequence": event.sequence, "transition": event.transition}
    return tuple(r.model_copy(update=changes) if r.alert == event.alert else r for r in records)
