"""Centrelines moved sideways onto the rails, or onto the axis of the cars that hide them.

People draw centrelines up to 3 m beside the track, and the evidence weakens from half a metre on. Every few metres a
small network looks across the line for the axis of a track. What it is shown does not depend on which is brighter,
rails, sleepers or ballast: it must go by the 1.5 m between the rails and by the likeness of a track's two sides. Lines
drawn on one picture are displaced together when they are laid on another, so a displacement of all tracks is sought
first; then, around it, the smoothest path of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.network import Network
from railwatch.services.detector.tracks.pieces import Piece, owned
from railwatch.services.detector.tracks.strips import CELL_M, Layout, lay_out, straighten

Floats = NDArray[np.float32]
Number = TypeVar("Number", bound=np.floating[Any])

# How far a drawn line may lie beside its track.
REACH_M = 3.0
# Spread of the displacement that all lines of a picture share, and of each line about it.
SHARED_M = 0.8
OWN_M = 1.0
STEP_M = 0.25
OFFSETS_M = np.arange(-REACH_M, REACH_M + STEP_M / 2, STEP_M)
ACROSS_M = np.arange(-REACH_M - 4.0, REACH_M + 4.0 + STEP_M / 2, STEP_M)
# The axis is sought every so many cells; it bends by about so much from one such knot to the next.
KNOT_CELLS = round(5.0 / CELL_M)
BEND_M = 0.24
LOOK_EVERY = 2
# Looks are averaged over 10 m of track, which follow a bend, and over 40 m, over which only what is parallel remains.
NEAR, FAR = (round(length_m / (LOOK_EVERY * CELL_M)) + 1 for length_m in (10.0, 40.0))
# Knots lie so many steps apart on the network's axis, so that they do not see each other.
KNOT_PAD = 31
# The likeness of both sides is compared out to the end of the sleepers and the ballast's shoulder.
SIDE_STEPS = round(2.5 / STEP_M)
# Ground further apart along a track than this says something new of the shared displacement; and only so much in all.
SMOOTHING_KNOTS = 5
MOST_KNOTS = 20
# Displacements nearer to each other than this, as the lines are moved sideways, end in the same paths.
APART_M = 1.2
# Where lines run together for so much of one, those further than this from the shared displacement strayed.
MUCH_OF_A_LINE = 0.2
HALF_GAUGE_M = 0.75
# What a knot can say at most, as log-odds.
MOST_EVIDENCE = 6.0

# Channels of a look: level and roughness along the track and fine structure across, of the tile and the baseline, near
# (0 to 5) and far (7 to 12); how far the two differ (6); 1 where there is a picture (13); and the likeness of both
# sides, near and far (14 to 17).
CHANNELS = 18
TILE, BASELINE, DIFFERENCE, PRESENT = [0, 1, 2, 7, 8, 9, 14, 16], [3, 4, 5, 10, 11, 12, 15, 17], 6, 13
SIGNED = ((0, 2, 7, 9), (3, 5, 10, 12))
"""Channels whose sign says which is brighter, of the tile and of the baseline."""


def refine(
    pieces: Sequence[Piece], tile: Raster, baseline: Raster | None, seen: NDArray[np.bool_], network: Network
) -> tuple[Piece, ...]:
    """The pieces moved sideways onto their tracks, where these most likely are; arguments as for `refinements`."""
    return next(refinements(pieces, tile, baseline, seen, network))


def refinements(
    pieces: Sequence[Piece], tile: Raster, baseline: Raster | None, seen: NDArray[np.bool_], network: Network
) -> Iterator[tuple[Piece, ...]]:
    """The pieces moved sideways onto their tracks: where these most likely are, and then elsewhere in turn.

    Args:
        pieces: as drawn.
        tile: the tile.
        baseline: the baseline, registered and in the tile's radiometry; it shows rails where cars now stand.
        seen: (rows, cols), what of the tile can be seen; elsewhere a line follows the others.
        network: tells axes from the look across (logits of not an axis, and of an axis).
    """
    layout = lay_out([piece.xy_px for piece in pieces], tile.gsd_m)
    knots = knots_of(layout)
    x, y = np.round(layout.xy_px[knots]).astype(np.int64).T
    in_sight = seen[np.clip(y, 0, seen.shape[0] - 1), np.clip(x, 0, seen.shape[1] - 1)]
    scores = axis_scores(layout, tile, baseline, network) * in_sight[:, None]
    for shared_m in _shared_displacements(by_piece(scores, layout), layout.right_px[knots]):
        yield _followed(pieces, layout, scores, shared_m)


def _followed(
    pieces: Sequence[Piece], layout: Layout, scores: Floats, shared_m: NDArray[np.float64]
) -> tuple[Piece, ...]:
    """The pieces on their best paths around a displacement that all share, (knots,) metres to the right."""
    around = scores - 0.5 * ((OFFSETS_M - shared_m[:, None]) / OWN_M) ** 2
    own = [_smoothest(part) for part in by_piece(around, layout)]
    refined = _moved(pieces, layout, own)
    if _run_together(pieces, refined, layout.gsd_m):
        kept = [
            common if np.abs(alone - common).mean() > HALF_GAUGE_M else alone
            for alone, common in zip(own, by_piece(shared_m, layout), strict=True)
        ]
        return _moved(pieces, layout, kept)
    return refined


def axis_scores(layout: Layout, tile: Raster, baseline: Raster | None, network: Network) -> Floats:
    """(knots, offsets): log-odds that the axis of a track lies `OFFSETS_M` beside the line at each knot."""
    looks = across_looks(layout, tile, baseline)
    if baseline is None:
        # To the network, a mean is what is hidden from it.
        hidden = [*BASELINE, DIFFERENCE]
        looks[:, : len(ACROSS_M), hidden] = network.mean[hidden]
    logits = network(looks.reshape(-1, CHANNELS))
    axis = (logits[:, 1] - logits[:, 0]).reshape(looks.shape[:2])[:, : len(ACROSS_M)]
    margin = (len(ACROSS_M) - len(OFFSETS_M)) // 2
    return np.asarray(np.clip(axis[:, margin:-margin], -MOST_EVIDENCE, MOST_EVIDENCE))


def displacements(
    parts: Sequence[NDArray[np.floating]], right_px: NDArray[np.float64], alike_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the axes say of each displacement of all lines in the picture's plane.

    Args:
        parts: scores of the knots of each piece.
        right_px: (knots, 2).
        alike_m: spread of each line about the displacement that they share.

    Returns:
        The displacements (n, 2) in metres, right and down, and the mean over the knots of their best scores near each.
    """
    smooth = np.concatenate([ndimage.uniform_filter1d(part, SMOOTHING_KNOTS, axis=0, mode="nearest") for part in parts])
    own = -0.5 * ((OFFSETS_M[:, None] - OFFSETS_M) / alike_m) ** 2
    best = (smooth[:, None, :] + own).max(axis=2)
    moves_m = np.stack(np.meshgrid(OFFSETS_M, OFFSETS_M, indexing="ij"), axis=2).reshape(-1, 2)
    steps = np.rint((_to_the_right(moves_m, right_px) + REACH_M) / STEP_M).astype(np.int64)
    return moves_m, best[np.arange(len(best)), steps].mean(axis=1)


