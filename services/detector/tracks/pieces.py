"""Centrelines on a tile: clipped to it, and each car left to one track only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.strips import Layout

# A piece of track shorter than this inside the tile holds no car's centre and says nothing.
SHORTEST_PIECE_M = 4.0
# Lines nearer than a car's width share their cars.
CAR_WIDTH_M = 3.0
PARALLEL_COSINE = 0.9


@dataclass(frozen=True)
class Piece:
    """A stretch of one track inside the tile.

    Attributes:
        track: the track's id.
        xy_px: (n, 2), in the tile's pixel coordinates, from left to right, so that it does not matter from which end a
            track was drawn.
        turned: whether the track itself runs from right to left.
        shift_m: how far the line was moved sideways, on average, positive to the right of the track's own direction.
    """

    track: str
    xy_px: NDArray[np.float64]
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


def owned(layout: Layout) -> NDArray[np.bool_]:
    """(n,), false where a longer track lies nearer than a car's width: its cars are counted there."""
    on = np.flatnonzero(layout.on_track)
    piece = np.repeat(np.arange(len(layout.starts)), layout.lengths)
    mine = np.ones(len(layout.xy_px), dtype=bool)
    pairs = cKDTree(layout.xy_px[on]).query_pairs(CAR_WIDTH_M / layout.gsd_m, output_type="ndarray")
    pairs = pairs[piece[pairs[:, 0]] != piece[pairs[:, 1]]]
    right = layout.right_px[on]
    parallel = np.abs((right[pairs[:, 0]] * right[pairs[:, 1]]).sum(axis=1)) > PARALLEL_COSINE
    # Longest first; of equally long pieces the first given.
    rank = np.empty(len(layout.lengths), np.int64)
    rank[np.argsort(-layout.lengths, kind="stable")] = np.arange(len(layout.lengths))
    for one, other in (pairs[parallel].T, pairs[parallel].T[::-1]):
        mine[on[one[rank[piece[one]] > rank[piece[other]]]]] = False
    return mine


def _left_to_right(track: str, xy_px: NDArray[np.float64]) -> Piece:
    turned = bool(tuple(xy_px[-1]) < tuple(xy_px[0]))
    return Piece(track, xy_px[::-1] if turned else xy_px, turned)
