"""Rebuilding the detector's state in Redis from the topics: `railwatch rebuild`.

Events say what became of each baseline. Each count says what it was counted against and whether it became a baseline.
Baselines that operators gave are tile events; one that nothing else tells of takes its place in the order of the topic.
The looks that were kept for composites are the last good ones that were counted. Stop the detector before a rebuild.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from railwatch.services.detector.baselines import Baselines, Versions, baseline_of, is_of
from railwatch.services.detector.composites.looks import GoodLook, good_look, is_good, sun_over_cell
from railwatch.services.detector.composites.renewing import MOST_LOOKS
from railwatch.services.detector.kept_looks import KeptLooks
from railwatch.services.detector.outdated import OutdatedBaselines
from railwatch.services.detector.renewal import OPERATOR_STANDS
from railwatch.services.detector.settings import Settings
from railwatch.shared.bus.read import read_topic
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import BaselineChange, BaselineEvent, CountEvent, TileEvent, TileRole
from railwatch.shared.incarnation import rebuild_begins, rebuild_ends
from railwatch.shared.settings import load
from railwatch.shared.sites import Cell, known_sites
from railwatch.shared.state import connect


@dataclass(frozen=True)
class RebuiltBaselines:
    """What was rebuilt of one tile: its baselines, and the looks that were counted against them."""

    site: str
    tile: str
    baselines: int
    looks: int


@dataclass
class _Known:
    """What the topics say of one tile."""

    versions: dict[int, BaselineRef | None] = field(default_factory=dict)
    changes: list[BaselineEvent] = field(default_factory=list)
    given: list[TileEvent] = field(default_factory=list)
    looks: list[CountEvent] = field(default_factory=list)


def run() -> Iterator[RebuiltBaselines]:
    """Rebuilds the baselines in the Redis that the environment names, tile by tile."""
    yield from rebuild_baselines(load(Settings))


def rebuild_baselines(settings: Settings) -> Iterator[RebuiltBaselines]:
    """Makes the baselines of all tiles again from the topics, tile by tile.

    Raises:
        TransientError: Kafka or Redis is away; run it again.
    """
    tiles: dict[tuple[str, str], _Known] = defaultdict(_Known)
    for counts in read_topic(settings.kafka, CountEvent):
        for look in counts:
            known = tiles[look.site, look.tile]
            known.looks.append(look)
            known.versions |= {ref.version: ref for ref in (look.baseline, look.new_baseline) if ref}
    for changes in read_topic(settings.kafka, BaselineEvent):
        for change in changes:
            known = tiles[change.site, change.tile]
            known.changes.append(change)
            if change.change is not BaselineChange.KEPT:
                known.versions[change.version] = change.baseline
    for events in read_topic(settings.kafka, TileEvent):
        for event in events:
            if event.role is TileRole.BASELINE:
                tiles[event.site, event.tile].given.append(event)
    cells = {
        (site.id, cell.id): cell for site in known_sites(settings.sites.dir).sites.values() for cell in site.cells()
    }
    client = connect(settings.redis)
    baselines, kept, outdated = Baselines(client), KeptLooks(client), OutdatedBaselines(client)
    rebuild_begins(client, "detector")
    for (site, tile), known in tiles.items():
        versions = _versions(known)
        baselines.restore(site, tile, versions, known.looks)
        lately = _since_forgotten(known.changes)
        considered = [change.considered for change in lately if change.considered]
        kept.restore(site, tile, _kept(known, lately, cells.get((site, tile))), considered[-1] if considered else ())
        outdated.note(site, tile, outdated=bool(lately) and lately[-1].why == OPERATOR_STANDS)
        yield RebuiltBaselines(site, tile, len(versions), len(known.looks))
    rebuild_ends(client, "detector")


def _versions(known: _Known) -> Versions:
    """The history of one tile's baselines: those that are told of, and operators' baselines in the free places."""
    versions = dict(known.versions)
    given = {event.id: event for event in known.given}.values()
    unnamed = [event for event in given if not any(ref and is_of(ref, event) for ref in versions.values())]
    free = (version for version in count(1) if version not in versions)
    for event in unnamed:
        version = next(free)
        versions[version] = baseline_of(event, version, "operator")
    return dict(sorted(versions.items()))


def _since_forgotten(changes: list[BaselineEvent]) -> list[BaselineEvent]:
    """The changes from the last one on by which a baseline was forgotten, or all."""
    forgotten = [number for number, change in enumerate(changes) if change.change is BaselineChange.FORGOTTEN]
    return changes[forgotten[-1] :] if forgotten else changes


def _kept(known: _Known, changes: list[BaselineEvent], cell: Cell | None) -> list[GoodLook]:
    """The last good looks of one tile, without those from before its baseline was forgotten."""
    if cell is None:
        return []
    forgotten = bool(changes) and changes[0].change is BaselineChange.FORGOTTEN
    looks = {
        look.image.sha256: good_look(look.scene, look.observed_at, look.image, look.result)
        for look in known.looks
        if is_good(look.result, sun_over_cell(cell, look.observed_at))
        and not (forgotten and look.recorded_at <= changes[0].recorded_at)
    }
    return sorted(looks.values(), key=lambda look: (look.observed_at, look.image.sha256))[-MOST_LOOKS:]
