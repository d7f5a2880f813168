"""Lines of a map become the tracks of a site: split at switches, joined where a track runs on, clipped and named.

A map's line ends where some attribute changes, and runs through switches. A track runs from where it branches off to
where it ends. So at each switch the two arms that run straight on are one track, and the third begins or ends there. A
car that stands across a switch then stands on one track, and is counted once.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count, pairwise

import numpy as np
from shapely import Polygon

from railwatch.shared.geography import from_lon_lat
from railwatch.shared.sites import LonLat, Track, clipped
from railwatch.shared.sites.model import grid_crs
from railwatch.shared.sites.tracks import is_made, without_crossings

# Positions of one node agree to this many decimals of a degree, about 1 cm. OpenStreetMap's own positions have seven.
DECIMALS = 7
# Metres from a node over which an arm's direction is taken. A switch is some 30 m long.
ARM_M = 15.0
# Two arms are one track if it bends by no more than this. Switches branch off by 4 to 11 degrees, drawn ones by more.
MOST_BEND_DEG = 45.0

# Stands for the name of a track that has none.
NAMELESS = "?"

_PART = re.compile(r"/\d+$")

End = tuple[int, int]


@dataclass(frozen=True)
class _Edge:
    """A line between two nodes at which lines meet or end. `name` is null if the map gives none."""

    coordinates: tuple[LonLat, ...]
    main: bool
    name: str | None


def lay_out(lines: Sequence[Track], ground: Polygon | None, shortest_m: float) -> tuple[Track, ...]:
    """The tracks of a site.

    Args:
        lines: the map's lines. Lines that meet have a vertex in common.
        ground: where the site lies, longitude and latitude. All of the lines without one.
        shortest_m: what is shorter cannot hold a car and is left out.

    Returns:
        Tracks with unique names: the map's own, or else `main-1`, `track-1` and so on, in order across the yard.
    """
    near = [line for line in lines if ground is None or line.line.intersects(ground)]
    if not near:
        return ()
    edges = list(_edges(near))
    tracks = [
        Track(id=name or NAMELESS, coordinates=part, main=main)
        for name, coordinates, main in _chains(edges, _links(edges))
        for part in without_crossings(coordinates)
    ]
    inside = tracks if ground is None else clipped(tracks, ground)
    return named([track for track in inside if track.length_m >= shortest_m])


def _node(position: LonLat) -> LonLat:
    return round(position[0], DECIMALS), round(position[1], DECIMALS)


def _edges(lines: Iterable[Track]) -> Iterator[_Edge]:
    """The lines, cut at each node at which a line ends or three arms meet."""
    lines = list(lines)
    beside: dict[LonLat, set[LonLat]] = defaultdict(set)
    ends: set[LonLat] = set()
    for line in lines:
        nodes = [_node(position) for position in line.coordinates]
        ends |= {nodes[0], nodes[-1]}
        for one, other in pairwise(nodes):
            beside[one].add(other)
            beside[other].add(one)
    for line in lines:
        name = None if is_made(line.id) else _PART.sub("", line.id)
        part = [line.coordinates[0]]
        for position in line.coordinates[1:]:
            part.append(position)
            if (node := _node(position)) in ends or len(beside[node]) > 2:
                yield _Edge(tuple(part), line.main, name)
                part = [position]
        if len(part) > 1:
            yield _Edge(tuple(part), line.main, name)


def _links(edges: Sequence[_Edge]) -> dict[End, End]:
    """Which ends of edges are one track: at each node the straightest pairs of the same kind."""
    crs = grid_crs([position for edge in edges for position in edge.coordinates])
    arms: dict[LonLat, list[tuple[End, np.ndarray]]] = defaultdict(list)
    for number, edge in enumerate(edges):
        xy = np.column_stack(from_lon_lat(crs, *np.array(edge.coordinates).T))
        for end, points in ((0, xy), (1, xy[::-1])):
            arms[_node(edge.coordinates[-end])].append(((number, end), _direction(points)))
    links: dict[End, End] = {}
    for at_node in arms.values():
        pairs = sorted(
            (
                (_bend_deg(direction, onward), one, other)
                for (one, direction), (other, onward) in combinations(at_node, 2)
                if edges[one[0]].main == edges[other[0]].main
            ),
        )
        for bend_deg, one, other in pairs:
            if bend_deg <= MOST_BEND_DEG and one not in links and other not in links:
                links[one], links[other] = other, one
    return links


def _direction(points: np.ndarray) -> np.ndarray:
    """The unit vector from the first of points (n, 2), in metres, to where the line is `ARM_M` away."""
    away = np.hypot(*(points - points[0]).T)
    target = points[np.argmax(away >= ARM_M)] if (away >= ARM_M).any() else points[-1]
    vector = target - points[0]
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9))


def _bend_deg(one: np.ndarray, other: np.ndarray) -> float:
    """By how much a track bends that comes in by one arm and leaves by another. Both point away from the node."""
    return float(np.degrees(np.arccos(np.clip(-one @ other, -1, 1))))


def _chains(edges: Sequence[_Edge], links: dict[End, End]) -> Iterator[tuple[str | None, tuple[LonLat, ...], bool]]:
    """Edges that are linked, as one line each: its name, its positions, and whether it is a main line."""
    done: set[int] = set()
    open_ends = [(number, end) for number in range(len(edges)) for end in (0, 1) if (number, end) not in links]
    circles = [(number, 0) for number in range(len(edges))]
    for start in (*open_ends, *circles):
        chain: list[End] = []
        here: End | None = start
        while here is not None and here[0] not in done:
            done.add(here[0])
            chain.append(here)
            here = links.get((here[0], 1 - here[1]))
        if chain:
            parts = [edges[number].coordinates[:: 1 if end == 0 else -1] for number, end in chain]
            positions = parts[0] + tuple(position for part in parts[1:] for position in part[1:])
            named = [edges[number] for number, _ in chain if edges[number].name]
            longest = max(named, key=lambda edge: len(edge.coordinates), default=None)
            yield longest.name if longest else None, positions, edges[chain[0][0]].main


def named(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """The tracks in order across the yard, main lines first, each with a name of its own. `?` is no name."""
    if not tracks:
        return ()
    longest = max(tracks, key=lambda track: track.length_m)
    (west, south), (east, north) = longest.coordinates[0], longest.coordinates[-1]
    stretch = np.cos(np.radians(south))
    along = np.array([(east - west) * stretch, north - south])
    across = np.array([-along[1], along[0]])
    if across[1] < 0 or (across[1] == 0 and across[0] > 0):
        across = -across

    def place(track: Track) -> tuple[bool, float]:
        middle = track.line.interpolate(0.5, normalized=True)
        return not track.main, -float(across @ [middle.x * stretch, middle.y])

    ordered = sorted(tracks, key=place)
    given = {_PART.sub("", track.id) for track in tracks}
    numbers = {kind: _numbered(kind, given) for kind in ("main", "track")}
    used: dict[str, int] = defaultdict(int)
    named = []
    for track in ordered:
        base = _PART.sub("", track.id)
        if base == NAMELESS:
            name = next(numbers["main" if track.main else "track"])
        else:
            used[base] += 1
            name = base if used[base] == 1 else f"{base}/{used[base]}"
        named.append(track.model_copy(update={"id": name}))
    return tuple(named)


def _numbered(kind: str, taken: set[str]) -> Iterator[str]:
    return (name for number in count(1) if (name := f"{kind}-{number}") not in taken)
