"""One site's state in Redis as a transaction sees it. The keys are described in `alerting.state.store`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from redis.client import NEVER_DECODE

from railwatch.services.alerting.history.entries import Entries
from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.history.lifecycle import STANDING, AlertRecord
from railwatch.services.alerting.history.missed import Missed
from railwatch.services.alerting.history.observations import TileReading
from railwatch.services.alerting.rule.judgement import State
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import AlertEvent, EvidenceItem, JudgedLook, Miss, MissedLookEvent, Notice
from railwatch.shared.state import key

EVIDENCE_SCENES = 12
"""Newest scenes of a site whose evidence is kept for transitions to come."""

CAUSES_KEPT = 64
"""More than the records that a killed process can have left uncommitted for one site."""

TRANSITIONS_KEPT = 40
ALERTS_KEPT = 50
"""Alerts per site and transitions per alert that the API can show; all of them stay in the alerts topic."""

UNDECODED: dict[str, Any] = {NEVER_DECODE: True}
"""For a command whose answer is no text."""

DEADLINES = key("alerting", "deadlines")
OUTBOX = key("alerting", "outbox")
SILENCED = key("alerting", "silenced")
SITES = key("alerting", "sites")
KNOWN_SINCE = key("alerting", "known-since")
MISSED = key("alerting", "missed")
ALERTS = key("alerting", "alerts")
LATEST = key("alerting", "latest")
STANDING_ALERTS = key("alerting", "standing")

_EVIDENCE = TypeAdapter(dict[str, EvidenceItem])
_WITHOUT_LOOKS = {"history": {"entries"}}
_SAID = TypeAdapter(tuple[str, list[tuple[str, int]]])


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
        look_due_at: by when the next look should come; null while too little is known.
        clear_due_at: by when the next look should come on which the site can be judged; null likewise.
    """

    state: State
    last_look_at: UtcDatetime
    judged: JudgedLook | None
    alert: str | None
    look_due_at: UtcDatetime | None = None
    clear_due_at: UtcDatetime | None = None

    @property
    def seen(self) -> dict[Miss, datetime | None]:
        """When the site was last seen, by kind of look."""
        return {Miss.LOOK: self.last_look_at, Miss.CLEAR_LOOK: self.judged.observed_at if self.judged else None}

    def missed(self, now: datetime) -> Iterator[Missed]:
        """The looks that should have come by now.

        Where none has come since the last clear one, that the site was hidden is not said besides.
        """
        due = {Miss.LOOK: self.look_due_at}
        if self.seen[Miss.CLEAR_LOOK] != self.last_look_at:
            due[Miss.CLEAR_LOOK] = self.clear_due_at
        for miss, due_at in due.items():
            if due_at is not None and due_at < now:
                yield Missed(miss=miss, due_at=due_at, last_at=self.seen[miss])