def by_piece(values: NDArray[Number], layout: Layout) -> list[NDArray[Number]]:
    """What is known of every knot, apart for each piece."""
    ends = np.cumsum([len(knot_cells(int(length))) for length in layout.lengths])[:-1]
    return np.split(values, ends)


def _moved(pieces: Sequence[Piece], layout: Layout, offsets_m: Sequence[NDArray[np.float64]]) -> tuple[Piece, ...]:
    """The pieces moved to the right by so much at each of their knots."""
    moved = []
    for number, (piece, at_knots) in enumerate(zip(pieces, offsets_m, strict=True)):
        cells, length = layout.track(number), int(layout.lengths[number])
        along = np.interp(np.arange(length), knot_cells(length), at_knots)
        xy_px = layout.xy_px[cells] + layout.right_px[cells] * (along / layout.gsd_m)[:, None]
        shift_m = round(float(-along.mean() if piece.turned else along.mean()), 2)
        moved.append(replace(piece, xy_px=_to_the_ends(xy_px, piece.xy_px), shift_m=shift_m))
    return tuple(moved)


def _run_together(drawn: Sequence[Piece], refined: Sequence[Piece], gsd_m: float) -> bool:
    """Whether lines that were drawn apart have come to lie on one track for a good part of a line's length."""
    apart, now = (lay_out([piece.xy_px for piece in pieces], gsd_m) for pieces in (drawn, refined))
    mine, left = owned(apart), owned(now)
    lost = [
        mine[apart.track(number)].mean() - left[now.track(number)].mean() > MUCH_OF_A_LINE
        for number in range(len(drawn))
    ]
    return any(lost)


