"""What alerting remembers of each site, in Redis: its history, its scenes, its alerts, and what it said of them.

| key, after `railwatch:alerting:` | type | holds |
| --- | --- | --- |
| `window:<site>` | string | the judged history and what was last said of each alert (`Window`) |
| `scenes:<site>` | hash | by scene, the last recorded reading of each tile (`SceneRecord`) |
| `evidence:<site>` | hash | by scene, pictures and provenance by tile, of the newest scenes |
| `said:<site>` | list | by cause, newest first, which transitions a count or a deadline brought about |
| `deadlines` | sorted set | `<site>/<scene>` of scenes that wait for tiles, by the time at which they no longer do |
| `alert:<id>` | hash | by sequence number, the alert's events |
| `latest` | hash | by alert id, its last event |
| `standing` | set | ids of the alerts that stand |
| `sites` | hash | by site, how it stands (`SiteStatus`) |
| `alerts` and `alerts:<site>` | sorted set | alert ids, by the time at which they opened |

All that one count changes is written in one transaction, or none of it (WATCH, MULTI, EXEC): two processes that handle
a site at the same time, as may happen while a group rebalances, do not lose each other's work.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

import redis
from pydantic import TypeAdapter

from services.alerting.history import History
from services.alerting.judgement import State
from services.alerting.lifecycle import STANDING, AlertRecord
from services.alerting.observations import TileReading
from shared.counts import Frozen, UtcDatetime
from shared.errors import TransientError
from shared.events import AlertEvent, EvidenceItem, Look
from shared.state import key

EVIDENCE_SCENES = 12
"""Newest scenes of a site whose evidence is kept for transitions to come."""

CAUSES_KEPT = 64
"""More than the records that a killed process can have left uncommitted for one site."""

TRANSITIONS_KEPT = 40
ALERTS_KEPT = 200
"""Alerts per site and transitions per alert that the API can show; all of them stay in the alerts topic."""

_EVIDENCE = TypeAdapter(dict[str, EvidenceItem])
_SAID = TypeAdapter(tuple[str, list[tuple[str, int]]])

T = TypeVar("T")

Redis = Any
"""A client or a pipeline: redis-py's types do not know that the client decodes what it gets."""


class SceneRecord(Frozen):
    """What is known of one scene.

    Attributes:
        readings: the last recorded reading of each tile.
        due_at: when to stop waiting for the missing tiles; null once the scene has entered the history.
    """

    readings: dict[str, TileReading]
    due_at: UtcDatetime | None


class Window(Frozen):
    """A site's judged history, and what was last said of each of its alerts."""

    history: History = History()
    alerts: tuple[AlertRecord, ...] = ()


class SiteStatus(Frozen):
    """How a site stands, in short.

    Attributes:
        state: how it stands after its newest look.
        last_look_at: when the satellite last saw it, if only clouds.
        judged: its newest look that could be judged.
        alert: id of the alert that stands.
    """

    state: State
    last_look_at: UtcDatetime
    judged: Look | None
    alert: str | None


class SiteView:
    """One site as a transaction sees it. Reads go to Redis at once; writes are staged until the work is done."""

    def __init__(self, pipe: Redis, site: str) -> None:
        self._pipe = pipe
        self._site = site
        self._staged: list[Callable[[], object]] = []
        found = pipe.get(_window(site))
        self.window = Window.model_validate_json(found) if found else Window()

    def scene(self, scene: str) -> SceneRecord | None:
        """What is known of a scene."""
        found = self._pipe.hget(_scenes(self._site), scene)
        return SceneRecord.model_validate_json(found) if found else None

    def evidence(self, scene: str) -> dict[str, EvidenceItem]:
        """Pictures and provenance of a scene, by tile; empty if they are no longer kept."""
        found = self._pipe.hget(_evidence(self._site), scene)
        return _EVIDENCE.validate_json(found) if found else {}

    def said(self, cause: str) -> tuple[AlertEvent, ...]:
        """The events that a cause brought about."""
        for text in self._pipe.lrange(_said(self._site), 0, -1):
            known, transitions = _SAID.validate_json(text)
            if known == cause:
                found = [self._pipe.hget(_alert(alert), str(sequence)) for alert, sequence in transitions]
                return tuple(AlertEvent.model_validate_json(event) for event in found if event)
        return ()

    def put_scene(self, scene: str, record: SceneRecord, evidence: dict[str, EvidenceItem]) -> None:
        """Keep a scene, and wait for its missing tiles until it is due."""
        self._stage(self._pipe.hset, _scenes(self._site), scene, record.model_dump_json())
        self._stage(self._pipe.hset, _evidence(self._site), scene, _EVIDENCE.dump_json(evidence).decode())
        if record.due_at is not None:
            self._stage(self._pipe.zadd, _DEADLINES, {_waiting(self._site, scene): record.due_at.timestamp()})

    def put_window(self, window: Window, scene: str) -> None:
        """Keep the window after a scene entered it, and forget what is no longer needed."""
        self._stage(self._pipe.set, _window(self._site), window.model_dump_json(exclude_defaults=True))
        forgotten = (self.window.history.scenes | {scene}) - window.history.scenes
        newest = [entry.scene for entry in window.history.entries[-EVIDENCE_SCENES:]]
        passed = [entry.scene for entry in window.history.entries[-2 * EVIDENCE_SCENES : -EVIDENCE_SCENES]]
        stale = {*passed, *forgotten, scene}.difference(newest)
        if forgotten:
            self._stage(self._pipe.hdel, _scenes(self._site), *sorted(forgotten))
        if stale:
            self._stage(self._pipe.hdel, _evidence(self._site), *sorted(stale))

    def say(self, cause: str, events: Sequence[AlertEvent]) -> None:
        """Keep the events that a cause brought about, so that they can be published again."""
        if not events:
            return
        transitions = [(event.alert, event.sequence) for event in events]
        self._stage(self._pipe.lpush, _said(self._site), _SAID.dump_json((cause, transitions)).decode())
        self._stage(self._pipe.ltrim, _said(self._site), 0, CAUSES_KEPT - 1)
        for event in events:
            self._stage(self._pipe.hset, _alert(event.alert), str(event.sequence), event.model_dump_json())
            self._stage(self._pipe.hdel, _alert(event.alert), str(event.sequence - TRANSITIONS_KEPT))
            self._stage(self._pipe.hset, _LATEST, event.alert, event.model_dump_json())
            self._stage(self._pipe.sadd if event.transition in STANDING else self._pipe.srem, _STANDING, event.alert)
            index = {event.alert: event.opened_at.timestamp()}
            self._stage(self._pipe.zadd, _ALERTS, index)
            self._stage(self._pipe.zadd, _alerts(self._site), index)
        for alert in self._pipe.zrange(_alerts(self._site), 0, -ALERTS_KEPT - 1):
            self._stage(self._pipe.zrem, _ALERTS, alert)
            self._stage(self._pipe.zrem, _alerts(self._site), alert)
            self._stage(self._pipe.hdel, _LATEST, alert)
            self._stage(self._pipe.srem, _STANDING, alert)
            self._stage(self._pipe.delete, _alert(alert))

    def put_status(self, status: "SiteStatus") -> None:
        """Keep how the site stands."""
        self._stage(self._pipe.hset, _SITES, self._site, status.model_dump_json())

    def stop_waiting(self, scene: str) -> None:
        """The scene is whole: its deadline no longer matters."""
        self._stage(self._pipe.zrem, _DEADLINES, _waiting(self._site, scene))

    def write(self) -> None:
        """Queue what was staged, to be executed together."""
        self._pipe.multi()
        for command in self._staged:
            command()

    def _stage(self, command: Callable[..., object], *arguments: object) -> None:
        self._staged.append(lambda: command(*arguments))


