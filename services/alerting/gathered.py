"""What counts say of each scene, gathered for a rebuild: those of the topic, and older ones of the archive."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import evidence_item
from railwatch.services.alerting.history.observations import (
    TileReading,
    check_count,
    last_recorded,
    merge,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.settings import Settings
from railwatch.shared.bus.offsets import begins_of
from railwatch.shared.bus.read import read_partitions
from railwatch.shared.errors import RailwatchError, UnprocessableError
from railwatch.shared.events import CountEvent, EvidenceItem
from railwatch.shared.sites import Site

# Pictures of this many of a site's newest scenes are kept, which is several times what Redis keeps; most of a count is
# about its pictures. They are thinned out when twice as many are there.
PICTURED_SCENES = 60

# Counts of a site do not come into the topic in the order in which they were recorded. None comes later than by this.
OUT_OF_ORDER = timedelta(days=1)


@dataclass
class GatheredScene:
    """What is known of one scene. The evidence of an old one is left out.

    Attributes:
        readings: the valid ones, by tile.
        evidence: their pictures, by tile.
        first: by tile, when its first count was recorded, and the place of that count among all.
    """

    readings: dict[str, TileReading] = field(default_factory=dict)
    evidence: dict[str, EvidenceItem] = field(default_factory=dict)
    first: dict[str, tuple[datetime, int]] = field(default_factory=dict)


# The counts of a site that were recorded up to a time.
Earlier = Callable[[str, datetime], Iterable[CountEvent]]


def gather_all(
    settings: Settings,
    sites: Mapping[str, Site],
    handled_to: Mapping[int, int] | None,
    now: datetime,
    still_ours: Callable[[], None],
) -> Iterator[dict[str, dict[str, GatheredScene]]]:
    """What all counts say, by site and scene: of the sites of each partition, then of those that only the archive has.

    The archive is read only if the topic does not reach back to its beginning. Of several counts of a tile, it gives
    the valid one.

    Args:
        settings: of alerting.
        sites: the catalogue.
        handled_to: by partition, the offset behind the last count to take in; null for all.
        now: the present.
        still_ours: is called again and again, and raises an error if the rebuild must not go on.

    Raises:
        TransientError: Kafka or the object store does not answer.
        UnprocessableError: `archive-damaged`.
        RailwatchError: Kafka has deleted counts, and the archive holds none at all.
    """
    archive = Archive.open(settings.blobs) if any(begins_of(settings.kafka, CountEvent).values()) else None
    if archive and archive.is_empty():
        raise RailwatchError("Kafka has deleted counts, and the archive of counts is empty; nothing was forgotten.")

    def earlier(site: str, until: datetime) -> Iterator[CountEvent]:
        still_ours()
        # No look is older than its count. What the topic has as well comes again, which changes nothing.
        for scene in archive.scenes(site, before=until + OUT_OF_ORDER) if archive else ():
            still_ours()
            yield from (event for event in scene.counts.values() if event.recorded_at <= until + OUT_OF_ORDER)

    def handled(partition: int, events: Iterable[tuple[int, CountEvent]]) -> Iterator[CountEvent]:
        for offset, event in events:
            still_ours()
            if handled_to is None or offset < handled_to.get(partition, 0):
                yield event

    met: set[str] = set()
    for partition, events in read_partitions(settings.kafka, CountEvent):
        found = gather(handled(partition, events), sites, now, earlier)
        met |= found.keys()
        yield found
    for site in sites.keys() - met if archive else ():
        yield gather(earlier(site, now), sites, now)


def gather(
    counts: Iterable[CountEvent], sites: Mapping[str, Site], now: datetime, earlier: Earlier = lambda *_: ()
) -> dict[str, dict[str, GatheredScene]]:
    """What counts say, by site and scene. Those that cannot be true are left out, and those of unknown sites.

    Args:
        counts: in the order of the topic; they are let go one by one.
        sites: the catalogue.
        now: the present.
        earlier: gives the counts of a site that were recorded up to the time of the first of these.
    """
    found: dict[str, dict[str, GatheredScene]] = defaultdict(lambda: defaultdict(GatheredScene))
    tracks_m = {site_id: tracks_by_tile(site) for site_id, site in sites.items()}
    pictured: dict[str, set[str]] = defaultdict(set)
    for place, event in enumerate(_after_earlier(counts, sites, earlier)):
        try:
            check_count(event, tracks_m[event.site], sites[event.site].car_lengths_m[0], now)
        except (KeyError, UnprocessableError):
            continue
        scenes = found[event.site]
        scene = scenes[event.scene]
        scene.first.setdefault(event.tile, (event.recorded_at, place))
        scene.readings = merge(scene.readings, event.tile, reading(event))
        if scene.readings[event.tile].event == event.id:
            scene.evidence[event.tile] = evidence_item(event)
            pictured[event.site].add(event.scene)
        if len(pictured[event.site]) > 2 * PICTURED_SCENES:
            pictured[event.site] = _thinned_out(scenes, pictured[event.site])
    return found


def _after_earlier(counts: Iterable[CountEvent], sites: Mapping[str, Site], earlier: Earlier) -> Iterator[CountEvent]:
    met = set()
    for event in counts:
        if event.site in sites and event.site not in met:
            met.add(event.site)
            yield from earlier(event.site, event.recorded_at)
        yield event


def _thinned_out(scenes: Mapping[str, GatheredScene], pictured: set[str]) -> set[str]:
    by_age = sorted(pictured, key=lambda name: last_recorded(scenes[name].readings).observed_at)
    for name in by_age[:-PICTURED_SCENES]:
        scenes[name].evidence.clear()
    return set(by_age[-PICTURED_SCENES:])
