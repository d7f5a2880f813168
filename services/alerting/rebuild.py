"""Rebuilding alerting's state in Redis from the topics.

History comes from the counts. What consumers were told comes from the alerts. Nothing is published. If alerting was
stopped in between, the two differ: the next count of the site then brings consumers up to date.

Alerting must be stopped meanwhile. What each receiver has been sent is left as it is, so nothing is sent again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from railwatch.services.alerting.handler import evidence_item
from railwatch.services.alerting.history.frames import Frame, Pass, awaited, look_of, passes
from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import record_of, records_after
from railwatch.services.alerting.history.missed import promised
from railwatch.services.alerting.history.observations import (
    TileReading,
    check_count,
    merge,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.settings import AlertingSettings, Settings
from railwatch.services.alerting.state.records import SceneRecord, SiteRecord, site_status
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import EVIDENCE_SCENES, Transaction
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus.read import read_topic
from railwatch.shared.errors import RailwatchError, UnprocessableError
from railwatch.shared.events import AlertEvent, CountEvent, EvidenceItem, Miss, MissedLookEvent, Notice
from railwatch.shared.incarnation import rebuild_begins, rebuild_ends
from railwatch.shared.settings import load
from railwatch.shared.sites import Site, known_sites
from railwatch.shared.state import connect


@dataclass(frozen=True)
class Rebuilt:
    """What was rebuilt of one site: how many looks it has, and how many alerts it ever had."""

    site: str
    looks: int
    alerts: int


@dataclass
class _Scene:
    """What the topic says of one scene."""

    readings: dict[str, TileReading] = field(default_factory=dict)
    evidence: dict[str, EvidenceItem] = field(default_factory=dict)


def run() -> Iterator[Rebuilt]:
    """Rebuild what the settings of the environment name, site by site: `railwatch rebuild`."""
    yield from rebuild(load(Settings))


def rebuild(settings: Settings) -> Iterator[Rebuilt]:
    """Forget the state of all sites and make it anew from the topics, site by site.

    Raises:
        TransientError: Kafka or Redis does not answer; run it again.
        RailwatchError: the topics hold no look at any site; nothing was forgotten.
    """
    sites = known_sites(settings.sites.dir).sites
    alerts: dict[str, list[AlertEvent]] = defaultdict(list)
    missed: dict[tuple[str, Miss], MissedLookEvent] = {}
    for event in chain.from_iterable(read_topic(settings.kafka, Notice)):
        if isinstance(event, AlertEvent):
            alerts[event.site].append(event)
        elif isinstance(event, MissedLookEvent):
            last = missed.get((event.site, event.miss), event)
            missed[event.site, event.miss] = max(last, event, key=lambda event: (event.recorded_at, event.sequence))
    found = (_scenes_by_site(counts, sites) for counts in read_topic(settings.kafka, CountEvent))
    first = next(filter(None, found), None)
    if first is None:
        raise RailwatchError("The topics hold no look at any site; what Redis knows was left as it is.")
    client = connect(settings.redis)
    store = Store(client)
    rebuild_begins(client, "alerting")
    store.clear()
    for by_site in chain([first], found):
        for site_id, scenes in by_site.items():
            yield _restore(store, sites[site_id], scenes, alerts.pop(site_id, []), settings.alerting)
    for site_id, events in alerts.items():
        store.transact(site_id, partial(_keep, events=events))
    for event in missed.values():
        store.transact(event.site, partial(Transaction.keep_missed, event=event))
    rebuild_ends(client, "alerting")


def _scenes_by_site(counts: Iterable[CountEvent], sites: Mapping[str, Site]) -> dict[str, dict[str, _Scene]]:
    found: dict[str, dict[str, _Scene]] = defaultdict(lambda: defaultdict(_Scene))
    tracks_m = {site_id: tracks_by_tile(site) for site_id, site in sites.items()}
    for event in counts:
        try:
            check_count(event, tracks_m[event.site], sites[event.site].car_lengths_m[0], now())
        except (KeyError, UnprocessableError):
            continue
        scene = found[event.site][event.scene]
        scene.readings = merge(scene.readings, event.tile, reading(event))
        if scene.readings[event.tile].event == event.id:
            scene.evidence[event.tile] = evidence_item(event)
    return found


def _keep(transaction: Transaction, events: Iterable[AlertEvent]) -> None:
    for event in sorted(events, key=lambda event: event.sequence):
        transaction.keep(event)


def _restore(
    store: Store, site: Site, scenes: Mapping[str, _Scene], events: list[AlertEvent], settings: AlertingSettings
) -> Rebuilt:
    tracks_m = tracks_by_tile(site)
    present = now()
    looks = passes((Frame(name, scene.readings) for name, scene in scenes.items()), settings.pass_span)
    due = [(frames, _due_at(frames, tracks_m, settings)) for frames in looks]
    waiting = {frame.scene: due_at for frames, due_at in due if due_at > present for frame in frames}
    observations = [look_of(frames, tracks_m, site.car_lengths_m) for frames, due_at in due if due_at <= present]
    history = History()
    for seen in sorted(observations, key=lambda seen: seen.observed_at):
        history = enter(history, seen, settings.rule, [new.at for new in site.new_normal])
    last = {event.alert: event for event in sorted(events, key=lambda event: event.sequence)}
    judgements = history.judgements
    alerts = records_after([record_of(event) for event in last.values()], (), judgements)
    record = SiteRecord(history=history, alerts=alerts)

    def write(transaction: Transaction) -> None:
        _keep(transaction, events)
        pictured = {*waiting, *(scene for look in judgements[-EVIDENCE_SCENES:] for scene in look.scenes)}
        for name in history.scenes | waiting.keys():
            scene = SceneRecord(readings=scenes[name].readings, due_at=waiting.get(name))
            transaction.put_scene(name, scene, scenes[name].evidence if name in pictured else {})
        transaction.put_record(record)
        if judgements:
            arrived_at = max(r.recorded_at for name in judgements[-1].scenes for r in scenes[name].readings.values())
            look_due_at = promised([look.observed_at for look in judgements], arrived_at)
            transaction.put_status(site_status(record, look_due_at))

    store.transact(site.id, write)
    return Rebuilt(site.id, len(judgements), len(last))


def _due_at(frames: Pass, tracks_m: Mapping[str, float], settings: AlertingSettings) -> datetime:
    """When to stop waiting for more of a pass: at once if it is all there."""
    wait = settings.scene_wait if awaited(frames, tracks_m) else timedelta()
    return min(reading.recorded_at for frame in frames for reading in frame.readings.values()) + wait
