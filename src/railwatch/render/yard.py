"""The layout of tracks: parallel tracks, ladders with their throat, mains, sidings; straight or curved; and as drawn.

Yards are laid out along a straight axis, then bent along an arc, turned and moved onto the picture. Dimensions: track
spacing in yards 4.0 to 6 m (UIC 4.5 m and more, SNiP 2.05.07 4.8 to 5.3 m), turnouts 1:8 to 1:11, curves from 190 m.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely.geometry import LineString

from railwatch.render.canvas import Points

YardKind = Literal["parallel", "ladder", "double-ended", "main", "siding"]
# Metres. No car stands where another track is nearer than this: a vehicle of 3.2 m and some space.
FOULING_M = 3.8

VERTEX_M = 4.0
TURNOUT_RADIUS_M = 220.0
# A yard with more tracks branches to both sides of its main track. Otherwise its throat is longer than its tracks.
ONE_SIDED_TRACKS = 6

# Metres. Length of the longest track of a ladder, between its throats. Yards with less have one throat.
SHORTEST_BODY_TRACK_M = 30.0


@dataclass(frozen=True)
class RenderedTrack:
    """One track.

    Attributes:
        id: as in the GeoJSON.
        points_m: (n, 2), the true centreline, vertices about 4 m apart, local metres.
        drawn_m: (k, 2), the centreline as a user drew it.
        gauge_m: 1.435 or 1.520.
        clear: (m, 2), begin and end of the stretches where cars may stand, as distances along the true centreline.
    """

    id: str
    points_m: Points
    drawn_m: Points
    gauge_m: float
    clear: Points

    @property
    def length_m(self) -> float:
        """Length of the true centreline."""
        return float(distances(self.points_m)[-1])


def distances(points: Points) -> Points:
    """Distance along a polyline ((n, 2)) at each vertex."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def position(points: Points, along_m: Points) -> Points:
    """Points of a polyline at distances along it: (n, 2)."""
    at = distances(points)
    return np.column_stack([np.interp(along_m, at, points[:, 0]), np.interp(along_m, at, points[:, 1])])


def resample(points: Points, spacing_m: float) -> Points:
    """A polyline with vertices `spacing_m` apart, ends kept."""
    length = distances(points)[-1]
    return position(points, np.linspace(0, length, max(2, int(np.ceil(length / spacing_m)) + 1)))


def lay_tracks(
    rng: np.random.Generator,
    size_m: tuple[float, float],
    kind: YardKind,
    tracks: int,
    *,
    curve_radius_m: float | None = None,
    heading_rad: float | None = None,
    spacing_m: float | None = None,
    lateral_error_m: float = 1.0,
    gauge_m: float = 1.435,
    beyond_m: float = 10.0,
    throats: tuple[float, float] | None = None,
) -> tuple[RenderedTrack, ...]:
    """Lay a yard over a picture.

    Args:
        rng: source of chance.
        size_m: height and width of the picture.
        kind: the layout.
        tracks: number of parallel tracks.
        curve_radius_m: radius the yard is bent to; drawn if None (mostly straight or wide).
        heading_rad: direction of the tracks, from east towards south; drawn if None.
        spacing_m: distance of neighbouring tracks; drawn for each pair if None.
        lateral_error_m: largest distance of a drawn centreline from the true one.
        gauge_m: distance between the rails.
        beyond_m: length of the tracks beyond the picture.
        throats: where a ladder's near and far throat begin, as shares of half the picture's diagonal; drawn if None.
    """
    height, width = size_m
    reach = 0.5 * float(np.hypot(height, width)) + beyond_m
    heading = float(rng.uniform(0, 2 * np.pi)) if heading_rad is None else heading_rad
    if curve_radius_m is None:
        curve_radius_m = float(rng.choice([np.inf, rng.uniform(600, 4000)], p=[0.55, 0.45]))
    curvature = float(rng.choice([-1, 1])) / curve_radius_m
    gaps = np.full(tracks, spacing_m) if spacing_m else _spacings(rng, tracks)
    offsets = np.cumsum(gaps) - gaps[0]
    offsets -= offsets.mean() + rng.uniform(-0.12, 0.12) * min(height, width)
    if throats is None:
        throats = float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.25, 0.75))
    lines = _layout(rng, kind, offsets, reach, throats)
    centre = np.array([width, height]) / 2
    placed = []
    for line in lines:
        placed.extend(_clip(_turn(_bend(resample(line, VERTEX_M), curvature), heading) + centre, size_m, beyond_m))
    clear = _clear_stretches(placed)
    common = rng.normal(0, 0.35, 2) * lateral_error_m
    return tuple(
        RenderedTrack(
            f"T{number:02d}",
            line,
            _as_drawn(rng, line, common, lateral_error_m),
            gauge_m,
            stretches,
        )
        for number, (line, stretches) in enumerate(zip(placed, clear, strict=True), start=1)
    )


def _spacings(rng: np.random.Generator, tracks: int) -> Points:
    base = rng.uniform(4.2, 5.6)
    gaps = base + rng.choice([0.0, 0.0, 0.0, 0.4, 1.2, 5.0], tracks, p=[0.3, 0.25, 0.2, 0.15, 0.07, 0.03])
    return np.asarray(gaps, np.float64)


