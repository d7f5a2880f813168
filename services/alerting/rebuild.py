"""Rebuilding alerting's state in Redis from the topics.

History comes from the counts, and what consumers were told from the alerts. Nothing is published: where the two differ,
because alerting was stopped in between, the next count of the site brings consumers up to date.

Alerting is to be stopped meanwhile. What each receiver has been sent is left as it is, so nothing is sent again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from railwatch.services.alerting.handler import evidence_item, site_status
from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import record_of, told
from railwatch.services.alerting.history.missed import GAPS, promised
from railwatch.services.alerting.history.observations import (
    TileReading,
    check_count,
    complete,
    merge,
    observe,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.settings import AlertingSettings, Settings
from railwatch.services.alerting.state.store import Windows
from railwatch.services.alerting.state.transaction import EVIDENCE_SCENES, SceneRecord, SiteView, Window
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus.read import read_topic
from railwatch.shared.errors import RailwatchError, UnprocessableError
from railwatch.shared.events import AlertEvent, CountEvent, EvidenceItem, Miss, MissedLookEvent, Notice
from railwatch.shared.settings import load
from railwatch.shared.sites import Site, known_sites
from railwatch.shared.state import connect


@dataclass(frozen=True)
class Rebuilt:
    """What was rebuilt of one site: its looks, and the alerts in its life."""

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
        TransientError: Kafka or Redis is away; run it again.
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
    windows = Windows(connect(settings.redis))
    windows.clear()
    for by_site in chain([first], found):
        for site_id, scenes in by_site.items():
            yield _restore(windows, sites[site_id], scenes, alerts.pop(site_id, []), settings.alerting)
    for site_id, said in alerts.items():
        windows.transact(site_id, lambda view, said=said: [view.keep(event) for event in said])  # type: ignore[misc]
    for look in missed.values():
        windows.transact(look.site, lambda view, look=look: view.keep_missed(look))  # type: ignore[misc]


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


def _restore(
    windows: Windows, site: Site, scenes: Mapping[str, _Scene], said: list[AlertEvent], settings: AlertingSettings
) -> Rebuilt:
    tracks_m = tracks_by_tile(site)
    present = now()
    waiting = {name: due_at for name, scene in scenes.items() if (due_at := _due_at(scene, settings)) > present}
    seen = (observe(name, scene.readings, tracks_m) for name, scene in scenes.items() if name not in waiting)
    history = History()
    for observation in sorted(seen, key=lambda observation: observation.observed_at):
        history = enter(history, observation, settings.rule, [new.at for new in site.new_normal])
    last = {event.alert: event for event in sorted(said, key=lambda event: event.sequence)}
    window = Window(history=history, alerts=told([record_of(event) for event in last.values()], (), history.entries))

    def write(view: SiteView) -> None:
        for event in sorted(said, key=lambda event: event.sequence):
            view.keep(event)
        pictured = {*waiting, *(entry.scene for entry in history.entries[-EVIDENCE_SCENES:])}
        for name in history.scenes | waiting.keys():
            record = SceneRecord(readings=scenes[name].readings, due_at=waiting.get(name))
            view.put_scene(name, record, scenes[name].evidence if name in pictured else {})
        view.put_window(window)
        if history.entries:
            arrived_at = max(r.recorded_at for r in scenes[history.entries[-1].scene].readings.values())
            view.put_status(site_status(window, promised(history.entries.newest(GAPS + 1), arrived_at)))

    windows.transact(site.id, write)
    return Rebuilt(site.id, len(history.entries), len(last))


def _due_at(scene: _Scene, settings: AlertingSettings) -> datetime:
    """When to stop waiting for the scene's tiles: at once if they are all there."""
    wait = timedelta() if complete(scene.readings) else settings.scene_wait
    return min(reading.recorded_at for reading in scene.readings.values()) + wait