class SiteView:
    """Reads go to Redis at once; writes are staged until the work is done."""

    def __init__(self, pipe: Any, site: str) -> None:
        self._pipe = pipe
        self.site = site
        self._staged: list[Callable[[], object]] = []
        self._pictures: dict[str, dict[str, EvidenceItem]] = {}
        self._held_text, *looks = pipe.execute_command("MGET", *window_keys(site), **UNDECODED)
        self.window = read_window(self._held_text, *looks)

    def scene(self, scene: str) -> SceneRecord | None:
        """What is known of a scene."""
        found = self._pipe.hget(site_key("scenes", self.site), scene)
        return SceneRecord.model_validate_json(found) if found else None

    def evidence(self, scene: str) -> dict[str, EvidenceItem]:
        """Pictures and provenance of a scene, by tile; empty if they are no longer kept."""
        if scene not in self._pictures:
            found = self._pipe.hget(site_key("evidence", self.site), scene)
            self._pictures[scene] = _EVIDENCE.validate_json(found) if found else {}
        return self._pictures[scene]

    def latest(self, alert: str) -> AlertEvent | None:
        """An alert's last event."""
        found = self._pipe.hget(LATEST, alert)
        return AlertEvent.model_validate_json(found) if found else None

    def status(self) -> SiteStatus | None:
        """How the site stands; null if it has not been seen."""
        found = self._pipe.hget(SITES, self.site)
        return SiteStatus.model_validate_json(found) if found else None

    def missed(self) -> list[MissedLookEvent]:
        """What was last told of missed looks, of each kind."""
        return read_missed(self._pipe.hmget(MISSED, missed_fields(self.site)))

    def said(self, cause: str) -> tuple[AlertEvent, ...]:
        """The events that a cause brought about."""
        for text in self._pipe.lrange(site_key("said", self.site), 0, -1):
            known, transitions = _SAID.validate_json(text)
            if known == cause:
                found = [self._pipe.hget(alert_key(alert), str(sequence)) for alert, sequence in transitions]
                return tuple(AlertEvent.model_validate_json(event) for event in found if event)
        return ()

    def put_scene(self, scene: str, record: SceneRecord, evidence: Mapping[str, EvidenceItem]) -> None:
        """Keep a scene, and wait for its missing tiles until it is due."""
        self._stage(self._pipe.hset, site_key("scenes", self.site), scene, record.model_dump_json())
        if evidence:
            self._pictures[scene] = dict(evidence)
            pictures = _EVIDENCE.dump_json(self._pictures[scene]).decode()
            self._stage(self._pipe.hset, site_key("evidence", self.site), scene, pictures)
        if record.due_at is not None:
            self._stage(self._pipe.zadd, DEADLINES, {waiting_member(self.site, scene): record.due_at.timestamp()})

    def stop_waiting(self, scene: str) -> None:
        """The scene is whole: its deadline no longer matters."""
        self._stage(self._pipe.zrem, DEADLINES, waiting_member(self.site, scene))

    def put_window(self, window: Window, entered: str | None = None) -> None:
        """Keep the window after a scene entered it, and forget the scenes and pictures that it no longer needs."""
        window_key, *looks_keys = window_keys(self.site)
        if (text := _without_looks(window).encode()) != self._held_text:
            self._stage(self._pipe.set, window_key, text)
        held, entries = self.window.history.entries, window.history.entries
        more = entries.begin_with(held)
        for name, text in zip(looks_keys, (entries[len(held) :] if more else entries).stored(), strict=True):
            self._stage(self._pipe.append if more else self._pipe.set, name, text)
        forgotten = self.window.history.scenes | ({entered} if entered else set())
        forgotten -= window.history.scenes
        newest = entries.scenes[-EVIDENCE_SCENES:]
        passed = entries.scenes[-2 * EVIDENCE_SCENES : -EVIDENCE_SCENES]
        unpictured = {*passed, *forgotten, *([entered] if entered else ())}.difference(newest)
        if forgotten:
            self._stage(self._pipe.hdel, site_key("scenes", self.site), *sorted(forgotten))
        if unpictured:
            self._stage(self._pipe.hdel, site_key("evidence", self.site), *sorted(unpictured))

    def put_status(self, status: SiteStatus) -> None:
        """Keep how the site stands."""
        self._stage(self._pipe.hset, SITES, self.site, status.model_dump_json())

    def say(self, events: Sequence[AlertEvent], cause: str | None) -> None:
        """Keep events until they are surely published: by their cause, which comes again, or in the outbox."""
        if not events:
            return
        for event in events:
            self.keep(event)
        if cause is None:
            self._stage(self._pipe.rpush, OUTBOX, *(outbox_item(event) for event in events))
        else:
            transitions = [(event.alert, event.sequence) for event in events]
            said = _SAID.dump_json((cause, transitions)).decode()
            self._stage(self._pipe.lpush, site_key("said", self.site), said)
            self._stage(self._pipe.ltrim, site_key("said", self.site), 0, CAUSES_KEPT - 1)
        if any(event.sequence == 1 for event in events):
            for alert in self._pipe.zrange(site_key("alerts", self.site), 0, -ALERTS_KEPT - 1):
                self._forget(alert)

    def say_missed(self, events: Iterable[MissedLookEvent]) -> None:
        """Keep what is said of missed looks, and until it is published in the outbox."""
        for event in events:
            self.keep_missed(event)
            self._stage(self._pipe.rpush, OUTBOX, outbox_item(event))

    def keep_missed(self, event: MissedLookEvent) -> None:
        """Keep what was last said of a missed look."""
        self._stage(self._pipe.hset, MISSED, missed_field(event.site, event.miss), event.model_dump_json())

    def keep(self, event: AlertEvent) -> None:
        """Keep an alert's last event, for those who ask."""
        text, opened = event.model_dump_json(), {event.alert: event.opened_at.timestamp()}
        self._stage(self._pipe.hset, alert_key(event.alert), str(event.sequence), text)
        self._stage(self._pipe.hdel, alert_key(event.alert), str(event.sequence - TRANSITIONS_KEPT))
        self._stage(self._pipe.hset, LATEST, event.alert, text)
        self._stage(self._pipe.zadd, ALERTS, opened)
        self._stage(self._pipe.zadd, site_key("alerts", self.site), opened)
        if event.until is not None:
            self._stage(self._pipe.hset, SILENCED, event.alert, event.until.isoformat())
        stands = event.transition in STANDING
        self._stage(self._pipe.sadd if stands else self._pipe.srem, STANDING_ALERTS, event.alert)

    def write(self) -> None:
        """Queue what was staged, to be executed together."""
        self._pipe.multi()
        for command in self._staged:
            command()

    def _forget(self, alert: str) -> None:
        self._stage(self._pipe.delete, alert_key(alert))
        self._stage(self._pipe.hdel, LATEST, alert)
        self._stage(self._pipe.zrem, ALERTS, alert)
        self._stage(self._pipe.zrem, site_key("alerts", self.site), alert)
        self._stage(self._pipe.srem, STANDING_ALERTS, alert)
        self._stage(self._pipe.hdel, SILENCED, alert)

    def _stage(self, command: Callable[..., object], *arguments: object) -> None:
        self._staged.append(lambda: command(*arguments))


