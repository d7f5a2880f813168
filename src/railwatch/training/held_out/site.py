"""A site: its tracks and surroundings, painted once for both dates, and what is painted over the cars later."""

from dataclasses import dataclass, replace

import numpy as np

from railwatch.training.held_out import beside, objects, trackwork
from railwatch.training.held_out.beside import Painter
from railwatch.training.held_out.field import Field, Floats, Points, blank
from railwatch.training.held_out.land import distance_from, land
from railwatch.training.held_out.layout import Way, lay, place
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between

MARGIN_M = 30.0
FINEST_M, COARSEST_M = 0.1, 0.4


@dataclass(frozen=True)
class Site:
    """What does not change between the dates.

    Attributes:
        gsd_m: of its pictures.
        size_px: of their sides.
        field: without vehicles.
        ways: the tracks.
        room_m: (rows, cols), metres to the nearest track or road.
        above: painters of what hangs over the tracks, run after the cars are painted.
        roads: (centre, direction) where motor vehicles may stand.
        beams: (2, 2) each, overhead beams across the tracks.
        dust: how dusty the site is, 0 to 1.
    """

    gsd_m: float
    size_px: int
    field: Field
    ways: tuple[Way, ...]
    room_m: Floats
    above: tuple[Painter, ...]
    roads: tuple[tuple[Points, float], ...]
    beams: tuple[Points, ...]
    dust: float

    @property
    def size_m(self) -> float:
        """Side of its pictures."""
        return self.gsd_m * self.size_px


def build(rng: np.random.Generator, style: Style, size_px: int) -> Site:
    """A site of this style."""
    gsd = between(rng, *style.gsd_m)
    size_m = gsd * size_px
    field = blank(size_m, float(np.clip(gsd / 2, FINEST_M, COARSEST_M)), MARGIN_M)
    gauge = style.gauges_m[int(rng.integers(len(style.gauges_m)))]
    most = max(1, int(size_m * 0.55 / style.spacing_m[1]))
    yard = min(most, int(rng.integers(style.tracks[0], style.tracks[1] + 1)))
    mains = int(rng.integers(style.mains[0], style.mains[1] + 1))
    ways = lay(rng, size_m, yard, mains, gauge, between(rng, *style.spacing_m))
    bed = trackwork.choose(rng, style)
    lines = [way.line for way in ways]
    reach_m = distance_from(field, lines)
    land(field, rng, reach_m, bed.dust)
    # A road crosses the tracks at grade or above them, or the tracks cross a ravine.
    level, over, ravine = (rng.random() < style.beside[name] for name in ("crossing", "overbridge", "bridge"))
    line = _across(rng, ways, size_m) if level or over else None
    gap, half_m, seed = _across(rng, ways, size_m), between(rng, 4, 14), int(rng.integers(1 << 30))
    if ravine:
        trackwork.ravine(field, np.random.default_rng(seed), gap, half_m)
    roads, ends = beside.roads(field, rng, reach_m, ways, line, size_m)
    room = distance_from(field, lines + ends + [gap] * ravine)
    trackwork.form(field, rng, ways, bed, reach_m)
    if ravine:
        trackwork.ravine(field, np.random.default_rng(seed), gap[reach_m[field.cells(gap)] < 15], half_m)
    for way in ways:
        trackwork.build(field, rng, way, bed)
        if ravine:
            trackwork.open_bridge(field, rng, way, gap, half_m)
    above = beside.platforms(field, rng, ways, style)
    if line is not None and level:
        trackwork.cross(field, rng, line[reach_m[field.cells(line)] < 4.5], between(rng, 3.0, 5.0), ways)
        ways = tuple(_kept_clear(way, line, 7.0) for way in ways)
    elif line is not None:
        span = line[reach_m[field.cells(line)] < 12]
        above.append(beside.later(objects.overbridge, rng, span, between(rng, 4.0, 7.0)))
    beside.buildings(field, rng, style, room)
    above += beside.trees(field, rng, style, room)
    beams = _beams(rng, ways) if rng.random() < style.beside["catenary"] else ()
    return Site(gsd, size_px, field, ways, room, tuple(above), tuple(roads), beams, bed.dust)


def _across(rng: np.random.Generator, ways: tuple[Way, ...], size_m: float) -> Points:
    """A line across all tracks, a point a metre."""
    way = ways[int(rng.integers(len(ways)))]
    middle = int(np.hypot(*(way.line - size_m / 2).T).argmin() + between(rng, -0.3, 0.3) * size_m)
    at, turn = place(way, float(np.clip(middle, 1, len(way.line) - 2)))
    turn += np.pi / 2 + between(rng, -0.4, 0.4)
    return np.asarray(at + np.arange(-size_m, size_m)[:, None] * np.array([np.cos(turn), np.sin(turn)]))


def _kept_clear(way: Way, line: Points, within_m: float) -> Way:
    apart = np.hypot(*(way.line[:, None] - line[None]).transpose(2, 0, 1)).min(axis=1)
    return replace(way, clear=way.clear & (apart > within_m))


def _beams(rng: np.random.Generator, ways: tuple[Way, ...]) -> tuple[Points, ...]:
    """Overhead beams across all tracks, one every 45 to 65 m."""
    way = ways[len(ways) // 2]
    every = between(rng, 45, 65)
    found = []
    for along in np.arange(between(rng, 5, every), len(way.line) - 5, every):
        at, turn = place(way, float(along))
        across = np.array([-np.sin(turn), np.cos(turn)])
        offsets = [
            float((near - at) @ across)
            for other in ways
            if np.hypot(*((near := other.line[np.hypot(*(other.line - at).T).argmin()]) - at)) < 60
        ]
        ends = np.array([min(offsets) - 3.2, max(offsets) + 3.2])
        found.append(at + ends[:, None] * across)
    return tuple(found)
