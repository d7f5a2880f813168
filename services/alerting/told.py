"""What the alerts topic says: what consumers were told of each site, and what each receiver was sent."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import redis

from railwatch.services.alerting.delivery.deliver import REMEMBER, delivered_key
from railwatch.services.alerting.groups import group_to
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.transaction import ALERTS_KEPT, TRANSITIONS_KEPT
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus.offsets import positions_of
from railwatch.shared.bus.position import Position
from railwatch.shared.bus.read import read_partitions
from railwatch.shared.events import AlertEvent, Miss, MissedLookEvent, Notice
from railwatch.shared.state import redis_errors

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Told:
    """What consumers were told.

    Attributes:
        alerts: by site and alert, the events that are kept of it, by sequence number.
        missed: by site and kind, the last event about missed looks.
        last_at: by site, when the last event about an alert was recorded.
    """

    alerts: dict[str, dict[str, dict[int, AlertEvent]]] = field(default_factory=lambda: defaultdict(dict))
    missed: dict[tuple[str, Miss], MissedLookEvent] = field(default_factory=dict)
    last_at: dict[str, datetime] = field(default_factory=lambda: defaultdict(lambda: _NEVER))

    def events(self, site: str) -> list[AlertEvent]:
        """The events about a site's alerts that are kept: of each alert in order."""
        return [events[number] for events in self.alerts.get(site, {}).values() for number in sorted(events)]

    def speaks_of(self, site: str, scene: str, observed_at: datetime) -> bool:
        """Whether an event that is kept is about the look to which a scene belongs."""
        return any(
            event.look.observed_at == observed_at or any(item.scene == scene for item in event.evidence)
            for events in self.alerts.get(site, {}).values()
            for event in events.values()
        )

    def hear(self, event: Notice) -> None:
        """Take an event in. Of each site no more is kept than Redis keeps."""
        if isinstance(event, AlertEvent):
            alerts = self.alerts[event.site]
            events = alerts.setdefault(event.alert, {})
            events[event.sequence] = event
            if len(events) > TRANSITIONS_KEPT + 1:
                del events[min(events.keys() - {1})]
            if len(alerts) > ALERTS_KEPT:
                del alerts[min(alerts, key=lambda alert: next(iter(alerts[alert].values())).opened_at)]
            self.last_at[event.site] = max(self.last_at[event.site], event.recorded_at)
        elif isinstance(event, MissedLookEvent):
            last = self.missed.get((event.site, event.miss), event)
            self.missed[event.site, event.miss] = max(last, event, key=lambda one: (one.recorded_at, one.sequence))


def read_told(settings: Settings, client: redis.Redis, still_ours: Callable[[], None]) -> Told:
    """Read the alerts topic, and note in Redis again what receivers were sent in the time that it remembers.

    A receiver was sent what its consumer group has finished, as the group's offsets say.

    Args:
        settings: they name the receivers.
        client: Redis.
        still_ours: called again and again; it raises if somebody else has begun to rebuild.

    Raises:
        TransientError: Kafka or Redis does not answer.
    """
    told = Told()
    names = (*settings.alertmanager.urls, *settings.webhook.urls)
    sent = {name: positions_of(settings.kafka, group_to(name), Notice) for name in names}
    for partition, events in read_partitions(settings.kafka, Notice):
        for offset, event in events:
            still_ours()
            told.hear(event)
            _note_again(client, event, offset, {name: sent[name].get(partition) for name in names})
    return told


def _note_again(client: redis.Redis, event: Notice, offset: int, sent: Mapping[str, Position | None]) -> None:
    left = event.recorded_at + REMEMBER - now()
    for name, position in sent.items() if left.total_seconds() > 0 else ():
        if position is not None and position.covers(offset):
            with redis_errors():
                client.set(delivered_key(name, event), event.recorded_at.isoformat(), ex=left, nx=True)
