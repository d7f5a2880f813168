"""Centrelines clipped to a tile. Where two lines run together, one of them owns the cars."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree

from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.strips import Layout

# A shorter piece of track inside the tile cannot hold the centre of a car, and is left out.
SHORTEST_PIECE_M = 4.0
# Lines nearer to each other than the width of a car share their cars.
CAR_WIDTH_M = 3.0
# Lines are parallel where the cosine of the angle between them is larger.
PARALLEL_COSINE = 0.9


@dataclass(frozen=True)
class Piece:
    """A stretch of one track inside the tile.

    Attributes:
        track: the track's id.
        xy_px: (n, 2), in the tile's pixel coordinates, from left to right. So it does not matter from which end a track
            was drawn.
        turned: whether the track itself runs from right to left.
        shift_m: how far the line was moved sideways, on average, positive to the right of the track's own direction.
    """

    track: str
    xy_px: Points
    turned: bool = False
    shift_m: float = 0.0


def clip(lines: Sequence[Centreline], shape: tuple[int, int], gsd_m: float) -> tuple[Piece, ...]:
    """The stretches of the centrelines inside a tile of (rows, cols)."""
    frame = shapely.box(-0.5, -0.5, shape[1] - 0.5, shape[0] - 0.5)
    pieces = []
    for line in lines:
        inside = shapely.get_parts(shapely.LineString(line.xy_px).intersection(frame))
        pieces += [
            _left_to_right(line.id, np.asarray(part.coords))
            for part in inside
            if part.geom_type == "LineString" and part.length * gsd_m > SHORTEST_PIECE_M
        ]
    return tuple(pieces)


def owned(layout: Layout) -> Mask:
    """(n,), false where a longer track lies nearer than the width of a car. The cars there belong to that track."""
    on = np.flatnonzero(layout.on_track)
    piece = np.repeat(np.arange(len(layout.starts)), layout.lengths)
    mine = np.ones(len(layout.xy_px), dtype=bool)
    pairs = cKDTree(layout.xy_px[on]).query_pairs(CAR_WIDTH_M / layout.gsd_m, output_type="ndarray")
    pairs = pairs[piece[pairs[:, 0]] != piece[pairs[:, 1]]]
    right = layout.right_px[on]
    parallel = np.abs((right[pairs[:, 0]] * right[pairs[:, 1]]).sum(axis=1)) > PARALLEL_COSINE
    # The longest piece comes first. Of pieces with the same length, the first one given does.
    rank = np.empty(len(layout.lengths), np.int64)
    rank[np.argsort(-layout.lengths, kind="stable")] = np.arange(len(layout.lengths))
    for one, other in (pairs[parallel].T, pairs[parallel].T[::-1]):
        mine[on[one[rank[piece[one]] > rank[piece[other]]]]] = False
    return mine


def _left_to_right(track: str, xy_px: Points) -> Piece:
    turned = bool(tuple(xy_px[-1]) < tuple(xy_px[0]))
    return Piece(track, xy_px[::-1] if turned else xy_px, turned)