def _without_looks(window: Window) -> str:
    return window.model_dump_json(exclude=_WITHOUT_LOOKS, exclude_defaults=True)


def read_window(window: bytes | None, looks: bytes | None, labels: bytes | None) -> Window:
    """A window from what its keys hold."""
    if window is None:
        return Window()
    read = Window.model_validate_json(window)
    entries = Entries.read(looks or b"", labels or b"")
    return read.model_copy(update={"history": read.history.model_copy(update={"entries": entries})})


def window_keys(site: str) -> tuple[str, str, str]:
    """The names of the keys that hold a site's window."""
    return site_key("window", site), site_key("looks", site), site_key("labels", site)


def site_key(kind: str, site: str) -> str:
    """The name of a key that holds one kind of state of one site."""
    return key("alerting", kind, site)


def alert_key(alert: str) -> str:
    """The name of the key that holds an alert's events."""
    return key("alerting", "alert", alert)


def missed_fields(site: str) -> list[str]:
    """Where what was last told of a site's missed looks is kept."""
    return [missed_field(site, miss) for miss in Miss]


def missed_field(site: str, miss: Miss) -> str:
    """Where what was last told of missed looks of one kind is kept."""
    return f"{site}/{miss}"


def read_missed(events: Iterable[str | None]) -> list[MissedLookEvent]:
    """Events of missed looks from what is kept."""
    return [MissedLookEvent.model_validate_json(event) for event in events if event]


def outbox_item(event: Notice) -> str:
    """An event that is to be published, as the outbox has it: one of an alert, which is kept elsewhere, by its name."""
    return f"{event.alert}/{event.sequence}" if isinstance(event, AlertEvent) else event.model_dump_json()


def waiting_member(site: str, scene: str) -> str:
    """How a scene that waits for its tiles is named among the deadlines."""
    return f"{site}/{scene}"
