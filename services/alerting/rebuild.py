"""Rebuilding alerting's state in Redis from the topics: by itself when state was lost, or by a command.

History comes from the counts that alerting had handled, as its committed offsets say. Those after them come as they
always do. Where the topic does not reach back to its beginning, the archive has the older ones. What consumers were
told comes from the alerts topic, and what people said from the topic of verdicts. If something was decided and not
told, because Redis was lost first, it is told now. Nothing else is: what each receiver was sent is known from its own
offsets.

One process rebuilds, under a lease. All others wait meanwhile. The command also puts into the archive what it lacks,
when the state is whole again: to lose Redis does not touch the archive.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

import redis

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.filling import fill
from railwatch.services.alerting.gathered import GatheredScene, gather_all
from railwatch.services.alerting.groups import GROUP
from railwatch.services.alerting.history.frames import Frame, Pass, awaited, look_of, passes
from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import record_of, records_after
from railwatch.services.alerting.history.missed import promised
from railwatch.services.alerting.history.observations import tracks_by_tile
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.keys import REBUILDING
from railwatch.services.alerting.state.records import SceneRecord, SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import EVIDENCE_SCENES, Transaction
from railwatch.services.alerting.told import Told, read_told
from railwatch.services.alerting.up_to_date import bring_up_to_date
from railwatch.services.alerting.verdicts.lessons import recalibrated
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus.offsets import ends_of, positions_of
from railwatch.shared.bus.read import read_partitions, read_topic
from railwatch.shared.environment import load
from railwatch.shared.errors import RailwatchError, TransientError
from railwatch.shared.events import AlertEvent, CountEvent, Notice, VerdictEvent
from railwatch.shared.incarnation import rebuild_begins, rebuild_ends
from railwatch.shared.lease import Lease
from railwatch.shared.sites import Site, known_sites
from railwatch.shared.state import connect

# Another process may rebuild if the one that does has not said for this time that it still does.
HELD_FOR_S = 60.0
RENEW_EVERY_S = 10.0

# A count that was recorded later than this after the last event about its site was not handled before it. The clocks of
# two services differ by less.
CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True)
class Rebuilt:
    """What was rebuilt of one site: how many looks it has, and how many alerts it ever had."""

    site: str
    looks: int
    alerts: int


def run(archived: Callable[[int], None]) -> Iterator[Rebuilt]:
    """Rebuild what the settings of the environment name, site by site: `railwatch rebuild`.

    Args:
        archived: is told in the end how many counts were put into the archive.
    """
    settings = load(Settings)
    yield from rebuild(settings)
    archived(fill_archive(settings))


def fill_archive(settings: Settings) -> int:
    """Put the counts of the topic into the archive that it lacks; returns how many these were.

    Raises:
        TransientError: Kafka or the object store does not answer.
    """
    archive, sites, present = Archive.open(settings.blobs), known_sites(settings).sites, now()
    return sum(fill(archive, counts, sites, present) for counts in read_topic(settings.kafka, CountEvent))


def rebuild(settings: Settings, stop: threading.Event | None = None) -> Iterator[Rebuilt]:
    """Forget the state of all sites and make it anew from the topics, site by site.

    Args:
        settings: of alerting.
        stop: end as soon as this is set, and let another process begin at once.

    Raises:
        TransientError: Kafka or Redis does not answer, another process rebuilds, or `stop` is set.
        UnprocessableError: `archive-damaged`: an object of the archive is no count.
        RailwatchError: there is no look at any site to rebuild from, or Kafka has deleted counts and the archive is
            empty; nothing was forgotten.
    """
    client = connect(settings.redis)
    lease = Lease(client, REBUILDING, HELD_FOR_S)
    if not lease.take():
        raise TransientError("Another process rebuilds the state.")
    try:
        yield from _rebuild(settings, client, lease, stop or threading.Event())
    finally:
        lease.release()


def _rebuild(settings: Settings, client: redis.Redis, lease: Lease, stop: threading.Event) -> Iterator[Rebuilt]:
    store, still_ours = Store(client), _renewing(lease, stop)
    sites = known_sites(settings).sites
    positions = positions_of(settings.kafka, GROUP, CountEvent)
    committed = {number: position.offset for number, position in positions.items()}
    published = ends_of(settings.kafka, Notice)
    told = read_told(settings, client, still_ours)
    verdicted = ends_of(settings.kafka, VerdictEvent)
    verdicts = _read_verdicts(settings, still_ours)
    handled_to = _handled_to(settings, committed, told, still_ours) if committed else None
    found = filter(None, gather_all(settings, sites, handled_to, now(), still_ours))
    first = next(found, None)
    if first is None:
        raise RailwatchError("There is no look at any site to rebuild from; what Redis knows was left as it is.")
    still_ours()
    rebuild_begins(client, "alerting")
    store.clear()
    restored = set()
    for by_site in chain([first], found):
        for site_id, scenes in by_site.items():
            still_ours()
            restored.add(site_id)
            events = told.events(site_id)
            yield _restore(store, sites[site_id], scenes, events, verdicts[site_id], settings, lease)
    for site_id in told.alerts.keys() - restored:
        store.transact(site_id, partial(_keep, events=told.events(site_id)))
    for site_id in verdicts.keys() - restored:
        store.transact(site_id, partial(Transaction.keep_verdicts, verdicts=verdicts[site_id]))
    for event in told.missed.values():
        store.transact(event.site, partial(Transaction.keep_missed, event=event))
    still_ours()
    store.note_progress(CountEvent.TOPIC, committed)
    store.note_progress(Notice.TOPIC, published)
    store.note_progress(VerdictEvent.TOPIC, verdicted)
    rebuild_ends(client, "alerting")


def _handled_to(
    settings: Settings, committed: Mapping[int, int], told: Told, still_ours: Callable[[], None]
) -> Mapping[int, int]:
    """By partition, the offset behind the last count that was handled.

    That is what is committed, and beyond it what consumers were told of: alerting may have died in between. The counts
    behind it wait, and come as they always do.
    """
    found = dict(committed)
    for number, events in read_partitions(settings.kafka, CountEvent, committed):
        for offset, event in events:
            still_ours()
            earlier = event.recorded_at <= told.last_at[event.site] + CLOCKS_DIFFER
            if earlier and told.speaks_of(event.site, event.scene, event.observed_at):
                found[number] = offset + 1
    return found


def _read_verdicts(settings: Settings, still_ours: Callable[[], None]) -> dict[str, list[VerdictEvent]]:
    """What people said, by site, each once and in the order in which they did."""
    found: dict[str, dict[str, VerdictEvent]] = defaultdict(dict)
    for _, events in read_partitions(settings.kafka, VerdictEvent):
        for _, verdict in events:
            still_ours()
            found[verdict.site].setdefault(verdict.id, verdict)
    return defaultdict(list, {site: list(verdicts.values()) for site, verdicts in found.items()})


def _renewing(lease: Lease, stop: threading.Event) -> Callable[[], None]:
    """Something to call again and again: it renews the lease in time.

    It raises `TransientError` if the lease was lost, or if `stop` is set.
    """
    renewed_at = time.monotonic()

    def still_ours() -> None:
        nonlocal renewed_at
        if stop.is_set():
            raise TransientError("This process ends; another one can rebuild the state.")
        if time.monotonic() - renewed_at > RENEW_EVERY_S:
            if not lease.renew():
                raise TransientError("Another process has begun to rebuild the state.")
            renewed_at = time.monotonic()

    return still_ours


def _keep(transaction: Transaction, events: Iterable[AlertEvent]) -> None:
    for event in events:
        transaction.keep(event)


def _restore(
    store: Store,
    site: Site,
    scenes: Mapping[str, GatheredScene],
    events: list[AlertEvent],
    verdicts: Sequence[VerdictEvent],
    settings: Settings,
    lease: Lease,
) -> Rebuilt:
    alerting, tracks_m, present = settings.alerting, tracks_by_tile(site), now()
    looks = passes((Frame(name, scene.readings) for name, scene in scenes.items()), alerting.pass_span)
    due = [(frames, _due_at(frames, tracks_m, alerting.scene_wait)) for frames in looks]
    waiting = {frame.scene: due_at for frames, due_at in due if due_at > present for frame in frames}
    judged = [frames for frames, due_at in due if due_at <= present]
    history = History()
    # In the order in which they were judged before: so what came late is marked as such again.
    for frames in sorted(judged, key=lambda frames: _judged_at(frames, scenes, tracks_m, alerting.scene_wait)):
        seen = recalibrated(look_of(frames, tracks_m, site.car_lengths_m), verdicts)
        history = enter(history, seen, alerting.rule, [new.at for new in site.new_normal])
    last = {event.alert: event for event in events}
    judgements = history.judgements
    alerts = records_after([record_of(event) for event in last.values()], (), judgements)
    record = SiteRecord(history=history, alerts=alerts)

    def write(transaction: Transaction) -> None:
        if not transaction.is_held(lease):
            raise TransientError("Another process has begun to rebuild the state.")
        _keep(transaction, events)
        if verdicts:
            transaction.keep_verdicts(verdicts)
        pictured = {*waiting, *(scene for look in judgements[-EVIDENCE_SCENES:] for scene in look.scenes)}
        for name in history.scenes | waiting.keys():
            scene = SceneRecord(readings=scenes[name].readings, due_at=waiting.get(name))
            transaction.put_scene(name, scene, scenes[name].evidence if name in pictured else {})
        look_due_at = None
        if judgements:
            arrived_at = max(r.recorded_at for name in judgements[-1].scenes for r in scenes[name].readings.values())
            look_due_at = promised([look.observed_at for look in judgements], arrived_at)
        bring_up_to_date(transaction, site, record, alerting.public_url, present, look_due_at)

    store.transact(site.id, write, lease.name)
    return Rebuilt(site.id, len(judgements), len(last))


def _due_at(frames: Pass, tracks_m: Mapping[str, float], scene_wait: timedelta) -> datetime:
    """When to stop waiting for more of a pass: at once if it is all there."""
    wait = scene_wait if awaited(frames, tracks_m) else timedelta()
    return min(reading.recorded_at for frame in frames for reading in frame.readings.values()) + wait


def _judged_at(
    frames: Pass, scenes: Mapping[str, GatheredScene], tracks_m: Mapping[str, float], scene_wait: timedelta
) -> tuple[datetime, int]:
    """When a pass was judged first: when all of it was there, or when nobody waited any longer. Then its place."""
    first = [each for frame in frames for each in scenes[frame.scene].first.values()]
    whole = max(first)
    limit = min(first)[0] + scene_wait, whole[1]
    return limit if awaited(frames, tracks_m) else min(limit, whole)
