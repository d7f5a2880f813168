"""What receivers are sent: Alertmanager's alerts, Alertmanager's webhook (version 4), and our own CloudEvent."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.alerting.lifecycle import STANDING
from services.alerting.missed import Missed, told
from shared.bus.codec import schema_uri
from shared.events import AlertEvent, Severity
from shared.sites import Site

ALERT_NAME = "RailcarSurge"
MISSED_NAME = "SiteNotSeen"
NEVER = "0001-01-01T00:00:00Z"
"""How Alertmanager's webhook says that an alert has no end yet."""


def alertmanager_alerts(
    event: AlertEvent, earlier: Iterable[Severity], now: datetime, hold: timedelta
) -> list[dict[str, Any]]:
    """The body of `POST /api/v2/alerts`.

    Alertmanager knows an alert by its labels. Severity is one of them, so when it has changed, the alert of the earlier
    severity is ended along with it.

    Args:
        event: the alert's last transition.
        earlier: the severities that its transitions before had.
        now: the present.
        hold: how long Alertmanager may go without hearing of a standing alert before it takes it as resolved.
    """
    ended = [_alertmanager_alert(event, severity, now, now) for severity in sorted({*earlier} - {event.severity})]
    return [
        _alertmanager_alert(event, event.severity, now, now + hold if event.transition in STANDING else now),
        *ended,
    ]


def _alertmanager_alert(event: AlertEvent, severity: Severity, now: datetime, ends_at: datetime) -> dict[str, Any]:
    return {
        "labels": labels(event, severity),
        "annotations": annotations(event),
        "startsAt": min(event.opened_at, now).isoformat(),
        "endsAt": ends_at.isoformat(),
        "generatorURL": event.page_url,
    }


def missed_alert(site: Site, missed: Missed, public_url: str, now: datetime, hold: timedelta) -> dict[str, Any]:
    """A look that should have come, as an alert of its own in the body of `POST /api/v2/alerts`."""
    return {
        "labels": {"alertname": MISSED_NAME, "site": site.id, "severity": Severity.WARNING.value},
        "annotations": {"summary": told(site.name, missed), "site_name": site.name, "missed": missed.miss.value},
        "startsAt": missed.due_at.isoformat(),
        "endsAt": (now + hold).isoformat(),
        "generatorURL": public_url,
    }


def labels(event: AlertEvent, severity: Severity) -> dict[str, str]:
    """What Alertmanager groups, routes and silences by: few, and stable through an alert's life."""
    return {"alertname": ALERT_NAME, "site": event.site, "severity": severity.value}


def annotations(event: AlertEvent) -> dict[str, str]:
    """What a person reads in a notification; unknown values are left out."""
    look = event.look
    told = {
        "summary": event.sentence,
        "description": event.reason,
        "site_name": event.site_name,
        "alert": event.alert,
        "transition": event.transition.value,
        "observed_at": look.observed_at.isoformat(),
        "count": _number(look.count),
        "low": _number(look.low),
        "high": _number(look.high),
        "threshold": _number(look.threshold),
        "onset": event.onset.at.date().isoformat() if event.onset else None,
    }
    return {name: text for name, text in told.items() if text is not None}


def alertmanager_webhook(event: AlertEvent, receiver: str) -> dict[str, Any]:
    """The body that Alertmanager itself sends to webhooks, version 4, for one alert."""
    status = "firing" if event.transition in STANDING else "resolved"
    common = labels(event, event.severity)
    alert = {
        "status": status,
        "labels": common,
        "annotations": annotations(event),
        "startsAt": event.opened_at.isoformat(),
        "endsAt": NEVER if event.transition in STANDING else event.recorded_at.isoformat(),
        "generatorURL": event.page_url,
        "fingerprint": hashlib.sha256(event.alert.encode()).hexdigest()[:16],
    }
    group = {"alertname": ALERT_NAME, "site": event.site}
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{ALERT_NAME}", site="{event.site}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": common,
        "commonAnnotations": annotations(event),
        "externalURL": event.page_url.removesuffix(f"/alerts/{event.alert}"),
        "alerts": [alert],
    }


def cloudevent(event: AlertEvent) -> dict[str, Any]:
    """The event as CloudEvents 1.0 in structured JSON."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "/railwatch/alerting",
        "type": event.TYPE,
        "subject": event.key,
        "time": event.recorded_at.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": schema_uri(event.TYPE),
        "data": event.model_dump(mode="json"),
    }


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"
