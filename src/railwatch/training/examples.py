"""The examples from which the model learns: strips of rendered pairs, and of real ones where there is a folder of them.

All examples pass through the detector's own steps, so that the model learns from what it will be given. Only the
centrelines differ: they are true ones, moved a little sideways.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from railwatch.render import RenderedPair, cars_geojson, geotiff
from railwatch.services.detector.alignment.ground import Ground, prepare
from railwatch.services.detector.cars.lengths import SHORTEST
from railwatch.services.detector.cars.looking import look
from railwatch.services.detector.imagery.arrays import Integers, Mask, Points
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.across import REACH_M
from railwatch.services.detector.tracks.centrelines import Centreline, project
from railwatch.services.detector.tracks.pieces import clip
from railwatch.services.detector.tracks.refinement import refine
from railwatch.services.detector.tracks.sessions import Session
from railwatch.services.detector.tracks.strips import PAD, Layout, lay_out
from railwatch.shared.counts import Sun
from railwatch.shared.sites import load_tracks

Halves = NDArray[np.float16]
Labels = NDArray[np.int8]

# The labels of samples.
EMPTY, BODY, GAP, UNKNOWN = 0, 1, 2, -1
# A sample belongs to a car whose axis lies so near, in metres. A car farther away makes it unknown, up to the second
# distance.
ON_AXIS_M = 1.3
BESIDE_M = 2.6
# Two bodies on one track are coupled if no more samples lie between them.
COUPLED = 5
FAR_PX = 1e6
# Where tracks are repeated beside drawn ones, in metres: in yards they lie 4.0 to 5 m apart. Remainders shorter than
# the second figure are left out.
REPEATED_M = tuple(sign * 4.5 * number for number in range(1, 9) for sign in (-1, 1))
LEAST_NEIGHBOUR_M = 25.0


@dataclass(frozen=True)
class Box:
    """A car in a picture: its centre and the unit vector along it, pixels; length and width, pixels."""

    centre: Points
    along: Points
    length: float
    width: float


@dataclass(frozen=True)
class Scene:
    """A picture with its truth, ready for the steps that learn.

    Attributes:
        name: what it is called in tables.
        tile: the tile.
        ground: baseline and visibility, as at run time.
        lines: true centrelines.
        cars: where cars stand.
        sun: where the sun stood.
    """

    name: str
    tile: Raster
    ground: Ground
    lines: tuple[Centreline, ...]
    cars: tuple[Box, ...]
    sun: Sun | None


@dataclass(frozen=True)
class Strips:
    """The tracks of one scene.

    Attributes:
        name: the scene's.
        pair: (n, f), features with the baseline.
        single: (n, g), features without.
        labels: (n,), `EMPTY`, `BODY`, `GAP` or `UNKNOWN`.
        car: (n,), number of the car on each sample, -1 where there is none.
        seen: (n,), which samples could be seen.
        starts: (tracks,), as in the layout.
        lengths: (tracks,).
    """

    name: str
    pair: Halves
    single: Halves
    labels: Labels
    car: Integers
    seen: Mask
    starts: Integers
    lengths: Integers

    def cars_by_track(self) -> list[list[tuple[int, int]]]:
        """Each track's cars that can be counted, in padded samples: first, and one past the last.

        Left out is what is hidden for the most part, and what the tile's edge cuts to less than the shortest car.
        """
        tracks = []
        for start, length in zip(self.starts, self.lengths, strict=True):
            car, seen = self.car[start : start + length], self.seen[start : start + length]
            samples = [np.flatnonzero(car == number) for number in np.unique(car[car >= 0])]
            whole = [at for at in samples if (at[0] > 0 and at[-1] < length - 1) or len(at) >= SHORTEST]
            tracks.append(sorted((int(at[0]) + PAD, int(at[-1]) + 1 + PAD) for at in whole if seen[at].mean() > 0.5))
        return tracks


def rendered_scene(pair: RenderedPair, name: str) -> Scene:
    """A scene from a rendered pair, through the very bytes that a provider would deliver.

    Raises:
        TileRejectedError: the pair cannot be counted.
    """
    tile, baseline = read_raster(geotiff(pair.tile)), read_raster(geotiff(pair.baseline))
    gsd = pair.tile.site.frame.gsd_m
    lines = tuple(Centreline(track, points / gsd - 0.5) for track, points in pair.tile.tracks_m.items())
    ground = prepare(tile, baseline, lines)
    outlines = [feature["geometry"]["coordinates"][0] for feature in cars_geojson(pair.tile)["features"]]
    visible = Ground(ground.baseline, ground.seen & pair.tile.visible)
    return Scene(name, tile, visible, lines, _boxes(tile, outlines), pair.tile.look.sun)


def real_scene(folder: Path) -> Scene:
    """A scene from a folder of `tile.tif`, `baseline.tif`, `tracks.geojson` and `cars.geojson`, a polygon a car.

    Raises:
        TileRejectedError: the pair cannot be counted.
    """
    tile, baseline = read_raster(folder / "tile.tif"), read_raster(folder / "baseline.tif")
    lines = project(load_tracks(folder / "tracks.geojson"), tile)
    cars = shapely.from_geojson((folder / "cars.geojson").read_text(encoding="utf-8"))
    outlines = [list(car.exterior.coords) for car in shapely.get_parts(cars)]
    boxes = _boxes(tile, outlines)
    through = tuple(through_cars(line, boxes, tile.gsd_m) for line in lines)
    return Scene(folder.name, tile, prepare(tile, baseline, lines), through, boxes, None)


def with_neighbours(scene: Scene, axis: Session) -> Scene:
    """A real scene with the tracks beside those that are drawn: most of them empty, which drawn ones rarely are.

    Each line is repeated every 4.5 m to either side, as tracks in a yard are, and moved onto what rails are found
    there; where two come to lie on one track, one remains.
    """
    tile, ground = scene.tile, scene.ground
    repeated = [
        Centreline(f"{line.id}{sideways_m:+.1f}", np.asarray(aside.coords))
        for line in scene.lines
        for sideways_m in REPEATED_M
        if not (aside := shapely.LineString(line.xy_px).offset_curve(sideways_m / tile.gsd_m)).is_empty
        and aside.geom_type == "LineString"
    ]
    pieces = refine(clip((*scene.lines, *repeated), tile.shape, tile.gsd_m), tile, ground.baseline, ground.seen, axis)
    apart: list[Centreline] = list(scene.lines)
    for piece in pieces:
        line = shapely.LineString(piece.xy_px)
        near = shapely.union_all([shapely.LineString(other.xy_px) for other in apart]).buffer(2.5 / tile.gsd_m)
        rest = line.difference(near)
        apart += [
            Centreline(piece.track, np.asarray(part.coords))
            for part in shapely.get_parts(rest)
            if part.length * tile.gsd_m > LEAST_NEIGHBOUR_M
        ]
    return replace(scene, lines=tuple(apart))


def strips_of(scene: Scene, rng: np.random.Generator, sideways_m: float = 0.3) -> Strips:
    """Strips of a scene along its true lines, moved sideways by about so much."""
    tile, ground = scene.tile, scene.ground
    layout = laid(tuple(moved(line, tile.gsd_m, rng, sideways_m, sideways_m / 2) for line in scene.lines), tile)
    pair = look(tile, ground.baseline, ground.seen, layout, scene.sun)
    single = look(tile, None, ground.seen, layout, scene.sun)
    labels, car = label(layout, scene.cars)
    labels[~pair.seen] = UNKNOWN
    return Strips(
        scene.name,
        pair.features.astype(np.float16),
        single.features.astype(np.float16),
        labels,
        car,
        pair.seen,
        layout.starts,
        layout.lengths,
    )


def label(layout: Layout, cars: tuple[Box, ...]) -> tuple[Labels, Integers]:
    """What stands on each sample, (n,), and which car, (n,)."""
    on = layout.on_track
    labels = np.where(on, EMPTY, UNKNOWN).astype(np.int8)
    car = np.full(len(labels), -1)
    right = np.nan_to_num(layout.right_px)
    forward = np.column_stack([right[:, 1], -right[:, 0]])
    for number, box in enumerate(cars):
        rel = np.where(on[:, None], layout.xy_px - box.centre, FAR_PX)
        along = np.abs(rel @ box.along)
        across = np.abs(rel[:, 0] * box.along[1] - rel[:, 1] * box.along[0]) * layout.gsd_m
        parallel = np.abs(forward @ box.along) > 0.9
        beside = (along <= box.length / 2) & parallel
        labels[beside & (across < BESIDE_M) & (labels == EMPTY)] = UNKNOWN
        here = beside & (across < ON_AXIS_M)
        labels[here], car[here] = BODY, number
    for track in range(len(layout.starts)):
        samples = layout.track(track)
        bodies = np.flatnonzero(labels[samples] == BODY) + samples.start
        for before, after in pairwise(bodies):
            if 1 < after - before <= COUPLED + 1:
                labels[before + 1 : after] = GAP
            elif after - before == 1 and car[before] != car[after]:
                labels[before] = GAP
    return labels, car


def _boxes(tile: Raster, outlines: list[list[tuple[float, float]]]) -> tuple[Box, ...]:
    boxes = []
    for outline in outlines:
        corners = np.asarray(
            shapely.Polygon(tile.to_pixels(np.array(outline)[:, :2])).minimum_rotated_rectangle.exterior.coords
        )[:4]
        sides = np.diff(corners[:3], axis=0)
        lengths = np.hypot(*sides.T)
        longer = int(lengths.argmax())
        boxes.append(
            Box(corners.mean(axis=0), sides[longer] / lengths[longer], float(lengths.max()), float(lengths.min()))
        )
    return tuple(boxes)


def through_cars(line: Centreline, cars: tuple[Box, ...], gsd_m: float) -> Centreline:
    """A line moved sideways through the middles of the cars that stand on it."""
    points = np.asarray(shapely.LineString(line.xy_px).segmentize(2.0 / gsd_m).coords)
    direction = np.gradient(points, axis=0)
    right = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]
    known, sideways = [], []
    for car in cars:
        nearest = int(np.hypot(*(points - car.centre).T).argmin())
        offset = float((car.centre - points[nearest]) @ right[nearest])
        if abs(offset) * gsd_m < BESIDE_M / 2 and np.hypot(*(points[nearest] - car.centre)) < car.length / 2:
            known.append(nearest)
            sideways.append(offset)
    if not known:
        return line
    order = np.argsort(known)
    moved = np.interp(np.arange(len(points)), np.array(known)[order], np.array(sideways)[order])
    return Centreline(line.id, points + right * moved[:, None])


def laid(lines: tuple[Centreline, ...], tile: Raster) -> Layout:
    """The lines inside a picture, divided into samples."""
    return lay_out([piece.xy_px for piece in clip(lines, tile.shape, tile.gsd_m)], tile.gsd_m)


def moved(line: Centreline, gsd_m: float, rng: np.random.Generator, all_m: float, each_m: float) -> Centreline:
    """A line moved sideways: as a whole, and wandering every 60 m or so."""
    points = np.asarray(shapely.LineString(line.xy_px).segmentize(15.0 / gsd_m).coords)
    direction = np.gradient(points, axis=0)
    right = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]
    knots = np.linspace(0, len(points) - 1, max(2, len(points) // 4))
    wander = np.interp(np.arange(len(points)), knots, rng.normal(0, each_m, len(knots)))
    sideways = np.clip(rng.normal(0, all_m) + wander, -REACH_M, REACH_M)
    return Centreline(line.id, points + right * (sideways / gsd_m)[:, None])
