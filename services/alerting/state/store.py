"""What alerting remembers of each site, in Redis: its history, its scenes, its alerts, and what it said of them.

| key, after `railwatch:alerting:` | type | holds |
| --- | --- | --- |
| `looks:<site>` | string | the judged history, a row of numbers a look (`entries.ROW`), as bytes: most are appended |
| `labels:<site>` | string | what of a look is text (`entries.Label`), JSON arrays, each followed by a comma; likewise |
| `window:<site>` | string | the rest of the history, and what was last said of each alert (`Window`) |
| `scenes:<site>` | hash | by scene, the last recorded reading of each tile (`SceneRecord`) |
| `evidence:<site>` | hash | by scene, pictures and provenance by tile, of the newest scenes |
| `said:<site>` | list | by cause, newest first, which transitions a count or a deadline brought about |
| `deadlines` | sorted set | `<site>/<scene>` of scenes that wait for tiles, by the time at which they no longer do |
| `outbox` | list | events that no record in Kafka brings about, until published: `<alert>/<sequence>`, or themselves |
| `silenced` | hash | by alert id, until when it is silenced |
| `known-since` | hash | by site, since when it is to be seen |
| `missed` | hash | by `<site>/<kind>`, what was last told of missed looks |
| `sites` | hash | by site, how it stands (`SiteStatus`) |
| `alert:<id>` | hash | by sequence number, the alert's events |
| `latest` | hash | by alert id, its last event |
| `alerts` and `alerts:<site>` | sorted set | alert ids, by the time at which they opened |
| `standing` | set | ids of the alerts that stand |
| `form` | string | which form all of this has (`railwatch.services.alerting.state.schema_version`) |

All that one count changes is written in one transaction, or none of it (WATCH, MULTI, EXEC): two processes that handle
a site at the same time, as may happen while a group rebalances, do not lose each other's work.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import redis

from railwatch.services.alerting.history.missed import stands
from railwatch.services.alerting.state.schema_version import FORM, FORM_KEY
from railwatch.services.alerting.state.transaction import (
    ALERTS,
    DEADLINES,
    KNOWN_SINCE,
    LATEST,
    MISSED,
    OUTBOX,
    SILENCED,
    SITES,
    STANDING_ALERTS,
    UNDECODED,
    SiteStatus,
    SiteView,
    Window,
    alert_key,
    missed_fields,
    outbox_item,
    read_missed,
    read_window,
    site_key,
    waiting_member,
    window_keys,
)
from railwatch.shared.events import AlertEvent, MissedLookEvent, Notice
from railwatch.shared.state import redis_errors

SITE_KEYS = ("window", "looks", "labels", "scenes", "evidence", "said", "alerts")

READ_AT_ONCE = 100

T = TypeVar("T")


class Windows:
    """The windows and alerts of all sites."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets

    def transact(self, site: str, work: Callable[[SiteView], T], *watched: str) -> T:
        """Do some work on a site and write what it staged, all or nothing; anew if the site changed meanwhile.

        Args:
            site: id of the site.
            work: what is to be done.
            watched: other keys that are not to change meanwhile.

        Raises:
            TransientError: Redis is away.
        """

        def attempt(pipe: Any) -> T:
            view = SiteView(pipe, site)
            result = work(view)
            view.write()
            return result

        site_keys = (*window_keys(site), site_key("scenes", site))
        with redis_errors():
            return cast("T", self._redis.transaction(attempt, *site_keys, *watched, value_from_callable=True))

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """Site and scene of those that have waited long enough for their tiles."""
        with redis_errors():
            waiting = self._redis.zrangebyscore(DEADLINES, "-inf", now.timestamp())
        return [(site, scene) for site, _, scene in (text.partition("/") for text in waiting)]

    def forget_deadline(self, site: str, scene: str) -> None:
        """The deadline is of no concern any more."""
        with redis_errors():
            self._redis.zrem(DEADLINES, waiting_member(site, scene))

    def outbox(self) -> list[Notice]:
        """The events that wait to be published, in order."""
        found: list[Notice] = []
        with redis_errors():
            for item in self._redis.lrange(OUTBOX, 0, -1):
                alert, _, sequence = item.partition("/")
                if item.startswith("{"):
                    found.append(MissedLookEvent.model_validate_json(item))
                elif event := self._redis.hget(alert_key(alert), sequence):
                    found.append(AlertEvent.model_validate_json(event))
        return found

    def published(self, event: Notice) -> None:
        """An event of the outbox has been published."""
        with redis_errors():
            self._redis.lrem(OUTBOX, 0, outbox_item(event))

    def silenced_until(self, alert: str) -> datetime | None:
        """Until when an alert is silenced."""
        with redis_errors():
            text = self._redis.hget(SILENCED, alert)
        return datetime.fromisoformat(text) if text else None

    def window(self, site: str) -> Window:
        """A site's window; an empty one for a site that has not been seen."""
        with redis_errors():
            return read_window(*self._redis.execute_command("MGET", *window_keys(site), **UNDECODED))

    def alerts(
        self, site: str | None = None, since: datetime | None = None, before: datetime | None = None
    ) -> list[str]:
        """Alert ids of a site, or of all, last opened first; of those opened from one time on and before another."""
        name = site_key("alerts", site) if site else ALERTS
        highest = f"({before.timestamp()}" if before else "+inf"
        with redis_errors():
            return list(self._redis.zrevrangebyscore(name, highest, since.timestamp() if since else "-inf"))

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
        """Since when each of these sites is to be seen: those that were not known are from now on."""
        with redis_errors():
            held = self._redis.hgetall(KNOWN_SINCE)
            unknown = {site: now.isoformat() for site in sites if site not in held}
            if unknown:
                self._redis.hset(KNOWN_SINCE, mapping=unknown)
        return {site: datetime.fromisoformat(at) for site, at in {**held, **unknown}.items()}

    def missed(self) -> dict[str, list[MissedLookEvent]]:
        """What was last told of missed looks, of each kind, by site; sites that never missed one have none."""
        found: dict[str, list[MissedLookEvent]] = defaultdict(list)
        with redis_errors():
            for event in read_missed(self._redis.hvals(MISSED)):
                found[event.site].append(event)
        return found

    def standing_missed(self) -> list[MissedLookEvent]:
        """What was told of each look that is missed by now."""
        return [event for told in self.missed().values() for event in told if stands(event)]

    def missed_at(self, site: str) -> list[MissedLookEvent]:
        """What was last told of a site's missed looks, of each kind."""
        with redis_errors():
            return read_missed(self._redis.hmget(MISSED, missed_fields(site)))

    def clear(self) -> None:
        """Forget the state of all sites and alerts, but not what receivers have been sent."""
        with redis_errors():
            for pattern in (*(site_key(kind, "*") for kind in SITE_KEYS), alert_key("*")):
                for name in self._redis.scan_iter(pattern, count=1000):
                    self._redis.delete(name)
            self._redis.delete(DEADLINES, OUTBOX, SILENCED, ALERTS, LATEST, STANDING_ALERTS, SITES, MISSED)
            self._redis.set(FORM_KEY, FORM)