class Windows:
    """The windows of all sites."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Redis = client

    def transact(self, site: str, work: Callable[[SiteView], T]) -> T:
        """Do some work on a site and write what it staged, all or nothing; anew if the site changed meanwhile.

        Raises:
            TransientError: Redis is away.
        """

        def attempt(pipe: Redis) -> T:
            view = SiteView(pipe, site)
            result = work(view)
            view.write()
            return result

        with redis_errors():
            return cast("T", self._redis.transaction(attempt, _window(site), _scenes(site), value_from_callable=True))

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """Site and scene of those that have waited long enough for their tiles."""
        with redis_errors():
            waiting = self._redis.zrangebyscore(_DEADLINES, "-inf", now.timestamp())
        return [(site, scene) for site, _, scene in (text.partition("/") for text in waiting)]

    def forget_deadline(self, site: str, scene: str) -> None:
        """What came of a scene's deadline has been published."""
        with redis_errors():
            self._redis.zrem(_DEADLINES, _waiting(site, scene))

    def window(self, site: str) -> Window:
        """A site's window; an empty one for a site that has not been seen."""
        with redis_errors():
            found = self._redis.get(_window(site))
        return Window.model_validate_json(found) if found else Window()

    def alerts(self, site: str | None = None) -> list[str]:
        """Alert ids of a site, or of all, last opened first."""
        with redis_errors():
            return list(self._redis.zrevrange(_alerts(site) if site else _ALERTS, 0, -1))

    def alert(self, alert: str) -> list[AlertEvent]:
        """The events of an alert that are kept, in order; empty if there is no such alert."""
        with redis_errors():
            events = self._redis.hvals(_alert(alert))
        return sorted((AlertEvent.model_validate_json(e) for e in events), key=lambda event: event.sequence)

    def latest(self, alerts: Sequence[str]) -> list[AlertEvent]:
        """The last event of each of these alerts that is still known."""
        if not alerts:
            return []
        with redis_errors():
            events = self._redis.hmget(_LATEST, alerts)
        return [AlertEvent.model_validate_json(event) for event in events if event]

    def standing(self) -> list[AlertEvent]:
        """The last event of each alert that stands."""
        with redis_errors():
            alerts = self._redis.smembers(_STANDING)
        return self.latest(sorted(alerts))

    def statuses(self) -> dict[str, SiteStatus]:
        """How each site stands that has been seen."""
        with redis_errors():
            found = self._redis.hgetall(_SITES)
        return {site: SiteStatus.model_validate_json(text) for site, text in found.items()}


@contextmanager
def redis_errors() -> Iterator[None]:
    """Redis being away may pass."""
    try:
        yield
    except redis.RedisError as error:
        raise TransientError(f"Redis failed: {type(error).__name__}.") from error


def _waiting(site: str, scene: str) -> str:
    return f"{site}/{scene}"


_DEADLINES = key("alerting", "deadlines")
_ALERTS = key("alerting", "alerts")
_LATEST = key("alerting", "latest")
_STANDING = key("alerting", "standing")
_SITES = key("alerting", "sites")


def _window(site: str) -> str:
    return key("alerting", "window", site)


def _scenes(site: str) -> str:
    return key("alerting", "scenes", site)


def _evidence(site: str) -> str:
    return key("alerting", "evidence", site)


def _said(site: str) -> str:
    return key("alerting", "said", site)


def _alerts(site: str) -> str:
    return key("alerting", "alerts", site)


def _alert(alert: str) -> str:
    return key("alerting", "alert", alert)
