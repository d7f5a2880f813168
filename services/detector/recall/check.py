"""Live recall: known cars are painted into a tile that was counted, and it is counted again.

The share that is found says how well the detector sees on that very site, in that light and on that ballast. Bodies
copied from the tile's own cars would look more real, but they would be the ones that it had found already, and an empty
yard has none. The figure is to be watched, it is not the recall of real cars: the painted ones are of a few kinds, seen
from straight above, and stand where the track was found empty. What it shows is a site where cars fail to stand out, by
haze, blur or low contrast, or where a baseline does not fit. The second count stays in here: only two numbers leave.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.recall.bodies import Body, random_cut
from railwatch.services.detector.recall.injection import paint, setting_of
from railwatch.services.detector.recall.shadows import estimate_sun
from railwatch.services.detector.result import Corners, Counted
from railwatch.services.detector.tracks.pieces import owned
from railwatch.services.detector.tracks.strips import CELL_M, Layout
from railwatch.shared.counts import RecallCheck
from railwatch.shared.sites import Cell, Track

Mask = NDArray[np.bool_]

# A car counts as found where one is counted within this distance of its middle.
FOUND_WITHIN_M = 5.0
# So few that the tile stays the tile: its registration, its light and its ballast are what is tested.
MOST_CARS = 12
MOST_OF_TRACK = 0.3
LONGEST_CUT = 5
# Between painted and real cars on one track, so that they are no cut; and between the axes of cars side by side.
APART_M = 8.0
ABREAST_M = 3.5
COUPLING_M = (0.9, 1.4)


def is_sampled(event_id: str, share: float) -> bool:
    """Whether a look is among the share that is checked; the same at every repetition."""
    return int(event_id[:8], 16) < share * 2**32


def check_recall(
    tile: Raster,
    baseline: Raster | None,
    tracks: Sequence[Track],
    counted: Counted,
    *,
    seed: int,
    cell: Cell | None = None,
) -> RecallCheck | None:
    """How many of some known cars are found when they stand on the tile's empty track.

    Args:
        tile: the tile.
        baseline: what it was counted against, as delivered.
        tracks: the site's tracks.
        counted: what was counted; where it found cars, none are painted. Where its sun is not known, it is told from
            the shadows of those cars; failing that, no shadows are painted.
        seed: of which cars are painted and where; from the tile's checksum, so that a repetition gives the same.
        cell: the site's cell that the tile shows.

    Returns:
        None where the tile was not counted, or has no room for a car.
    """
    layout, seen = counted.layout, counted.seen
    if layout is None or seen is None:
        return None
    rng = np.random.default_rng(seed)
    cuts = _parked(rng, layout, _empty(layout, tile, counted, seen, cell))
    if not cuts:
        return None
    corners = [corners for _, _, corners in counted.outlines]
    sun = counted.sun or estimate_sun(tile, counted.baseline, seen, corners)
    shadow = shadow_px(sun, tile) if sun else None
    setting = setting_of(tile, None if shadow is None else shadow * tile.gsd_m)
    painted = paint(tile, cuts, setting, _standing(counted, tile.shape), rng)
    again = count_tile(painted, baseline, tracks, sun=counted.sun, cell=cell)
    bodies = np.array([body.centre_px for cut in cuts for body in cut])
    return RecallCheck(injected=len(bodies), recovered=_recovered(bodies, again, tile.gsd_m))


def _empty(layout: Layout, tile: Raster, counted: Counted, seen: Mask, cell: Cell | None) -> Mask:
    """(n,), cells of track in sight, clear of every car that was counted, where a car would count."""
    on = layout.on_track
    empty = on & owned(layout)
    cols, rows = np.rint(np.nan_to_num(layout.xy_px)).astype(int).T
    empty &= seen[np.clip(rows, 0, seen.shape[0] - 1), np.clip(cols, 0, seen.shape[1] - 1)]
    if cell is not None:
        empty[on] &= cell.contains(*tile.to_lonlat(layout.xy_px[on]).T)
    axes = [_axis(corners, tile.gsd_m) for _, _, corners in counted.outlines]
    return empty & ~_occupied(layout, np.concatenate(axes) if axes else np.empty((0, 2)))


def _parked(rng: np.random.Generator, layout: Layout, empty: Mask) -> list[list[Body]]:
    """Cuts of cars at random places on empty track."""
    left = min(MOST_CARS, max(1, int(MOST_OF_TRACK * empty.sum() * CELL_M / 15)))
    cuts = []
    while left > 0:
        cars = random_cut(rng, min(left, int(rng.integers(1, LONGEST_CUT + 1))))
        gaps = rng.uniform(*COUPLING_M, size=len(cars))
        ends = np.cumsum([car.length_m + gap for car, gap in zip(cars, gaps, strict=True)])
        cells = int(np.ceil(ends[-1] / CELL_M)) + 1
        firsts = np.flatnonzero(ndimage.minimum_filter1d(empty.astype(np.uint8), cells, origin=-(cells // 2)))
        if not len(firsts):
            if len(cars) == 1:
                break
            left = min(left, len(cars) - 1)
            continue
        first = int(rng.choice(firsts))
        middles = ends - gaps - np.array([car.length_m for car in cars]) / 2
        at = first + np.rint(middles / CELL_M).astype(int)
        right = layout.right_px[at]
        forward = np.column_stack([right[:, 1], -right[:, 0]])
        cuts.append([Body(car, layout.xy_px[i], ahead) for car, i, ahead in zip(cars, at, forward, strict=True)])
        empty = empty & ~_occupied(layout, layout.xy_px[first : first + cells])
        left -= len(cars)
    return cuts


def _occupied(layout: Layout, axes_px: NDArray[np.float64]) -> Mask:
    """(n,), cells of track too near to what stands along these points (k, 2)."""
    taken = np.zeros(len(layout.xy_px), dtype=bool)
    if len(axes_px):
        on = layout.on_track
        taken[on] = cKDTree(axes_px).query(layout.xy_px[on])[0] * layout.gsd_m < ABREAST_M
    return np.asarray(ndimage.binary_dilation(taken, iterations=round((APART_M - ABREAST_M) / CELL_M)))


def _axis(corners: Corners, gsd_m: float) -> NDArray[np.float64]:
    """(k, 2), points every metre or so along the middle of an outline."""
    ends = corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)
    steps = max(2, int(np.hypot(*(ends[1] - ends[0])) * gsd_m) + 1)
    return np.asarray(np.linspace(*ends, steps))


def _standing(counted: Counted, shape: tuple[int, int]) -> Mask:
    """(rows, cols), under the outlines of the cars that were counted."""
    picture = Image.new("1", shape[::-1])
    draw = ImageDraw.Draw(picture)
    for _, _, corners in counted.outlines:
        draw.polygon([(float(x), float(y)) for x, y in corners], fill=1)
    return np.array(picture)


def _recovered(bodies_px: NDArray[np.float64], again: Counted, gsd_m: float) -> int:
    """How many cars have one of those counted within `FOUND_WITHIN_M` of them, each used once."""
    found = np.array([corners.mean(axis=0) for _, _, corners in again.outlines]).reshape(-1, 2)
    if not len(found):
        return 0
    apart_m = np.hypot(*(bodies_px[:, None] - found[None]).transpose(2, 0, 1)) * gsd_m
    near = apart_m <= FOUND_WITHIN_M
    one, other = linear_sum_assignment(near, maximize=True)
    return int(near[one, other].sum())
