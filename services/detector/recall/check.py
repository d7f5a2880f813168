"""Live recall: known cars are painted into a tile that was counted, and it is counted again.

The share that is found shows how well the detector sees on that very site, in that light and on that ballast. Bodies
copied from the tile's own cars would look more real. But the detector has already found those, and an empty yard has
none. The share is not the recall of real cars: the painted ones are of a few kinds, seen from straight above, and stand
where the track was found empty. It reveals a site where cars do not stand out, by haze, blur or low contrast, or where
a baseline does not fit. The second count stays in this module: only two numbers leave it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from railwatch.services.detector.alignment.ground import Delivered
from railwatch.services.detector.cars.lengths import TYPICAL_M
from railwatch.services.detector.cars.reading import Reading
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.outlines import covered
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.recall.bodies import Body, random_cut
from railwatch.services.detector.recall.injection import paint, setting_of
from railwatch.services.detector.recall.shadows import estimate_sun
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout
from railwatch.shared.counts import RecallCheck
from railwatch.shared.sites import Cell, Track

# A painted car is found where a car is counted within this distance of its middle, in metres.
FOUND_WITHIN_M = 5.0
# Largest number of painted cars, and the share of empty track that they take. They are few, so that registration, light
# and ballast of the tile stay the same.
MOST_CARS = 12
MOST_OF_TRACK = 0.3
# Largest number of cars in a cut.
LONGEST_CUT = 5
# Least distance of painted and real cars on one track, in metres, so that they make no cut.
APART_M = 8.0
# Least distance of the axes of cars side by side.
ABREAST_M = 3.5
# Blur, shade and noise of a tile are measured on a square of this side, in pixels.
ENOUGH_PX = 1024
# Shortest and longest coupling gap.
COUPLING_M = (0.9, 1.4)


def is_sampled(event_id: str, share: float) -> bool:
    """Whether a look is among the share that is checked. A repetition gives the same answer."""
    return int(event_id[:8], 16) < share * 2**32


def check_recall(
    tile: Raster,
    baseline: Delivered | None,
    tracks: Sequence[Track],
    counted: Counted,
    *,
    seed: int,
    cell: Cell | None = None,
    in_place: bool = False,
) -> RecallCheck | None:
    """How many of some known cars are found when they stand on the tile's empty track.

    Args:
        tile: the tile.
        baseline: what it was counted against, as delivered.
        tracks: the site's tracks.
        counted: the count. No cars are painted where it found cars. If its sun is not known, it is estimated from the
            shadows of those cars. If that fails, no shadows are painted.
        seed: decides which cars are painted, and where. It is made of the tile's checksum, so that a repetition gives
            the same.
        cell: the site's cell that the tile shows.
        in_place: whether the tile's own pixels may be changed.

    Returns:
        None where the tile was not counted, or has no room for a car.
    """
    if counted.reading is None or counted.seen is None:
        return None
    rng = np.random.default_rng(seed)
    corners = [corners for _, _, corners in counted.outlines]
    cuts = _parked(rng, counted.reading.layout, _empty(counted.reading, counted.seen, corners, tile.gsd_m))
    if not cuts:
        return None
    sun = counted.sun or estimate_sun(tile, counted.baseline, counted.seen, corners)
    shadow = shadow_px(sun, tile) if sun else None
    bodies = np.array([body.centre_px for cut in cuts for body in cut])
    setting = setting_of(_around(bodies, tile), None if shadow is None else shadow * tile.gsd_m)
    painted = paint(tile, cuts, setting, covered(corners, tile.shape), rng, in_place=in_place)
    again = count_tile(painted, baseline, tracks, sun=counted.sun, cell=cell)
    return RecallCheck(
        injected=len(bodies), recovered=_recovered(bodies, _middles(counted), _middles(again), tile.gsd_m)
    )


def _around(bodies_px: Points, tile: Raster) -> Raster:
    """The part of a tile around some bodies that is enough to see how it shows objects."""
    middle = bodies_px.mean(axis=0)[::-1]
    first = np.clip(middle - ENOUGH_PX // 2, 0, np.maximum(np.array(tile.shape) - ENOUGH_PX, 0)).astype(int)
    rows, cols = (slice(int(start), int(start) + ENOUGH_PX) for start in first)
    return replace(tile, pixels=tile.pixels[:, rows, cols], valid=tile.valid[rows, cols])


def _empty(reading: Reading, seen: Mask, outlines: Sequence[Points], gsd_m: float) -> Mask:
    """(n,), samples of track in sight, clear of every car that was counted, where a car would count."""
    cols, rows = np.rint(np.nan_to_num(reading.layout.xy_px)).astype(int).T
    in_sight = seen[np.clip(rows, 0, seen.shape[0] - 1), np.clip(cols, 0, seen.shape[1] - 1)]
    axes = [_axis(corners, gsd_m) for corners in outlines]
    occupied = _occupied(reading.layout, np.concatenate(axes) if axes else np.empty((0, 2)))
    return np.asarray(reading.ours & in_sight & ~occupied)


def _parked(rng: np.random.Generator, layout: Layout, empty: Mask) -> list[list[Body]]:
    """Cuts of cars at random places on empty track."""
    left = min(MOST_CARS, max(1, int(MOST_OF_TRACK * empty.sum() * SAMPLE_M / TYPICAL_M)))
    cuts = []
    while left > 0:
        cars = random_cut(rng, min(left, int(rng.integers(1, LONGEST_CUT + 1))))
        gaps = rng.uniform(*COUPLING_M, size=len(cars))
        ends = np.cumsum([car.length_m + gap for car, gap in zip(cars, gaps, strict=True)])
        samples = int(np.ceil(ends[-1] / SAMPLE_M)) + 1
        firsts = np.flatnonzero(ndimage.minimum_filter1d(empty.astype(np.uint8), samples, origin=-(samples // 2)))
        if not len(firsts):
            if len(cars) == 1:
                break
            left = min(left, len(cars) - 1)
            continue
        first = int(rng.choice(firsts))
        middles = ends - gaps - np.array([car.length_m for car in cars]) / 2
        at = first + np.rint(middles / SAMPLE_M).astype(int)
        right = layout.right_px[at]
        forward = np.column_stack([right[:, 1], -right[:, 0]])
        cuts.append([Body(car, layout.xy_px[i], ahead) for car, i, ahead in zip(cars, at, forward, strict=True)])
        empty = empty & ~_occupied(layout, layout.xy_px[first : first + samples])
        left -= len(cars)
    return cuts


def _occupied(layout: Layout, axes_px: Points) -> Mask:
    """(n,), samples of track too near to what stands along these points (k, 2)."""
    taken = np.zeros(len(layout.xy_px), dtype=bool)
    if len(axes_px):
        on = layout.on_track
        taken[on] = cKDTree(axes_px).query(layout.xy_px[on])[0] * layout.gsd_m < ABREAST_M
    return np.asarray(ndimage.binary_dilation(taken, iterations=round((APART_M - ABREAST_M) / SAMPLE_M)))


def _axis(corners: Points, gsd_m: float) -> Points:
    """(k, 2), points every metre or so along the middle of an outline."""
    ends = corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)
    steps = max(2, int(np.hypot(*(ends[1] - ends[0])) * gsd_m) + 1)
    return np.asarray(np.linspace(*ends, steps))


def _middles(counted: Counted) -> Points:
    """(n, 2), pixels, the middles of the cars that were counted."""
    return np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)


def _recovered(bodies_px: Points, known_px: Points, found_px: Points, gsd_m: float) -> int:
    """How many cars have one of those counted within `FOUND_WITHIN_M` of them, each used once, nearest first.

    Cars that were known before, on a track beside, for instance, have the ones that were counted at their places.
    """
    there = np.concatenate([bodies_px, known_px])
    apart_m = np.hypot(*(there[:, None] - found_px[None]).transpose(2, 0, 1)) * gsd_m
    near = apart_m <= FOUND_WITHIN_M
    one, other = linear_sum_assignment(np.where(near, 2 - apart_m / FOUND_WITHIN_M, 0), maximize=True)
    return int(near[one, other][one < len(bodies_px)].sum())
