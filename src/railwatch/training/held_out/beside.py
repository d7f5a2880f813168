"""Where roads, platforms, buildings and trees are put, and which of them hang over the tracks."""

from collections.abc import Callable

import numpy as np

from railwatch.training.held_out import objects
from railwatch.training.held_out.field import Field, Floats, Points, normals
from railwatch.training.held_out.land import free_places
from railwatch.training.held_out.layout import Way, place
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between

Painter = Callable[[Field], None]


def later(paint: Callable[..., None], rng: np.random.Generator, *what: object) -> Painter:
    """A painter that paints the same on any field."""
    seed = int(rng.integers(1 << 30))

    def painter(field: Field) -> None:
        paint(field, np.random.default_rng(seed), *what)

    return painter


def roads(
    field: Field,
    rng: np.random.Generator,
    reach: Floats,
    ways: tuple[Way, ...],
    crossing: Points | None,
    size_m: float,
) -> tuple[list[tuple[Points, float]], list[Points]]:
    """Roads, painted; returns places on them, and their middle lines."""
    lines = [] if crossing is None else [crossing]
    for _ in range(int(rng.integers(0, 3))):
        at = free_places(rng, field, reach, 14, 200, 1)
        if len(at):
            along = place(ways[0], len(ways[0].line) / 2)[1] + rng.normal(0, 0.12)
            turn = along if rng.random() < 0.6 else between(rng, 0, np.pi)
            line = at[0] + np.arange(-size_m, size_m)[:, None] * np.array([np.cos(turn), np.sin(turn)])
            bend = np.cumsum(np.cumsum(rng.normal(0, 2e-4, len(line))))
            line = line + np.column_stack([-np.sin(turn) * bend, np.cos(turn) * bend])
            away = reach[field.cells(line)] > 9
            # A road ends where it would run into the tracks.
            stop = np.flatnonzero(~away)
            middle = len(line) // 2
            low = max([s for s in stop if s < middle], default=-1) + 1
            high = min([s for s in stop if s > middle], default=len(line))
            if high - low > 12:
                lines.append(line[low:high])
    places = []
    for line in lines:
        half = between(rng, 2.8, 5.0)
        objects.road(field, rng, line, half)
        forward = np.gradient(line, axis=0)
        for number in rng.integers(0, len(line), max(1, len(line) // 18)):
            lane = float(rng.choice([-1, 1]))
            right = np.array([-forward[number, 1], forward[number, 0]]) / np.hypot(*forward[number])
            at = line[number] + right * lane * half * 0.45
            if reach[field.cells(at[None])][0] > 7:
                places.append((at, float(np.arctan2(forward[number, 1], forward[number, 0]))))
    return places, lines


def platforms(field: Field, rng: np.random.Generator, ways: tuple[Way, ...], style: Style) -> list[Painter]:
    """Platforms outside the outermost tracks or between wide ones; their roofs come later."""
    above: list[Painter] = []
    if rng.random() >= style.beside["platform"]:
        return above
    for way in (ways[0], ways[-1])[: int(rng.integers(1, 3))]:
        sign = _free_side(way, ways)
        length = len(way.line)
        low = int(between(rng, 0.1, 0.5) * length)
        part = way.line[low : low + int(between(rng, 60, 200))]
        if len(part) < 30:
            continue
        inner, outer = way.gauge_m / 2 + 1.0, way.gauge_m / 2 + between(rng, 4.0, 9.0)
        objects.platform(field, rng, part, *sorted((sign * inner, sign * outer)))
        if rng.random() < style.beside["canopy"]:
            roofed = part[len(part) // 5 : len(part) * 4 // 5]
            edge = inner + between(rng, -1.3, 0.6)
            low_m, high_m = sorted((sign * edge, sign * outer))
            above.append(later(objects.canopy, rng, roofed, low_m, high_m))
    return above


def _free_side(way: Way, ways: tuple[Way, ...]) -> int:
    """On which side of a track there is no other: 1 right, -1 left."""
    middle = len(way.line) // 2
    right = normals(way.line)[middle]
    others = [other.line[np.hypot(*(other.line - way.line[middle]).T).argmin()] for other in ways if other is not way]
    return -1 if sum(float((at - way.line[middle]) @ right) for at in others) > 0 else 1


def buildings(field: Field, rng: np.random.Generator, style: Style, reach: Floats) -> None:
    """Houses and halls, most of them in line; `reach` (rows, cols) is how much room there is, metres."""
    if rng.random() < style.beside["buildings"]:
        turn = between(rng, 0, np.pi)
        for centre in free_places(rng, field, reach, 16, 400, int(rng.integers(1, 14))):
            away = float(reach[field.cells(centre[None])][0]) - 6
            half = (between(rng, 4, 28), between(rng, 3.5, 12))
            scale = min(1.0, away / float(np.hypot(*half)))
            jitter = 0.0 if rng.random() < 0.7 else between(rng, 0, 1.5)
            objects.building(field, rng, centre, turn + jitter, (half[0] * scale, half[1] * scale))


def trees(field: Field, rng: np.random.Generator, style: Style, reach: Floats) -> list[Painter]:
    """Trees, in groups; those that lean over the tracks come later."""
    above: list[Painter] = []
    if rng.random() >= style.beside["trees"]:
        return above
    for group in free_places(rng, field, reach, 6.0, 400, int(rng.integers(2, 14))):
        for _ in range(int(rng.integers(1, 12))):
            centre = group + rng.normal(0, 8, 2)
            radius = between(rng, 1.2, 4.8)
            away = float(reach[field.cells(centre[None])][0])
            if away > radius + 2.2:
                objects.tree(field, rng, centre, radius)
            elif away > radius + 0.4 and rng.random() < 0.5:
                above.append(later(objects.tree, rng, centre, radius, 0))
    return above
