"""Rebuilding the detector's state in Redis from the topics: `railwatch rebuild`.

Events say what became of each baseline. Each count says what it was counted against and whether it became a baseline.
The looks that were kept for composites are the last good ones that were counted. What became of baselines is put into
the object store where that lacks it, for the pages. Stop the detector before a rebuild.

Counts are read some hundred at a time, and none is kept: what stays in memory is the baselines of all tiles, and the
last good looks of the tiles of one partition.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.composites.looks import (
    MOST_LOOKS,
    GoodLook,
    good_look,
    in_order,
    is_good,
    sun_over_cell,
)
from railwatch.services.detector.kept_looks import KeptLooks
from railwatch.services.detector.noted import OutdatedBaselines
from railwatch.services.detector.renewal import OPERATOR_STANDS
from railwatch.services.detector.settings import Settings
from railwatch.shared.baseline_versions import keeping_versions
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus.read import read_topic
from railwatch.shared.counts import BaselineRef
from railwatch.shared.environment import load
from railwatch.shared.events import BaselineChange, BaselineEvent, CountEvent
from railwatch.shared.incarnation import rebuild_begins, rebuild_ends
from railwatch.shared.sites import Cell, known_sites
from railwatch.shared.state import connect

Place = tuple[str, str]

# Counts that are read before what they say is written, and progress is told.
BATCH = 500


@dataclass(frozen=True)
class RebuiltBaselines:
    """What was rebuilt of one tile: its baselines, and the looks that were counted against them."""

    site: str
    tile: str
    baselines: int
    looks: int


@dataclass
class _Known:
    """What the topics say of one tile.

    Attributes:
        versions: its baselines. Two may claim one version, after Redis was set back. Then it is that of the last event
            that tells of it. Any other has a number below 1, so that looks that were counted against it still are.
        forgotten_at: when its baseline was forgotten for the last time.
        considered: the looks that the last composite could be made of.
        outdated: whether an operator's baseline stands although a composite is better.
        good: the last good looks, by checksum.
        looks: how many counts there are.
    """

    versions: dict[int, BaselineRef | None] = field(default_factory=dict)
    forgotten_at: datetime | None = None
    considered: tuple[str, ...] = ()
    outdated: bool = False
    good: dict[str, GoodLook] = field(default_factory=dict)
    looks: int = 0

    def change(self, event: BaselineEvent) -> None:
        """Takes in an event, in the order of the topic."""
        if event.change is not BaselineChange.KEPT:
            before = self.versions.get(event.version)
            self.versions[event.version] = event.baseline
            if before is not None:
                self.number_of(before)
        if event.change is BaselineChange.FORGOTTEN:
            self.forgotten_at, self.considered = event.recorded_at, ()
        self.considered = event.considered or self.considered
        self.outdated = event.why == OPERATOR_STANDS

    def number_of(self, ref: BaselineRef) -> int:
        """The number under which a baseline is stored. It is added if it is new."""
        held = self.versions.setdefault(ref.version, ref)
        if held is not None and held.id == ref.id:
            return ref.version
        aside = (number for number, other in self.versions.items() if number < 1 and other and other.id == ref.id)
        number = next(aside, min(0, *self.versions) - 1)
        self.versions[number] = ref
        return number

    def look(self, count: CountEvent, cell: Cell | None) -> int:
        """Takes in a count. The result is the number of the baseline that it was made against; 0 for none."""
        self.looks += 1
        against = self.number_of(count.baseline) if count.baseline else 0
        if count.new_baseline:
            self.number_of(count.new_baseline)
        lately = self.forgotten_at is None or count.recorded_at > self.forgotten_at
        if cell and lately and is_good(count.result, sun_over_cell(cell, count.observed_at)):
            self.good[count.image.sha256] = good_look(count.scene, count.observed_at, count.image, count.result)
            if len(self.good) > MOST_LOOKS:
                del self.good[min(self.good.values(), key=in_order).image.sha256]
        return against


def run(progress: Callable[[int], None]) -> Iterator[RebuiltBaselines]:
    """Rebuilds the baselines in the Redis that the environment names, tile by tile. See `rebuild_baselines`."""
    yield from rebuild_baselines(load(Settings), progress)


def rebuild_baselines(
    settings: Settings, progress: Callable[[int], None] = lambda _: None
) -> Iterator[RebuiltBaselines]:
    """Makes the baselines of all tiles again from the topics, tile by tile.

    Args:
        settings: of the detector.
        progress: is told how many counts were read so far, now and then.

    Raises:
        TransientError: Kafka or Redis is away; run it again.
    """
    client = connect(settings.redis)
    baselines, kept, outdated = Baselines(client), KeptLooks(client), OutdatedBaselines(client)
    cells = {(site.id, cell.id): cell for site in known_sites(settings).sites.values() for cell in site.cells()}
    tiles: dict[Place, _Known] = defaultdict(_Known)
    changes = chain.from_iterable(read_topic(settings.kafka, BaselineEvent))
    for event in keeping_versions(BlobStore.open(settings.blobs).objects, changes):
        tiles[event.site, event.tile].change(event)

    def restored(places: Iterable[Place]) -> Iterator[RebuiltBaselines]:
        for site, tile in places:
            known = tiles.pop((site, tile))
            baselines.restore(site, tile, dict(sorted(known.versions.items())))
            kept.restore(site, tile, sorted(known.good.values(), key=in_order), known.considered)
            outdated.note(site, tile, outdated=known.outdated)
            yield RebuiltBaselines(site, tile, len(known.versions), known.looks)

    rebuild_begins(client, "detector")
    read = 0
    for counts in read_topic(settings.kafka, CountEvent):
        seen: dict[Place, None] = {}
        while batch := list(islice(counts, BATCH)):
            decisions = []
            for count in batch:
                place = count.site, count.tile
                seen[place] = None
                decisions.append((count, tiles[place].look(count, cells.get(place))))
            baselines.remember(decisions)
            read += len(batch)
            progress(read)
        yield from restored(seen)
    yield from restored(list(tiles))
    rebuild_ends(client, "detector")
