"""Rebuilding the detector's pointers in Redis from the topics: `railwatch rebuild`.

Each count says what it was counted against and whether it became a baseline. Baselines that operators gave are tile
events. An operator's baseline that no look was counted against yet takes its place in the order of the topic. Stop the
detector before a rebuild.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from railwatch.services.detector.baselines import Baselines, baseline_of, is_of
from railwatch.services.detector.settings import Settings
from railwatch.shared.bus.read import read_topic
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import CountEvent, TileEvent, TileRole
from railwatch.shared.incarnation import rebuild_begins, rebuild_ends
from railwatch.shared.settings import load
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

    versions: dict[int, BaselineRef] = field(default_factory=dict)
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
    for events in read_topic(settings.kafka, TileEvent):
        for event in events:
            if event.role is TileRole.BASELINE:
                tiles[event.site, event.tile].given.append(event)
    client = connect(settings.redis)
    baselines = Baselines(client)
    rebuild_begins(client, "detector")
    for (site, tile), known in tiles.items():
        versions = _versions(known)
        baselines.restore(site, tile, versions, known.looks)
        yield RebuiltBaselines(site, tile, len(versions), len(known.looks))
    rebuild_ends(client, "detector")


def _versions(known: _Known) -> list[BaselineRef]:
    """The history of one tile's baselines: those that counts name, and operators' baselines in the free places."""
    versions = dict(known.versions)
    given = {event.id: event for event in known.given}.values()
    unnamed = [event for event in given if not any(is_of(ref, event) for ref in versions.values())]
    free = (version for version in count(1) if version not in versions)
    for event in unnamed:
        version = next(free)
        versions[version] = baseline_of(event, version, "operator")
    return [versions[version] for version in sorted(versions)]
