"""What the counts of a partition say of each scene, gathered for a rebuild."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from railwatch.services.alerting.handler import evidence_item
from railwatch.services.alerting.history.observations import (
    TileReading,
    check_count,
    last_recorded,
    merge,
    reading,
    tracks_by_tile,
)
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent, EvidenceItem
from railwatch.shared.sites import Site

# Pictures of this many of a site's newest scenes are kept, which is several times what Redis keeps; most of a count is
# about its pictures. They are thinned out when twice as many are there.
PICTURED_SCENES = 60


@dataclass
class GatheredScene:
    """What the topic says of one scene. The evidence of an old one is left out.

    Attributes:
        readings: the valid ones, by tile.
        evidence: their pictures, by tile.
        first: by tile, when its first count was recorded, and the place of that count in the topic.
    """

    readings: dict[str, TileReading] = field(default_factory=dict)
    evidence: dict[str, EvidenceItem] = field(default_factory=dict)
    first: dict[str, tuple[datetime, int]] = field(default_factory=dict)


def gather(
    counts: Iterable[CountEvent], sites: Mapping[str, Site], now: datetime
) -> dict[str, dict[str, GatheredScene]]:
    """What counts say, by site and scene. Those that cannot be true are left out, and those of unknown sites.

    Args:
        counts: in the order of the topic; they are let go one by one.
        sites: the catalogue.
        now: the present.
    """
    found: dict[str, dict[str, GatheredScene]] = defaultdict(lambda: defaultdict(GatheredScene))
    tracks_m = {site_id: tracks_by_tile(site) for site_id, site in sites.items()}
    pictured: dict[str, set[str]] = defaultdict(set)
    for place, event in enumerate(counts):
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


def _thinned_out(scenes: Mapping[str, GatheredScene], pictured: set[str]) -> set[str]:
    by_age = sorted(pictured, key=lambda name: last_recorded(scenes[name].readings).observed_at)
    for name in by_age[:-PICTURED_SCENES]:
        scenes[name].evidence.clear()
    return set(by_age[-PICTURED_SCENES:])
