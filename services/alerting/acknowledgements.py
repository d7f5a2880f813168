"""What people do with an alert that stands: they acknowledge it, or silence it for receivers.

Both are transitions of the alert like any other: numbered, kept, and published with who did it and why. The record of
the act goes with them.
"""

from dataclasses import dataclass
from datetime import datetime

from railwatch.services.alerting import metrics
from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.history.wording import moment
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.errors import NotStandingError
from railwatch.shared.events import Admission, AlertEvent, Transition
from railwatch.shared.events.acts import act_at_alerting


@dataclass(frozen=True)
class Act:
    """What somebody does with an alert.

    Attributes:
        by: who they are, as they or a proxy say.
        note: what they add.
        sender: name of the token with which they do it; null if it has none, or if there is no token.
        at: when.
        admission: how they were let in.
    """

    by: str
    note: str
    sender: str | None
    at: datetime
    admission: Admission = Admission.TOKEN

    def told(self, what: str, until: str = "") -> str:
        """The act in one sentence."""
        sender = f" with the token {self.sender}" if self.sender else ""
        return f"{what} by {self.by}{sender}{until}" + (f": {self.note}" if self.note else ".")


def acknowledge(store: Store, event: AlertEvent, act: Act) -> AlertEvent:
    """Record that somebody has seen the alert and takes care of it. To say the same again changes nothing.

    Args:
        store: where alerts are kept.
        event: any event of the alert.
        act: who does it, and when.

    Raises:
        NotStandingError: there is nothing to acknowledge.
        TransientError: Redis does not answer.
    """
    return _transition(store, event, act, {"transition": Transition.ACKNOWLEDGED, "reason": act.told("Acknowledged")})


def silence(store: Store, event: AlertEvent, act: Act, until: datetime) -> AlertEvent:
    """Send receivers nothing about the alert until a time. The alerts topic goes on. The same again changes nothing.

    Raises:
        NotStandingError: there is nothing to silence.
        TransientError: Redis does not answer.
    """
    reason = act.told("Silenced", f" until {moment(until)}")
    return _transition(store, event, act, {"transition": Transition.SILENCED, "until": until, "reason": reason})


def _transition(store: Store, event: AlertEvent, act: Act, changes: dict[str, object]) -> AlertEvent:
    """The alert after the act; after its last event, if the last act of this kind was the same."""
    new = {"by": act.by, "sender": act.sender, "until": None, "recorded_at": act.at, **changes}

    def work(transaction: Transaction) -> tuple[AlertEvent, bool]:
        alerts = transaction.record.alerts
        record = next((record for record in alerts if record.alert == event.alert), None)
        last = transaction.latest(event.alert)
        if record is None or last is None or not record.stands:
            raise NotStandingError(f"Alert {event.alert} does not stand.")
        after = AlertEvent.model_validate({**dict(last), **new, "sequence": record.sequence + 1})
        before = transaction.last_of(event.alert, after.transition)
        if before and _same(before, after):
            return last, False
        transaction.announce([after])
        transaction.record_act(act_at_alerting(after, act.admission))
        transaction.put_record(SiteRecord(history=transaction.record.history, alerts=_updated(alerts, after)))
        return after, True

    done, changed = store.transact(event.site, work)
    if changed:
        metrics.ALERT_TRANSITIONS.labels(done.transition.value).inc()
    return done


def _same(one: AlertEvent, other: AlertEvent) -> bool:
    return (one.by, one.sender, one.until, one.reason) == (other.by, other.sender, other.until, other.reason)


def _updated(records: tuple[AlertRecord, ...], event: AlertEvent) -> tuple[AlertRecord, ...]:
    changes = {"sequence": event.sequence, "transition": event.transition}
    return tuple(r.model_copy(update=changes) if r.alert == event.alert else r for r in records)