def _layout(
    rng: np.random.Generator, kind: YardKind, offsets: Points, reach: float, throats: tuple[float, float]
) -> list[Points]:
    def straight(y: float, start: float = -reach, end: float = reach) -> Points:
        return np.array([[start, y], [end, y]])

    if kind in ("parallel", "main"):
        return [straight(y) for y in offsets]
    if kind == "siding":
        end = rng.uniform(0.2, 0.8) * reach
        return [straight(offsets[0])] + [
            np.concatenate(
                [_diverge(-rng.uniform(0.5, 0.8) * reach, offsets[0], y, 1 / rng.uniform(8, 11)), [[end, y]]]
            )
            for y in offsets[1:]
        ]
    slope = 1 / rng.uniform(8, 11)
    wide = len(offsets) > ONE_SIDED_TRACKS
    main = offsets[len(offsets) // 2 if wide or rng.random() < 0.5 else 0]
    ends = offsets.min(), offsets.max()
    near, far = -throats[0] * reach, throats[1] * reach if kind == "double-ended" else None
    throat_m = max(main - ends[0], ends[1] - main) / slope + 2 * TURNOUT_RADIUS_M * slope
    if far is not None and far - near < 2 * throat_m + SHORTEST_BODY_TRACK_M:
        far = None
    return [straight(main)] + [
        _ladder_track(main, y, slope, near, far, reach, leads=y in ends) for y in offsets if y != main
    ]


def _ladder_track(
    y0: float, y: float, slope: float, throat: float, far: float | None, reach: float, *, leads: bool
) -> Points:
    """One track of a ladder from its throat, and into the far throat if there is one.

    The lead runs from the main track to the last track. The others begin on it, so their first vertex is on another
    line, as in a map.
    """
    near = _diverge(throat, y0, y, slope, leads=leads)
    if far is None:
        return np.concatenate([near, [[reach, y]]])
    closing = (_diverge(-far, y0, y, slope, leads=leads) * [-1, 1])[::-1]
    return np.concatenate([near, closing])


def _diverge(start: float, y0: float, y1: float, slope: float, *, leads: bool = True) -> Points:
    """From y0 at `start` to y1 along a turnout of the given slope, with arcs (parabolas) at both ends.

    Where the track does not lead, only its own arc off the lead remains.
    """
    sign = np.sign(y1 - y0)
    bend = min(0.5 * TURNOUT_RADIUS_M * slope**2, abs(y1 - y0) / 2)
    t = np.linspace(0, 1, 9)
    run = 2 * bend / slope
    middle = start + run + (abs(y1 - y0) - 2 * bend) / slope
    arc = np.column_stack([middle + run * t, y1 - sign * bend * (1 - t) ** 2])
    if not leads:
        return arc
    first = np.column_stack([start + run * t, y0 + sign * bend * t**2])
    return np.concatenate([first, arc[1:] if np.isclose(middle, start + run) else arc])


def _bend(line: Points, curvature: float) -> Points:
    if curvature == 0:
        return line
    radius = 1 / curvature
    angle = line[:, 0] * curvature
    return np.column_stack([(radius - line[:, 1]) * np.sin(angle), radius - (radius - line[:, 1]) * np.cos(angle)])


def _turn(line: Points, heading_rad: float) -> Points:
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    return np.asarray(line @ np.array([[cos, sin], [-sin, cos]]), np.float64)


def _clip(line: Points, size_m: tuple[float, float], beyond_m: float) -> list[Points]:
    box = shapely.box(-beyond_m, -beyond_m, size_m[1] + beyond_m, size_m[0] + beyond_m)
    parts = shapely.get_parts(LineString(line).intersection(box))
    picture = shapely.box(0, 0, size_m[1], size_m[0])
    return [
        resample(np.asarray(part.coords), VERTEX_M)
        for part in parts
        if part.geom_type == "LineString" and part.intersection(picture).length > 15
    ]


def _clear_stretches(lines: list[Points]) -> list[Points]:
    dense = [resample(line, 1.0) for line in lines]
    stretches = []
    for index, line in enumerate(dense):
        others = [other for number, other in enumerate(dense) if number != index]
        free = np.ones(len(line), bool)
        if others:
            free = cKDTree(np.concatenate(others)).query(line)[0] > FOULING_M
        edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(int), [0]])))
        at = distances(line)
        runs = [(at[a], at[b - 1]) for a, b in edges.reshape(-1, 2) if at[b - 1] - at[a] > 8]
        stretches.append(np.array(runs, np.float64).reshape(-1, 2))
    return stretches


def _as_drawn(rng: np.random.Generator, line: Points, common: Points, error_m: float) -> Points:
    """The line with few vertices, moved by the map's shift, which all tracks share, and by the error of a hand."""
    dense = resample(line, 5.0)
    at = distances(dense)
    direction = np.gradient(dense, axis=0)
    normal = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]
    knots = np.linspace(0, at[-1], max(2, int(at[-1] / rng.uniform(60, 150)) + 2))
    wander = np.interp(at, knots, rng.normal(0, 0.4, len(knots)))
    lateral = np.clip(normal @ common + error_m * wander, -error_m, error_m)
    moved = LineString(dense + normal * lateral[:, None])
    return np.asarray(moved.simplify(min(0.4, 0.05 + 0.3 * error_m)).coords, np.float64)
