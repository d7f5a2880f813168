"""From a picture to proposed tracks: sweeps, ridges, and one line for each track of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from affine import Affine
from scipy import ndimage
from shapely import LineString, Polygon

from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.axes import load_axes
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import Track
from railwatch.siting.layout import NAMELESS, named
from railwatch.siting.proposing.ridges import Ridge, ridges
from railwatch.siting.proposing.sweeps import sweeps

# Metres a pixel. Where it is coarser, rails cannot be told from other edges.
COARSEST_M = 0.65
# Metres. Lines that lie closer are one track.
ONE_TRACK_M = 2.0
# Metres. What is shorter is no proposal.
SHORTEST_M = 40.0
# Two lines are joined if the gap between their ends is shorter, in metres, and runs straight on to so many degrees.
GAP_M, STRAIGHT_DEG = 30.0, 4.0
# A line of this surety and length, in log-odds and metres, is proposed by itself: edges of roads and roofs have less.
SURE, SURE_M = 1.3, 60.0
# A line of less is proposed only beside a sure one, within so many metres and degrees: tracks lie side by side.
HALF_SURE, BESIDE_M, PARALLEL_DEG = 0.8, 12.0, 6.0
# Metres by which a line may be drawn with fewer vertices.
DRAWN_M = 0.15


@dataclass(frozen=True)
class Proposal:
    """A track that may be there.

    Attributes:
        lonlat: (n, 2), longitude and latitude of its vertices.
        surety: mean over its length of what speaks for it, in log-odds; 0 is the least that is proposed.
    """

    lonlat: Points
    surety: float


def propose(picture: Raster) -> list[Proposal]:
    """The tracks that a clear picture most likely shows, the surest first.

    Args:
        picture: 0.2 to 0.5 m a pixel.
    """
    network = load_axes()
    metres = picture.gsd_m
    found = [ridge for sweep in sweeps(picture, network) for ridge in ridges(sweep)]
    lines = joined([(LineString(ridge.xy_px * metres), float(ridge.worth.mean())) for ridge in apart(found, metres)])
    proposals = []
    for line, surety in likely(lines):
        smooth = _smoothed(line).simplify(DRAWN_M)
        proposals.append(Proposal(picture.to_lonlat(np.array(smooth.coords) / metres), surety))
    return sorted(proposals, key=lambda proposal: -proposal.surety)


def proposed_tracks(picture: Raster, ground: Polygon | None) -> list[tuple[Track, float]]:
    """The proposals on a ground, each a track with a name, and its surety. They are in order across the yard.

    Raises:
        ConfigurationError: the pixels are too coarse, or the picture does not show the ground.
    """
    if picture.gsd_m > COARSEST_M:
        problem = f"A pixel is {picture.gsd_m:.2f} m; tracks can be made out where it is {COARSEST_M:g} m or less."
        raise ConfigurationError(problem)
    found = propose(picture if ground is None else _cut(picture, ground))
    lines = [Track(id=NAMELESS, coordinates=tuple(map(tuple, proposal.lonlat.tolist()))) for proposal in found]
    sureties = {track.coordinates: proposal.surety for track, proposal in zip(lines, found, strict=True)}
    on = [line for line in lines if ground is None or line.line.intersects(ground)]
    return [(track, sureties[track.coordinates]) for track in named(on)]


def _cut(picture: Raster, ground: Polygon) -> Raster:
    """The part of a picture around a ground."""
    x, y = picture.to_pixels(np.array(ground.exterior.coords)).T
    rows, cols = picture.shape
    left, right = (int(np.clip(value, 0, cols)) for value in (x.min(), x.max() + 1))
    top, bottom = (int(np.clip(value, 0, rows)) for value in (y.min(), y.max() + 1))
    if right - left < 2 or bottom - top < 2:
        raise ConfigurationError("The picture does not show this ground.")
    return replace(
        picture,
        pixels=picture.pixels[:, top:bottom, left:right],
        valid=picture.valid[top:bottom, left:right],
        transform=picture.transform @ Affine.translation(left, top),
        masked=None,
    )


def apart(found: Iterable[Ridge], metres: float) -> list[Ridge]:
    """The ridges, or parts of them, that lie on no surer one."""
    kept: list[Ridge] = []
    taken = shapely.GeometryCollection()
    for ridge in sorted(found, key=lambda ridge: -float(ridge.worth.sum())):
        free = ~shapely.contains_xy(taken, *(ridge.xy_px * metres).T)
        for run in _runs(free):
            part = Ridge(ridge.xy_px[run], ridge.worth[run])
            if run.stop - run.start >= 4 and part.worth.mean() > 0:
                kept.append(part)
                taken = taken.union(LineString(part.xy_px * metres).buffer(ONE_TRACK_M, cap_style="flat"))
                shapely.prepare(taken)
    return kept


def joined(lines: Sequence[tuple[LineString, float]]) -> list[tuple[LineString, float]]:
    """Lines (metres), each with its surety, joined where one runs straight on into another."""
    left = list(lines)
    done = []
    while left:
        line, surety = left.pop(0)
        while found := next(((n, whole) for n, (other, _) in enumerate(left) if (whole := _one(line, other))), None):
            number, whole = found
            other, other_surety = left.pop(number)
            surety = (surety * line.length + other_surety * other.length) / (line.length + other.length)
            line = whole
        done.append((line, surety))
    return done


def likely(lines: Sequence[tuple[LineString, float]]) -> list[tuple[LineString, float]]:
    """The lines that are sure by themselves, and those of the others that lie beside one of them."""
    kept = [(line, surety) for line, surety in lines if surety >= SURE and line.length >= SURE_M]
    others = [
        (line, surety)
        for line, surety in sorted(lines, key=lambda found: -found[1])
        if surety >= HALF_SURE and line.length >= SHORTEST_M and (line, surety) not in kept
    ]
    for line, surety in others:
        if any(_beside(line, sure) for sure, _ in kept):
            kept.append((line, surety))
    return kept


def _beside(line: LineString, sure: LineString) -> bool:
    """Whether most of a line runs beside a sure one."""
    if line.intersection(sure.buffer(BESIDE_M)).length < 0.5 * line.length:
        return False
    directions = [np.subtract(end.coords[-1], end.coords[0]) for end in (line, sure)]
    turned = _degrees(*directions)
    return min(turned, 180 - turned) < PARALLEL_DEG


def _one(line: LineString, other: LineString) -> LineString | None:
    """Both as one line, if one runs straight on into the other."""
    if line.distance(other) > GAP_M:
        return None
    for first in (np.array(line.coords), np.array(line.coords)[::-1]):
        for second in (np.array(other.coords), np.array(other.coords)[::-1]):
            gap = second[0] - first[-1]
            length = float(np.hypot(*gap))
            if length > GAP_M:
                continue
            leaving = first[-1] - first[-min(4, len(first))]
            coming = second[min(3, len(second) - 1)] - second[0]
            aside = abs(float(leaving[0] * gap[1] - leaving[1] * gap[0])) / float(np.hypot(*leaving))
            if _degrees(leaving, coming) < STRAIGHT_DEG and float(leaving @ gap) > 0 and aside < 1 + 0.07 * length:
                return LineString(np.vstack([first, second]))
    return None


def _degrees(one: Points, other: Points) -> float:
    turned = np.arctan2(one[0] * other[1] - one[1] * other[0], one @ other)
    return abs(float(np.degrees(turned)))


def _smoothed(line: LineString) -> LineString:
    even = line.segmentize(5.0) if len(line.coords) < 4 else line
    points = ndimage.gaussian_filter1d(np.array(even.coords), 1.0, axis=0, mode="nearest")
    points[[0, -1]] = np.array(even.coords)[[0, -1]]
    return LineString(points)


def _runs(free: Mask) -> list[slice]:
    """The stretches in which it is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
