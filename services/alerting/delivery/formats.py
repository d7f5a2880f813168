"""What receivers are sent: Alertmanager's alerts, Alertmanager's webhook (version 4), and our own CloudEvent."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from railwatch.shared.bus.codec import CONTENT_TYPE, context_attributes
from railwatch.shared.events import AlertEvent, Event, MissedLookEvent, Notice, Severity

ALERT_NAME = "RailcarSurge"
MISSED_NAME = "SiteNotSeen"

# How Alertmanager's webhook says that an alert has no end yet.
NEVER = "0001-01-01T00:00:00Z"


def alertmanager_alerts(
    event: Notice, now: datetime, hold: timedelta, earlier: Iterable[Severity] = (), namespace: str | None = None
) -> list[dict[str, Any]]:
    """The body of `POST /api/v2/alerts` for an alert or a missed look.

    Alertmanager identifies an alert by its labels. Severity is one of them. So after it has changed, the same request
    ends the alert of the earlier severity.

    Args:
        event: the last transition.
        now: the present.
        hold: how long Alertmanager waits to hear of a standing alert again before it takes it as resolved.
        earlier: the severities of the alert's transitions before.
        namespace: of this installation, as Prometheus labels what it scrapes of it; null for no such label.
    """
    alerts = [_alert(event, now, ends_at=now + hold if event.stands else now)]
    if isinstance(event, AlertEvent):
        others = sorted({*earlier} - {event.severity})
        alerts += [_alert(event.model_copy(update={"severity": severity}), now, ends_at=now) for severity in others]
    for alert in alerts if namespace else ():
        alert["labels"]["namespace"] = namespace
    return alerts


def alertmanager_webhook(event: Notice, receiver: str) -> dict[str, Any]:
    """The body that Alertmanager itself sends to webhooks, version 4, for one alert."""
    alert = _alert(event, event.recorded_at, ends_at=None if event.stands else event.recorded_at)
    status = "firing" if event.stands else "resolved"
    group = {name: alert["labels"][name] for name in ("alertname", "site")}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{group["alertname"]}", site="{event.site}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": event.page_url.removesuffix(f"/alerts/{event.about}").rstrip("/"),
        "alerts": [
            {**alert, "status": status, "fingerprint": hashlib.sha256(event.about.encode()).hexdigest()[:16]},
        ],
    }


def cloudevent(event: Event) -> dict[str, Any]:
    """The event as CloudEvents 1.0 in structured JSON."""
    return {
        **context_attributes(event),
        "datacontenttype": CONTENT_TYPE,
        "data": event.model_dump(mode="json"),
    }


def _alert(event: Notice, now: datetime, ends_at: datetime | None) -> dict[str, Any]:
    """An alert in Alertmanager's form: labels to group, route and silence by, and annotations for people."""
    match event:
        case AlertEvent():
            name, since, labels = ALERT_NAME, event.opened_at, {"severity": event.severity.value}
            annotations = _figures(event)
        case MissedLookEvent():
            name, since, labels = MISSED_NAME, event.due_at, {"severity": "warning", "miss": event.miss.value}
            annotations = {"missed": event.missed}
        case _:
            raise TypeError(f"no receiver hears of {event.TYPE}")
    return {
        "labels": {"alertname": name, "site": event.site, **labels},
        "annotations": {
            "summary": event.sentence,
            "description": event.reason,
            "site_name": event.site_name,
            "transition": event.transition.value,
            **annotations,
        },
        "startsAt": min(since, now).isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else NEVER,
        "generatorURL": event.page_url,
    }


def _figures(event: AlertEvent) -> dict[str, str]:
    """The look that an alert is about; unknown values are left out."""
    look = event.look
    counts = {name: getattr(look, name) for name in ("count", "low", "high", "threshold")}
    if look.occupied is not None:
        counts |= look.occupied.model_dump()
    return {
        "alert": event.alert,
        "observed_at": look.observed_at.isoformat(),
        **{name: f"{value:.3g}" for name, value in counts.items() if value is not None},
        **({"onset": event.onset.at.date().isoformat()} if event.onset else {}),
    }