def across_looks(layout: Layout, tile: Raster, baseline: Raster | None) -> Floats:
    """What the network sees at each knot: (knots, across + `KNOT_PAD`, `CHANNELS`), one knot after the other.

    Without a baseline its channels are 0.
    """
    pictures = [tile] if baseline is None else [tile, baseline]
    strips, _ = straighten([picture.grey() for picture in pictures], layout, ACROSS_M, LOOK_EVERY)
    at = np.minimum(np.rint(knots_of(layout) / LOOK_EVERY).astype(np.int64), len(strips[0]) - 1)
    looks = np.zeros((len(at), len(ACROSS_M) + KNOT_PAD, CHANNELS), np.float32)
    picture = looks[:, : len(ACROSS_M)]
    for strip, channels in zip(strips, (TILE, BASELINE), strict=False):
        near, far = (_look(strip[..., 0], window, at) for window in (NEAR, FAR))
        picture[..., channels] = np.concatenate([near[..., :3], far[..., :3], near[..., 3:], far[..., 3:]], axis=2)
    picture[..., DIFFERENCE] = np.abs(picture[..., TILE[0]] - picture[..., BASELINE[0]])
    picture[..., PRESENT] = 1
    return looks


def knot_cells(cells: int) -> NDArray[np.int64]:
    """The cells of a track of so many at which its axis is sought."""
    knots = max(2, round(cells / KNOT_CELLS) + 1)
    return np.round(np.linspace(0, cells - 1, knots)).astype(np.int64)


def knots_of(layout: Layout) -> NDArray[np.int64]:
    """The knots of all tracks, as cells of the layout."""
    each = [start + knot_cells(int(length)) for start, length in zip(layout.starts, layout.lengths, strict=True)]
    return np.asarray(np.concatenate(each), dtype=np.int64)


def _look(strip: Floats, window: int, at: NDArray[np.int64]) -> Floats:
    """(knots, across, 4): level along the track, its roughness, fine structure across, likeness of both sides."""
    mean, square = (_around(values, window, at) for values in (strip, strip**2))
    rough = np.sqrt(np.maximum(square - mean**2, 0))
    level, rough = (
        (part - part.mean(axis=1, keepdims=True)) / (part.std(axis=1, keepdims=True) + 1e-3) for part in (mean, rough)
    )
    fine = level - ndimage.gaussian_filter1d(level, 1.5 / STEP_M, axis=1, mode="nearest")
    strength = ndimage.gaussian_filter1d(fine**2, 2.0 / STEP_M, axis=1, mode="nearest")
    return np.stack([level, rough, fine / (np.sqrt(strength) + 0.03), _likeness(level)], axis=2).astype(np.float32)


def _around(values: Floats, window: int, at: NDArray[np.int64]) -> Floats:
    """(knots, across): means over a window along the track around each knot; beyond the ends lies nothing."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = at - window // 2
    total = sums[np.minimum(first + window, len(values))] - sums[np.maximum(first, 0)]
    return np.asarray(total / window, dtype=np.float32)


def _likeness(level: Floats) -> Floats:
    """(knots, across): 1 where what lies to the left mirrors what lies to the right, -1 where it is its negative."""
    width = level.shape[1]
    padded = np.pad(level, ((0, 0), (SIDE_STEPS, SIDE_STEPS)), mode="edge")
    total, product, power = level.copy(), np.zeros_like(level), np.zeros_like(level)
    for step in range(1, SIDE_STEPS + 1):
        left, right = (padded[:, SIDE_STEPS + side :][:, :width] for side in (-step, step))
        total += left + right
        product += left * right
        power += 0.5 * (left**2 + right**2)
    mean = total / (2 * SIDE_STEPS + 1)
    common = SIDE_STEPS * mean**2 - mean * (total - level)
    return np.asarray((product + common) / (power + common + 1e-3), dtype=np.float32)


def _shared_displacements(parts: Sequence[Floats], right_px: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Displacements of all lines in the picture's plane, seen from each knot, (knots,) metres to the right.

    The likeliest comes first, then each that is the likeliest of those that lie apart from all before.
    """
    moves_m, said = displacements(parts, right_px, OWN_M)
    total = said * min(len(right_px), MOST_KNOTS) - 0.5 * (moves_m**2).sum(axis=1) / SHARED_M**2
    while np.isfinite(total).any():
        best = _to_the_right(moves_m[total.argmax()], right_px)
        yield best
        total[np.sqrt(((_to_the_right(moves_m, right_px) - best) ** 2).mean(axis=1)) < APART_M] = -np.inf


def _to_the_right(moves_m: NDArray[np.float64], right_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., knots), how far displacements (..., 2) move each knot to its right, metres."""
    return np.clip(moves_m @ right_px.T, -REACH_M, REACH_M)


def _smoothest(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """(knots,), the offsets in metres with the best sum of scores and bends (Viterbi), between the grid's steps."""
    bend = -0.5 * ((OFFSETS_M[:, None] - OFFSETS_M) / BEND_M) ** 2
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
