"""What receivers are sent: Alertmanager's alerts, Alertmanager's webhook (version 4), and our own CloudEvent."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from railwatch.shared.bus.codec import CONTENT_TYPE, context_attributes
from railwatch.shared.events import AlertEvent, MissedLookEvent, Notice, Severity

ALERT_NAME = "RailcarSurge"
MISSED_NAME = "SiteNotSeen"
# How Alertmanager's webhook says that an alert has no end yet.
NEVER = "0001-01-01T00:00:00Z"


def alertmanager_alerts(
    event: AlertEvent, earlier: Iterable[Severity], now: datetime, hold: timedelta
) -> list[dict[str, Any]]:
    """The body of `POST /api/v2/alerts` for an alert.

    Alertmanager knows an alert by its labels. Severity is one of them, so when it has changed, the alert of the earlier
    severity is ended along with it.

    Args:
        event: the alert's last transition.
        earlier: the severities that its transitions before had.
        now: the present.
        hold: how long Alertmanager may go without hearing of a standing alert before it takes it as resolved.
    """
    others = sorted({*earlier} - {event.severity})
    ended = [_alert(event.model_copy(update={"severity": severity}), now, ends_at=now) for severity in others]
    return [_alert(event, now, ends_at=now + hold if event.stands else now), *ended]


def alertmanager_missed(event: MissedLookEvent, now: datetime, hold: timedelta) -> dict[str, Any]:
    """A look that should have come, as an alert of its own in the body of `POST /api/v2/alerts`.

    Args:
        event: the missed look's last transition.
        now: the present.
        hold: as above.
    """
    return _alert(event, now, ends_at=now + hold if event.stands else now)


def alertmanager_webhook(event: Notice, receiver: str) -> dict[str, Any]:
    """The body that Alertmanager itself sends to webhooks, version 4, for one alert."""
    stands = event.stands
    alert = _alert(event, event.recorded_at, ends_at=None if stands else event.recorded_at)
    status = "firing" if stands else "resolved"
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


def cloudevent(event: Notice) -> dict[str, Any]:
    """The event as CloudEvents 1.0 in structured JSON."""
    return {
        **context_attributes(event),
        "datacontenttype": CONTENT_TYPE,
        "data": event.model_dump(mode="json"),
    }


def _alert(event: Notice, now: datetime, ends_at: datetime | None) -> dict[str, Any]:
    """An alert as Alertmanager knows it: labels to group, route and silence by, and what people read."""
    match event:
        case AlertEvent():
            name, since, more, told = ALERT_NAME, event.opened_at, {"severity": event.severity.value}, _figures(event)
        case MissedLookEvent():
            name, since, more = MISSED_NAME, event.due_at, {"severity": "warning", "miss": event.miss.value}
            told = {"missed": event.missed}
        case _:
            raise TypeError(f"nobody is told of {event.TYPE}")
    return {
        "labels": {"alertname": name, "site": event.site, **more},
        "annotations": {
            "summary": event.sentence,
            "description": event.reason,
            "site_name": event.site_name,
            "transition": event.transition.value,
            **told,
        },
        "startsAt": min(since, now).isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else NEVER,
        "generatorURL": event.page_url,
    }


def _figures(event: AlertEvent) -> dict[str, str]:
    """The look that an alert speaks of; unknown values are left out."""
    look = event.look
    told = {
        "alert": event.alert,
        "observed_at": look.observed_at.isoformat(),
        "count": _number(look.count),
        "low": _number(look.low),
        "high": _number(look.high),
        "threshold": _number(look.threshold),
        "onset": event.onset.at.date().isoformat() if event.onset else None,
    }
    return {name: text for name, text in told.items() if text is not None}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"
