"""What people say of an alert that stands: that they have seen it, or that receivers are to be left in peace.

Both are steps of the alert's life like any other: numbered, kept, and published with who said it and why.
"""

from datetime import datetime

from railwatch.services.alerting.history.lifecycle import AlertRecord
from railwatch.services.alerting.history.wording import moment
from railwatch.services.alerting.state.store import Windows
from railwatch.services.alerting.state.transaction import SiteView, Window
from railwatch.shared import metrics
from railwatch.shared.errors import RailwatchError
from railwatch.shared.events import AlertEvent, Transition


class NotStandingError(RailwatchError):
    """The alert has ended, or there never was one."""


def acknowledge(windows: Windows, event: AlertEvent, by: str, note: str, now: datetime) -> AlertEvent:
    """Somebody has seen the alert and takes care of it.

    Args:
        windows: where alerts are kept.
        event: any event of the alert.
        by: who says it.
        note: what else they say.
        now: the present.

    Raises:
        NotStandingError: there is nothing to acknowledge.
        TransientError: Redis is away.
    """
    reason = f"Acknowledged by {by}" + (f": {note}" if note else ".")
    return _step(windows, event, now, {"transition": Transition.ACKNOWLEDGED, "by": by, "reason": reason})


def silence(windows: Windows, event: AlertEvent, by: str, note: str, until: datetime, now: datetime) -> AlertEvent:
    """Receivers are not to be told of the alert until a time; the alerts topic goes on.

    Raises:
        NotStandingError: there is nothing to silence.
        TransientError: Redis is away.
    """
    reason = f"Silenced by {by} until {moment(until)}" + (f": {note}" if note else ".")
    return _step(windows, event, now, {"transition": Transition.SILENCED, "by": by, "until": until, "reason": reason})


def _step(windows: Windows, event: AlertEvent, now: datetime, said: dict[str, object]) -> AlertEvent:
    def work(view: SiteView) -> AlertEvent:
        record = next((record for record in view.window.alerts if record.alert == event.alert), None)
        last = view.latest(event.alert)
        if record is None or last is None or not record.stands:
            raise NotStandingError(f"Alert {event.alert} does not stand.")
        sequence = record.sequence + 1
        step = last.model_copy(update={"until": None, "sequence": sequence, "recorded_at": now, **said})
        view.say([step], cause=None)
        view.put_window(Window(history=view.window.history, alerts=_told(view.window.alerts, step)))
        return step

    step = windows.transact(event.site, work)
    metrics.ALERT_TRANSITIONS.labels(step.transition.value).inc()
    return step


def _told(records: tuple[AlertRecord, ...], step: AlertEvent) -> tuple[AlertRecord, ...]:
    after = {"sequence": step.sequence, "transition": step.transition}
    return tuple(r.model_copy(update=after) if r.alert == step.alert else r for r in records)
