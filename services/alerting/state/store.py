"""What alerting remembers about each site, in Redis: its history, its scenes, its alerts, and what it announced.

`alerting.state.keys` says under which keys.

All that one count changes is written in one transaction, or none of it (WATCH, MULTI, EXEC). While a consumer group
rebalances, two processes may handle a site at the same time: they do not lose each other's work.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import redis

from railwatch.services.alerting.state.keys import (
    ALERTS,
    DEADLINES,
    KNOWN_SINCE,
    LATEST,
    MISSED,
    PROGRESS,
    SCHEMA_VERSION_KEY,
    SILENCED,
    SITES,
    STANDING_ALERTS,
    TAUGHT,
    UNPUBLISHED,
    alert_key,
    missed_field,
    outbox_event,
    outbox_item,
    record_keys,
    site_key,
    verdicts_key,
    waiting_member,
)
from railwatch.services.alerting.state.records import SiteRecord, SiteStatus, Taught, read_record, read_verdicts
from railwatch.services.alerting.state.schema_version import SCHEMA_VERSION
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.events import AlertEvent, Event, Miss, MissedLookEvent, VerdictEvent
from railwatch.shared.lease import Lease
from railwatch.shared.state import key, redis_errors

# A rebuild keeps these: what receivers have been sent, since when they and the sites are known, the state's mark, and
# the lease of the rebuild itself.
KEPT = ("delivered", "receiver-since", "known-since", "incarnation", "rebuilding")

READ_AT_ONCE = 100

# Longer than publishing takes until it fails. Somebody else may publish after this time.
PUBLISHED_WITHIN_S = 30.0

T = TypeVar("T")


class Store:
    """The state of all sites and alerts. Every method raises `TransientError` if Redis does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets

    def transact(self, site: str, work: Callable[[Transaction], T], *watched: str) -> T:
        """Do some work on a site and write what it staged, all or nothing. If the site changed meanwhile, start again.

        Args:
            site: id of the site.
            work: what to do; it may be called more than once.
            watched: other keys that must not change meanwhile.
        """

        def attempt(pipe: Any) -> T:
            transaction = Transaction(pipe, site)
            result = work(transaction)
            transaction.write()
            return result

        site_keys = (*record_keys(site), site_key("scenes", site), verdicts_key(site))
        with redis_errors():
            return cast("T", self._redis.transaction(attempt, *site_keys, *watched, value_from_callable=True))

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """Site and scene of those that have waited long enough for their tiles."""
        with redis_errors():
            waiting = self._redis.zrangebyscore(DEADLINES, "-inf", now.timestamp())
        return [(site, scene) for site, _, scene in (text.partition("/") for text in waiting)]

    def has_work(self, now: datetime) -> bool:
        """Whether a scene has waited long enough for its tiles, or an event waits to be published."""
        with redis_errors(), self._redis.pipeline(transaction=False) as questions:
            return any(questions.zcount(DEADLINES, "-inf", now.timestamp()).scard(UNPUBLISHED).execute())

    def forget_deadline(self, site: str, scene: str) -> None:
        """Forget the deadline of a scene."""
        with redis_errors():
            self._redis.zrem(DEADLINES, waiting_member(site, scene))

    def unpublished_sites(self) -> list[str]:
        """The sites that have events to publish."""
        with redis_errors():
            return sorted(self._redis.smembers(UNPUBLISHED))

    def outbox(self, site: str) -> list[Event]:
        """The events of a site that wait to be published, in order."""
        with redis_errors():
            return [outbox_event(item) for item in self._redis.lrange(site_key("outbox", site), 0, -1)]

    def published(self, site: str, events: Sequence[Event]) -> None:
        """Take published events out of the site's outbox."""
        name = site_key("outbox", site)
        items = [outbox_item(event) for event in events]

        def attempt(pipe: Any) -> None:
            rest = set(pipe.lrange(name, 0, -1)) - set(items)
            pipe.multi()
            for item in items:
                pipe.lrem(name, 0, item)
            if not rest:
                pipe.srem(UNPUBLISHED, site)

        with redis_errors():
            self._redis.transaction(attempt, name)

    def turn_to_publish(self, site: str) -> Lease:
        """The lease of whoever publishes what waits of a site."""
        return Lease(self._redis, site_key("publishing", site), PUBLISHED_WITHIN_S)

    def silenced_until(self, alert: str) -> datetime | None:
        """Until when an alert is silenced."""
        with redis_errors():
            text = self._redis.hget(SILENCED, alert)
        return datetime.fromisoformat(text) if text else None

    def record(self, site: str) -> SiteRecord:
        """A site's record; an empty one for a site that has not been seen."""
        with redis_errors():
            return read_record(*self._redis.mget(record_keys(site)))

    def alerts(
        self, site: str | None = None, since: datetime | None = None, before: datetime | None = None
    ) -> list[str]:
        """Alert ids of a site, or of all, last opened first; of those opened from one time on and before another."""
        name = site_key("alerts", site) if site else ALERTS
        highest = f"({before.timestamp()}" if before else "+inf"
        with redis_errors():
            return list(self._redis.zrevrangebyscore(name, highest, since.timestamp() if since else "-inf"))

    def alerts_opened(self, sites: Collection[str] | None = None) -> tuple[datetime | None, datetime | None]:
        """When the first and the last alert opened, of some sites or of all; null if there is none."""
        names = [ALERTS] if sites is None else [site_key("alerts", site) for site in sites]
        with redis_errors(), self._redis.pipeline() as questions:
            for name in names:
                questions.zrange(name, 0, 0, withscores=True).zrange(name, -1, -1, withscores=True)
            found = [at for answer in questions.execute() for _, at in answer]
        opened = [datetime.fromtimestamp(at, UTC) for at in found]
        return min(opened, default=None), max(opened, default=None)

    def alert(self, alert: str) -> list[AlertEvent]:
        """The events of an alert that are kept, in order; empty if there is no such alert."""
        with redis_errors():
            events = self._redis.hvals(alert_key(alert))
        return sorted((AlertEvent.model_validate_json(event) for event in events), key=lambda event: event.sequence)

    def latest_of(self, alerts: Sequence[str]) -> Iterator[AlertEvent]:
        """The last event of each of these alerts that is still known; read as far as it is asked for."""
        for start in range(0, len(alerts), READ_AT_ONCE):
            with redis_errors():
                events = self._redis.hmget(LATEST, alerts[start : start + READ_AT_ONCE])
            yield from (AlertEvent.model_validate_json(event) for event in events if event)

    def standing(self) -> list[AlertEvent]:
        """The last event of each alert that stands."""
        with redis_errors():
            alerts = self._redis.smembers(STANDING_ALERTS)
        return list(self.latest_of(sorted(alerts)))

    def status(self, site: str) -> SiteStatus | None:
        """How a site stands; null if it has not been seen."""
        with redis_errors():
            found = self._redis.hget(SITES, site)
        return SiteStatus.model_validate_json(found) if found else None

    def statuses(self) -> dict[str, SiteStatus]:
        """How each site stands that has been seen."""
        with redis_errors():
            found = self._redis.hgetall(SITES)
        return {site: SiteStatus.model_validate_json(text) for site, text in found.items()}

    def known_since(self, sites: Collection[str], now: datetime) -> dict[str, datetime]:
        """When each of these sites entered the catalogue. Those that were not known enter now."""
        with redis_errors():
            held = self._redis.hgetall(KNOWN_SINCE)
            unknown = {site: now.isoformat() for site in sites if site not in held}
            if unknown:
                self._redis.hset(KNOWN_SINCE, mapping=unknown)
        return {site: datetime.fromisoformat(at) for site, at in {**held, **unknown}.items()}

    def missed(self) -> dict[str, list[MissedLookEvent]]:
        """The last event about each kind of missed look, by site; sites that never missed one are left out."""
        found: dict[str, list[MissedLookEvent]] = defaultdict(list)
        with redis_errors():
            events = self._redis.hvals(MISSED)
        for event in map(MissedLookEvent.model_validate_json, events):
            found[event.site].append(event)
        return found

    def standing_missed(self) -> list[MissedLookEvent]:
        """The last event about each look that is missed by now."""
        return [event for events in self.missed().values() for event in events if event.stands]

    def missed_at(self, site: str) -> list[MissedLookEvent]:
        """The last event about each kind of missed look of a site."""
        with redis_errors():
            events = self._redis.hmget(MISSED, [missed_field(site, miss) for miss in Miss])
        return [MissedLookEvent.model_validate_json(event) for event in events if event]

    def verdicts(self, site: str) -> tuple[VerdictEvent, ...]:
        """What people said of a site's looks and alerts, in the order in which they did."""
        with redis_errors():
            return read_verdicts(self._redis.get(verdicts_key(site)))

    def taught(self, site: str) -> Taught | None:
        """What people's verdicts teach of a site; null if there are none."""
        with redis_errors():
            found = self._redis.hget(TAUGHT, site)
        return Taught.model_validate_json(found) if found else None

    def all_taught(self) -> dict[str, Taught]:
        """What people's verdicts teach of each site that has any."""
        with redis_errors():
            found = self._redis.hgetall(TAUGHT)
        return {site: Taught.model_validate_json(text) for site, text in found.items()}

    def note_progress(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Note up to which offset of each partition of a topic the state holds what comes of its records."""
        if offsets:
            with redis_errors():
                self._redis.hset(PROGRESS, mapping={f"{topic}/{number}": offset for number, offset in offsets.items()})

    def progress(self, topic: str) -> dict[int, int]:
        """What was last noted of a topic; empty if nothing was."""
        with redis_errors():
            noted = self._redis.hgetall(PROGRESS)
        found = ((*name.rpartition("/"), offset) for name, offset in noted.items())
        return {int(number): int(offset) for name, _, number, offset in found if name == topic}

    def clear(self) -> None:
        """Forget the state of all sites and alerts, of whatever version, but not what receivers have been sent."""
        with redis_errors():
            for name in self._redis.scan_iter(key("alerting", "*"), count=1000):
                if not name.startswith(tuple(key("alerting", kept) for kept in KEPT)):
                    self._redis.delete(name)
            self._redis.set(SCHEMA_VERSION_KEY, SCHEMA_VERSION)
