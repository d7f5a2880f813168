"""One change of one site's state in Redis. `alerting.state.keys` describes the keys."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from pydantic import TypeAdapter

from railwatch.services.alerting.state.keys import (
    ALERTS,
    DEADLINES,
    LATEST,
    MISSED,
    SILENCED,
    SITES,
    STANDING_ALERTS,
    TAUGHT,
    UNPUBLISHED,
    alert_key,
    missed_field,
    outbox_item,
    record_keys,
    site_key,
    verdicts_key,
    waiting_key,
    waiting_member,
)
from railwatch.services.alerting.state.records import (
    SceneRecord,
    SiteRecord,
    SiteStatus,
    Taught,
    as_lines,
    read_record,
    read_verdicts,
    record_text,
)
from railwatch.shared.events import (
    ActEvent,
    AlertEvent,
    Event,
    EvidenceItem,
    Miss,
    MissedLookEvent,
    Transition,
    VerdictEvent,
)
from railwatch.shared.lease import Lease

# A site's newest scenes whose evidence is kept for transitions to come.
EVIDENCE_SCENES = 12

# The transitions per alert, beside its opening, and the alerts per site that the API can show. All of them stay in the
# alerts topic.
TRANSITIONS_KEPT = 40
ALERTS_KEPT = 50

_EVIDENCE = TypeAdapter(dict[str, EvidenceItem])


class Transaction:
    """Reads go to Redis at once. Writes are staged until the work is done."""

    def __init__(self, pipe: Any, site: str) -> None:
        self._pipe = pipe
        self.site = site
        self._staged: list[Callable[[], object]] = []
        self._pictures: dict[str, dict[str, EvidenceItem]] = {}
        self._held_text, lines, self._verdict_lines = pipe.mget((*record_keys(site), verdicts_key(site)))
        self.record = read_record(self._held_text, lines)

    @cached_property
    def verdicts(self) -> tuple[VerdictEvent, ...]:
        """What people said of the site's looks and alerts, in the order in which they did."""
        return read_verdicts(self._verdict_lines)

    def is_held(self, lease: Lease) -> bool:
        """Whether a lease is held that this transaction watches."""
        return lease.held(self._pipe)

    def scene(self, scene: str) -> SceneRecord | None:
        """What is known of a scene."""
        found = self._pipe.hget(site_key("scenes", self.site), scene)
        return SceneRecord.model_validate_json(found) if found else None

    def waiting(self) -> set[str]:
        """The scenes that wait for more of their pass."""
        return set(self._pipe.smembers(waiting_key(self.site)))

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

    def last_of(self, alert: str, transition: Transition) -> AlertEvent | None:
        """An alert's last event of one kind; null if none is kept."""
        events = map(AlertEvent.model_validate_json, self._pipe.hvals(alert_key(alert)))
        found = (event for event in events if event.transition is transition)
        return max(found, key=lambda event: event.sequence, default=None)

    def status(self) -> SiteStatus | None:
        """How the site stands; null if it has not been seen."""
        found = self._pipe.hget(SITES, self.site)
        return SiteStatus.model_validate_json(found) if found else None

    def missed(self) -> list[MissedLookEvent]:
        """The last event about each kind of missed look."""
        found = self._pipe.hmget(MISSED, [missed_field(self.site, miss) for miss in Miss])
        return [MissedLookEvent.model_validate_json(event) for event in found if event]

    def put_scene(self, scene: str, record: SceneRecord, evidence: Mapping[str, EvidenceItem] | None = None) -> None:
        """Keep a scene, and wait for more of its pass until it is due."""
        text = record.model_dump_json(exclude_defaults=True)
        self._stage(self._pipe.hset, site_key("scenes", self.site), scene, text)
        if evidence:
            self._pictures[scene] = dict(evidence)
            pictures = _EVIDENCE.dump_json(self._pictures[scene]).decode()
            self._stage(self._pipe.hset, site_key("evidence", self.site), scene, pictures)
        if record.due_at is not None:
            self._stage(self._pipe.zadd, DEADLINES, {waiting_member(self.site, scene): record.due_at.timestamp()})
            self._stage(self._pipe.sadd, waiting_key(self.site), scene)

    def stop_waiting(self, scene: str) -> None:
        """Forget the scene's deadline: its pass is complete, or its time is up."""
        self._stage(self._pipe.zrem, DEADLINES, waiting_member(self.site, scene))
        self._stage(self._pipe.srem, waiting_key(self.site), scene)

    def put_record(self, record: SiteRecord, entered: Collection[str] = ()) -> None:
        """Keep the record after scenes entered its history. Forget the scenes and pictures that it needs no more."""
        text_key, lines_key = record_keys(self.site)
        if (text := record_text(record)) != self._held_text:
            self._stage(self._pipe.set, text_key, text)
        held, judgements = self.record.history.judgements, record.history.judgements
        if judgements[: len(held)] == held:
            self._stage(self._pipe.append, lines_key, as_lines(judgements[len(held) :]))
        else:
            self._stage(self._pipe.set, lines_key, as_lines(judgements))
        forgotten = self.record.history.scenes.union(entered) - record.history.scenes
        scenes = [judgement.scenes for judgement in judgements[-2 * EVIDENCE_SCENES :]]
        newest, passed = chain(*scenes[-EVIDENCE_SCENES:]), chain(*scenes[:-EVIDENCE_SCENES])
        unpictured = {*passed, *forgotten, *entered}.difference(newest)
        if forgotten:
            self._stage(self._pipe.hdel, site_key("scenes", self.site), *sorted(forgotten))
        if unpictured:
            self._stage(self._pipe.hdel, site_key("evidence", self.site), *sorted(unpictured))

    def put_status(self, status: SiteStatus) -> None:
        """Keep how the site stands."""
        self._stage(self._pipe.hset, SITES, self.site, status.model_dump_json())

    def announce(self, events: Sequence[AlertEvent]) -> None:
        """Keep events, and put them into the site's outbox until they are certainly published."""
        for event in events:
            self.keep(event)
        self._put_out(events)
        if any(event.sequence == 1 for event in events):
            for alert in self._pipe.zrange(site_key("alerts", self.site), 0, -ALERTS_KEPT - 1):
                self._forget(alert)

    def announce_missed(self, events: Sequence[MissedLookEvent]) -> None:
        """Keep events about missed looks, and put them into the site's outbox until they are certainly published."""
        for event in events:
            self.keep_missed(event)
        self._put_out(events)

    def keep_missed(self, event: MissedLookEvent) -> None:
        """Keep the last event about a missed look."""
        self._stage(self._pipe.hset, MISSED, missed_field(event.site, event.miss), event.model_dump_json())

    def announce_verdict(self, verdict: VerdictEvent) -> None:
        """Keep a verdict and what all of them teach, and put it into the site's outbox until it is published."""
        self._stage(self._pipe.append, verdicts_key(self.site), as_lines([verdict]))
        self._teach((*self.verdicts, verdict))
        self._put_out([verdict])

    def record_act(self, act: ActEvent) -> None:
        """Put the record of what somebody did into the site's outbox. It is kept nowhere else."""
        self._put_out([act])

    def keep_verdicts(self, verdicts: Sequence[VerdictEvent]) -> None:
        """Keep these verdicts in place of those that are held, and what they teach."""
        self._stage(self._pipe.set, verdicts_key(self.site), as_lines(verdicts))
        self._teach(verdicts)

    def keep(self, event: AlertEvent) -> None:
        """Keep an alert's last event for the API and the pages."""
        text, opened = event.model_dump_json(), {event.alert: event.opened_at.timestamp()}
        self._stage(self._pipe.hset, alert_key(event.alert), str(event.sequence), text)
        if event.sequence - TRANSITIONS_KEPT > 1:
            self._stage(self._pipe.hdel, alert_key(event.alert), str(event.sequence - TRANSITIONS_KEPT))
        self._stage(self._pipe.hset, LATEST, event.alert, text)
        self._stage(self._pipe.zadd, ALERTS, opened)
        self._stage(self._pipe.zadd, site_key("alerts", self.site), opened)
        if event.until is not None:
            self._stage(self._pipe.hset, SILENCED, event.alert, event.until.isoformat())
        self._stage(self._pipe.sadd if event.stands else self._pipe.srem, STANDING_ALERTS, event.alert)

    def write(self) -> None:
        """Queue what was staged, to be executed together."""
        self._pipe.multi()
        for command in self._staged:
            command()

    def _teach(self, verdicts: Sequence[VerdictEvent]) -> None:
        self._stage(self._pipe.hset, TAUGHT, self.site, Taught.by(verdicts).model_dump_json())

    def _put_out(self, events: Sequence[Event]) -> None:
        if events:
            self._stage(self._pipe.rpush, site_key("outbox", self.site), *map(outbox_item, events))
            self._stage(self._pipe.sadd, UNPUBLISHED, self.site)

    def _forget(self, alert: str) -> None:
        self._stage(self._pipe.delete, alert_key(alert))
        self._stage(self._pipe.hdel, LATEST, alert)
        self._stage(self._pipe.zrem, ALERTS, alert)
        self._stage(self._pipe.zrem, site_key("alerts", self.site), alert)
        self._stage(self._pipe.srem, STANDING_ALERTS, alert)
        self._stage(self._pipe.hdel, SILENCED, alert)

    def _stage(self, command: Callable[..., object], *arguments: object) -> None:
        self._staged.append(lambda: command(*arguments))
