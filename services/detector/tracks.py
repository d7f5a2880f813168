"""Centrelines on a tile: clipped to it, moved onto the rails, and each car left to one track only.

People draw centrelines up to 3 m beside the track, and the evidence weakens from half a metre on. A small network
looks across each line, every few metres, for the axis of a track or of the cars on it; the smoothest path through what
it finds, not far from where the line was drawn, is the refined centreline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from services.detector.centrelines import Centreline
from services.detector.network import Network
from services.detector.raster import Raster
from services.detector.strips import CELL_M, Layout, lay_out, straighten

Floats = NDArray[np.float32]

# A piece of track shorter than this inside the tile holds no car's centre and says nothing.
SHORTEST_PIECE_M = 4.0
# How far a drawn line may lie beside its track, and the spread expected of it.
REACH_M = 3.0
EXPECTED_M = 1.2
STEP_M = 0.25
OFFSETS_M = np.arange(-REACH_M, REACH_M + STEP_M / 2, STEP_M)
ACROSS_M = np.arange(-REACH_M - 4.0, REACH_M + 4.0 + STEP_M / 2, STEP_M)
# The axis is sought every so many cells, over as many to either side; it bends by about so much from one to the next.
KNOT_CELLS = round(5.0 / CELL_M)
BEND_M = 0.12
LOOK_EVERY = 2
# Knots lie so many steps apart on the network's axis, so that they do not see each other.
KNOT_PAD = 31
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


def refine(pieces: Sequence[Piece], tile: Raster, baseline: Raster | None, network: Network) -> tuple[Piece, ...]:
    """The pieces moved sideways onto the rails, or onto the axis of the cars that hide them.

    Args:
        pieces: as drawn.
        tile: the tile.
        baseline: the baseline, registered and in the tile's radiometry; it shows rails where cars now stand.
        network: tells axes from the look across (logits of not an axis, and of an axis).
    """
    layout = lay_out([piece.xy_px for piece in pieces], tile.gsd_m)
    looks = across_looks(layout, tile, baseline)
    logits = network(looks.reshape(-1, looks.shape[2]))
    axis = (logits[:, 1] - logits[:, 0]).reshape(looks.shape[:2])[:, : len(ACROSS_M)]
    margin = (len(ACROSS_M) - len(OFFSETS_M)) // 2
    scores = np.clip(axis[:, margin:-margin], -6, 6) - 0.5 * (OFFSETS_M / EXPECTED_M) ** 2
    refined, first = [], 0
    for number, piece in enumerate(pieces):
        cells = layout.track(number)
        knots = knot_cells(int(layout.lengths[number]))
        offsets = _smoothest(scores[first : first + len(knots)])
        first += len(knots)
        along = np.interp(np.arange(layout.lengths[number]), knots, offsets)
        moved = layout.xy_px[cells] + layout.right_px[cells] * (along / tile.gsd_m)[:, None]
        shift_m = round(float(-along.mean() if piece.turned else along.mean()), 2)
        refined.append(replace(piece, xy_px=_to_the_ends(moved, piece.xy_px), shift_m=shift_m))
    return tuple(refined)


def across_looks(layout: Layout, tile: Raster, baseline: Raster | None) -> Floats:
    """What the network sees at each knot: (knots, across + `KNOT_PAD`, 6), one knot after the other along all tracks.

    Luminance averaged along the track and its roughness along it, of tile and baseline, each less its mean and over its
    spread across; how far the two differ; and 1 where there is a picture. Without a baseline the tile stands for it.
    """
    pictures = [tile] if baseline is None else [tile, baseline]
    strips, _ = straighten([_grey(picture) for picture in pictures], layout, ACROSS_M, LOOK_EVERY)
    looks = [_look(strip[..., 0]) for strip in strips] * (3 - len(strips))
    difference = np.abs(looks[0][..., 0] - looks[1][..., 0])
    at = np.concatenate(
        [start + knot_cells(int(length)) for start, length in zip(layout.starts, layout.lengths, strict=True)]
    )
    at = np.minimum(np.rint(at / LOOK_EVERY).astype(np.int64), len(difference) - 1)
    channels = np.concatenate([looks[0], looks[1], difference[..., None]], axis=2)[at]
    out = np.zeros((len(at), len(ACROSS_M) + KNOT_PAD, channels.shape[2] + 1), np.float32)
    out[:, : len(ACROSS_M), :-1] = channels
    out[:, : len(ACROSS_M), -1] = 1
    return out


def knot_cells(cells: int) -> NDArray[np.int64]:
    """The cells of a track of so many at which its axis is sought."""
    knots = max(2, round(cells / KNOT_CELLS) + 1)
    return np.round(np.linspace(0, cells - 1, knots)).astype(np.int64)


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


def _grey(picture: Raster) -> Raster:
    return replace(picture, pixels=picture.luminance()[None])


def _look(strip: Floats) -> Floats:
    """(n, across, 2): luminance along the track, averaged, and its roughness; both scaled across."""
    window = 2 * KNOT_CELLS // LOOK_EVERY + 1
    mean = ndimage.uniform_filter1d(strip, window, axis=0, mode="nearest")
    square = ndimage.uniform_filter1d(strip**2, window, axis=0, mode="nearest")
    rough = np.sqrt(np.maximum(square - mean**2, 0))
    scaled = [
        (part - part.mean(axis=1, keepdims=True)) / (part.std(axis=1, keepdims=True) + 1e-3) for part in (mean, rough)
    ]
    return np.stack(scaled, axis=2).astype(np.float32)


def _smoothest(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(knots,), the offsets in metres with the best sum of scores and bends (Viterbi), between the grid's steps."""
    bend = -0.5 * ((OFFSETS_M[:, None] - OFFSETS_M) / BEND_M) ** 2 * 0.25
    total, back = scores[0].astype(np.float64), []
    for row in scores[1:]:
        options = total[:, None] + bend
        back.append(options.argmax(axis=0))
        total = options.max(axis=0) + row
    path = [int(total.argmax())]
    for step in back[::-1]:
        path.append(int(step[path[-1]]))
    offsets = OFFSETS_M[np.array(path[::-1])]
    return np.asarray(ndimage.gaussian_filter1d(offsets, 1.0, mode="nearest"))


def _to_the_ends(cells_px: NDArray[np.float64], drawn_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """The refined line, as long as the drawn one: cells end up to half a cell before it does."""
    ends = []
    for end, following in ((0, 1), (-1, -2)):
        outward = cells_px[end] - cells_px[following] if len(cells_px) > 1 else drawn_px[end] - cells_px[end]
        reach = max(float(np.hypot(*outward)), 1e-9)
        missing = float(np.hypot(*(drawn_px[end] - cells_px[end])))
        ends.append(cells_px[end] + outward / reach * min(missing, reach))
    return np.vstack([ends[0], cells_px, ends[1]])
