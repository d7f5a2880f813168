"""The receivers that the settings name: Alertmanagers and webhooks."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr

from railwatch.services.alerting.delivery.deliver import Receiver
from railwatch.services.alerting.delivery.formats import alertmanager_alerts, alertmanager_webhook, cloudevent
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.alerting.delivery.signature import signed_headers
from railwatch.services.alerting.settings import Settings, WebhookFormat
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Timer
from railwatch.shared.errors import DependencyAwayError, UnprocessableError
from railwatch.shared.events import AlertEvent, MissedLookEvent, Notice, Severity, VerdictEvent

# After this many lost reminders Alertmanager takes a standing alert as resolved.
REMINDERS_MISSED = 4

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)


def receivers(
    settings: Settings, store: Store, require_state: Callable[[], object], clock: Clock
) -> Iterator[Receiver[Notice]]:
    """All receivers of alerts and missed looks.

    Args:
        settings: they name the receivers.
        store: what is known of alerts.
        require_state: raises `DependencyAwayError` while what the store knows is not whole.
        clock: the present.
    """
    poster, timeout_s = Poster(), settings.delivery.timeout_s
    every = timedelta(seconds=settings.alertmanager.resend_s)
    for name, url in settings.alertmanager.urls.items():
        token = settings.alertmanager.tokens.get(name)
        namespace = settings.alertmanager.namespace
        alertmanager = Alertmanager(poster, url, token, store, require_state, every, timeout_s, clock, namespace)
        yield Receiver(name, alertmanager.send, Timer(every, alertmanager.remind))
    for name, url in settings.webhook.urls.items():
        format_ = settings.webhook.formats.get(name, "cloudevents")
        yield webhook(poster, name, url, settings.webhook.secrets[name], format_, timeout_s, clock)


class Alertmanager:
    """Posts alerts to Alertmanager's v2 API. It posts standing ones again and again, as Alertmanager expects.

    Each post says how the alert stands now, so posts that overtake each other do no harm.
    """

    def __init__(
        self,
        poster: Poster,
        url: str,
        token: SecretStr | None,
        store: Store,
        require_state: Callable[[], object],
        every: timedelta,
        timeout_s: float,
        clock: Clock,
        namespace: str | None = None,
    ) -> None:
        self._poster = poster
        self._namespace = namespace
        self._url = url.rstrip("/") + "/api/v2/alerts"
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._store = store
        self._require_state = require_state
        self._every = every
        self._timeout_s = timeout_s
        self._clock = clock
        self._standing: list[Notice] = []

    def send(self, event: Notice) -> None:
        """Post how the alert, or the missed look, of this transition stands."""
        last: Notice = event
        earlier: list[Severity] = []
        if isinstance(event, MissedLookEvent):
            missed = {known.missed: known for known in self._store.missed_at(event.site)}
            last = missed.get(event.missed, event)
        elif isinstance(event, AlertEvent):
            known = [event, *self._store.alert(event.alert)]
            last = max(known, key=lambda one: one.sequence)
            earlier = [one.severity for one in known if one.sequence < last.sequence]
        self._post(self._alerts(last, earlier))

    def remind(self) -> None:
        """Post all standing alerts and missed looks. While Redis is away or has lost state, those that stood before.

        Raises:
            TransientError: Alertmanager did not take them. Try again.
            UnprocessableError: `refused-by-receiver`: it will not take these; it took all others.
        """
        try:
            self._require_state()
            self._standing = [*self._store.standing(), *self._store.standing_missed()]
        except DependencyAwayError as error:
            if not self._standing:
                raise
            log.warning("reminding of what stood before", standing=len(self._standing), error=str(error))
        refused = list(self._refused([alert for event in self._standing for alert in self._alerts(event)]))
        if refused:
            raise UnprocessableError("refused-by-receiver", "; ".join(refused))

    def _refused(self, alerts: list[dict[str, Any]]) -> Iterator[str]:
        """Post alerts. If they are refused together, post each half by itself, down to the alerts that are at fault."""
        if not alerts:
            return
        try:
            self._post(alerts)
        except UnprocessableError as error:
            if len(alerts) > 1:
                half = len(alerts) // 2
                yield from self._refused(alerts[:half])
                yield from self._refused(alerts[half:])
            else:
                labels = alerts[0]["labels"]
                yield f"{labels['alertname']} at {labels['site']}: {error.detail}"

    def _alerts(self, event: Notice, earlier: Iterable[Severity] = ()) -> list[dict[str, Any]]:
        hold = REMINDERS_MISSED * self._every
        return alertmanager_alerts(event, self._clock(), hold, earlier, self._namespace)

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        self._poster.post(self._url, json.dumps(alerts).encode(), self._headers, self._timeout_s)


def webhook(
    poster: Poster,
    name: str,
    url: str,
    secret: SecretStr,
    format_: WebhookFormat,
    timeout_s: float,
    clock: Clock,
) -> Receiver[Notice]:
    """A webhook: each transition is one signed POST."""

    def send(event: Notice) -> None:
        if format_ == "alertmanager":
            content, media_type = alertmanager_webhook(event, name), "application/json"
        else:
            content, media_type = cloudevent(event), "application/cloudevents+json"
        _post_signed(poster, url, secret, event.id, content, media_type, timeout_s, clock)

    return Receiver(name, send)


def second_look_receivers(settings: Settings, clock: Clock) -> Iterator[Receiver[VerdictEvent]]:
    """All receivers of requests for a second look: each request is one signed POST of a CloudEvent."""
    poster, timeout_s, rules = Poster(), settings.delivery.timeout_s, settings.second_look

    def receiver(name: str, url: str) -> Receiver[VerdictEvent]:
        def send(event: VerdictEvent) -> None:
            media_type = "application/cloudevents+json"
            _post_signed(poster, url, rules.secrets[name], event.id, cloudevent(event), media_type, timeout_s, clock)

        return Receiver(name, send)

    return (receiver(name, url) for name, url in rules.urls.items())


def _post_signed(
    poster: Poster,
    url: str,
    secret: SecretStr,
    event_id: str,
    content: dict[str, Any],
    media_type: str,
    timeout_s: float,
    clock: Clock,
) -> None:
    body = json.dumps(content)
    headers = {
        "Content-Type": f"{media_type}; charset=utf-8",
        "User-Agent": "Railwatch",
        **signed_headers(secret.get_secret_value(), event_id, body, clock()),
    }
    poster.post(url, body.encode(), headers, timeout_s)
