"""Where tracks lie: side by side along one spine that bends gently, some of them joining a neighbour on the way."""

from dataclasses import dataclass

import numpy as np
import shapely

from railwatch.training.held_out.field import Points, along_line, distances, normals, point_at
from railwatch.training.held_out.textures import between

# A vehicle does not stand where a neighbour comes nearer than this to its axis.
CLEAR_M = 3.7
DRAWN_WITHIN_M = 1.5
BEYOND_M = 45.0


@dataclass(frozen=True)
class Way:
    """A track.

    Attributes:
        id: its name.
        line: (n, 2), its true axis, a point a metre.
        drawn: (k, 2), as a person drew it.
        gauge_m: between the rails.
        clear: (n,), whether vehicles may stand at each point.
        main: whether it is a running line, which is kept free more often and better kept.
        spacing_m: to its nearest neighbour in the yard.
    """

    id: str
    line: Points
    drawn: Points
    gauge_m: float
    clear: np.ndarray[tuple[int], np.dtype[np.bool_]]
    main: bool
    spacing_m: float


def lay(
    rng: np.random.Generator, size_m: float, yard_tracks: int, mains: int, gauge_m: float, spacing_m: float
) -> tuple[Way, ...]:
    """Tracks over a square picture.

    Args:
        rng: source of chance.
        size_m: side of the picture.
        yard_tracks: tracks on which vehicles stand.
        mains: running lines beside them.
        gauge_m: between the rails.
        spacing_m: between yard tracks, about.
    """
    reach = size_m * 0.75 + BEYOND_M
    s = np.arange(-reach, reach, 1.0)
    spine = _spine(rng, s, size_m)
    side = normals(spine)
    gaps = spacing_m + rng.uniform(-0.15, 0.35, yard_tracks)
    offsets = np.cumsum(gaps) - gaps[0]
    number_of_main = rng.integers(0, 2) * 2 - 1
    beyond = offsets[-1] if number_of_main > 0 else 0.0
    first = beyond + number_of_main * between(rng, spacing_m, spacing_m + 5)
    main_offsets = first + number_of_main * np.arange(mains) * max(3.9, spacing_m - 0.4)
    middle = between(rng, 0.3, 0.7) * (offsets[-1] - offsets[0]) + between(rng, -0.12, 0.12) * size_m
    profile = [np.full(len(s), offset) for offset in (*offsets, *main_offsets)]
    begins = np.full(len(profile), -np.inf)
    ends = np.full(len(profile), np.inf)
    if yard_tracks > 1 and rng.random() < (0.5 if yard_tracks < 5 else 0.3):
        _join(rng, s, profile, begins, ends, yard_tracks, reach)
    ways = []
    common = rng.normal(0, 0.45, 2)
    for number, offset in enumerate(profile):
        here = (s >= begins[number]) & (s <= ends[number])
        line = (spine + side * (offset - middle)[:, None])[here]
        others = [np.where((s >= b) & (s <= e), p, np.inf) for p, b, e in zip(profile, begins, ends, strict=True)]
        apart = np.min([np.abs(o - offset) for k, o in enumerate(others) if k != number] or [np.full(len(s), 99.0)], 0)
        line, clear = _even(line, apart[here] > CLEAR_M)
        inside = shapely.LineString(line).intersection(shapely.box(0, 0, size_m, size_m)).length
        if inside < 20:
            continue
        ways.append(
            Way(
                f"H{number + 1:02d}",
                line,
                _drawn(rng, line, common),
                gauge_m,
                clear,
                number >= yard_tracks,
                float(np.median(apart)),
            )
        )
    return tuple(ways)


def _spine(rng: np.random.Generator, s: Points, size_m: float) -> Points:
    """A line whose curvature changes evenly along it, through the picture's middle."""
    radius = float(rng.choice([np.inf, between(rng, 180, 500), between(rng, 500, 3000)], p=[0.4, 0.2, 0.4]))
    bend = rng.choice([-1, 1]) / radius * np.clip(0.5 + s / size_m * between(rng, -1, 1), 0, 1)
    angle = between(rng, 0, 2 * np.pi) + np.cumsum(bend)
    line = np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]), axis=0)
    return np.asarray(line - line[len(line) // 2] + size_m / 2)


def _join(
    rng: np.random.Generator,
    s: Points,
    profile: list[Points],
    begins: Points,
    ends: Points,
    yard_tracks: int,
    reach: float,
) -> None:
    """Let yard tracks leave the first one after another, and at times run into it again."""
    lead = profile[0].copy()
    throat = between(rng, -0.95, -0.25) * reach
    closes = rng.random() < 0.35
    for number in range(1, yard_tracks):
        far = profile[number][0] - lead[0]
        run = abs(far) * between(rng, 7.0, 7.4) + 12
        start = throat + 4.0 * number
        share = _ease((s - start) / run)
        if closes:
            ends[number] = 0.9 * reach - 4.0 * number
            share = np.minimum(share, _ease((ends[number] - s) / run))
        profile[number] = lead + far * share
        begins[number] = start


def _ease(share: Points) -> Points:
    t = np.clip(share, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _even(line: Points, clear: Points) -> tuple[Points, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """A point a metre again, as parallel lines of a bend are longer or shorter than their spine."""
    at = distances(line)
    even = along_line(line, 1.0)
    nearest = np.searchsorted(at, distances(even)).clip(0, len(at) - 1)
    return even, np.asarray(clear)[nearest].astype(bool)


def _drawn(rng: np.random.Generator, line: Points, common: Points) -> Points:
    """The line by a person's hand: off by what the map is off, and a wandering error; few vertices."""
    places = along_line(line, between(rng, 12, 35))
    right = normals(places)
    knots = np.linspace(0, 1, int(rng.integers(3, 7)))
    wander = np.interp(np.linspace(0, 1, len(places)), knots, rng.normal(0, 0.4, len(knots)))
    off = np.clip(right @ common + wander, -DRAWN_WITHIN_M, DRAWN_WITHIN_M)
    moved = shapely.LineString(places + right * off[:, None]).simplify(between(rng, 0.05, 0.3))
    return np.asarray(moved.coords)


def free_stretches(way: Way) -> list[tuple[float, float]]:
    """Where vehicles may stand, as distances along the track."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], way.clear.astype(int), [0]])))
    at = distances(way.line)
    return [(float(at[a]), float(at[b - 1])) for a, b in edges.reshape(-1, 2) if at[b - 1] - at[a] > 12]


def place(way: Way, along_m: float) -> tuple[Points, float]:
    """The point of a track at a distance along it, and the track's direction there, radians from x towards y."""
    here, ahead = point_at(way.line, np.array([along_m - 0.5, along_m + 0.5]))
    forward = ahead - here
    return (here + ahead) / 2, float(np.arctan2(forward[1], forward[0]))
