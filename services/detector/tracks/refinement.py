"""Centrelines moved sideways onto the rails, or onto the axis of the cars that hide the rails.

People draw centrelines up to 3 m beside the track, and the evidence weakens from half a metre on. Lines that were drawn
on one picture are displaced together on another. So first one displacement of all lines is sought that agrees with the
axes of the tracks (`axes`). Then each line takes its smoothest path near that displacement.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.across import REACH_M, STEP_M
from railwatch.services.detector.tracks.axes import (
    OFFSETS_M,
    axis_scores,
    by_piece,
    knots_along,
    knots_of,
)
from railwatch.services.detector.tracks.pieces import Piece, owned
from railwatch.services.detector.tracks.sessions import Session
from railwatch.services.detector.tracks.strips import Layout, lay_out

# Standard deviation of the displacement that all lines of a picture share, and of each line about it, in metres. A line
# that was drawn further off than that costs at most so much at each knot, so that enough evidence still moves it.
SHARED_M = 0.8
OWN_M = 0.5
MOST_COST = 2.5
# Standard deviation of the bend of an axis from one knot to the next, in metres.
BEND_M = 0.24
# Scores are averaged over this many knots along a track before they count for the shared displacement.
SMOOTHING_KNOTS = 5
# All knots together count for at most this many.
MOST_KNOTS = 20
# Displacements that move the lines sideways by amounts closer than this, in metres, end in the same paths.
APART_M = 1.2
# Share of a line that must run together with another before the lines that strayed are corrected. A line strayed where
# it lies further from the shared displacement than half the gauge, in metres.
MUCH_OF_A_LINE = 0.2
HALF_GAUGE_M = 0.75


@dataclass(frozen=True)
class Placing:
    """Where the lines are taken to lie: the pieces of track, and the layout of their samples."""

    pieces: tuple[Piece, ...]
    layout: Layout

    @classmethod
    def of(cls, pieces: Sequence[Piece], gsd_m: float) -> "Placing":
        """Lays out pieces of track."""
        return cls(tuple(pieces), lay_out([piece.xy_px for piece in pieces], gsd_m))

    @cached_property
    def owned(self) -> Mask:
        """(n,), samples on a track whose cars belong to that track."""
        return self.layout.on_track & owned(self.layout)


def refine(
    pieces: Sequence[Piece], tile: Raster, baseline: Raster | None, seen: Mask, network: Session
) -> tuple[Piece, ...]:
    """The pieces moved sideways to where their tracks most likely are. Arguments as for `refinements`."""
    return next(refinements(pieces, tile, baseline, seen, network)).pieces


def refinements(
    pieces: Sequence[Piece], tile: Raster, baseline: Raster | None, seen: Mask, network: Session
) -> Iterator[Placing]:
    """The pieces moved sideways onto their tracks: the likeliest placing first, then others in turn.

    Args:
        pieces: as drawn.
        tile: the tile.
        baseline: the baseline, registered and in the tile's radiometry. It shows rails where cars now stand.
        seen: (rows, cols), what can be seen of the tile. Where nothing is seen, a line follows the others.
        network: finds axes in the sections across a line (logits of no axis, and of an axis).
    """
    drawn = Placing.of(pieces, tile.gsd_m)
    knots = knots_of(drawn.layout)
    x, y = np.round(drawn.layout.xy_px[knots]).astype(np.int64).T
    in_sight = seen[np.clip(y, 0, seen.shape[0] - 1), np.clip(x, 0, seen.shape[1] - 1)]
    scores = axis_scores(drawn.layout, tile, baseline, network) * in_sight[:, None]
    for shared_m in _shared_displacements(by_piece(scores, drawn.layout), drawn.layout.right_px[knots]):
        yield _followed(drawn, scores, shared_m)


def _followed(drawn: Placing, scores: Floats, shared_m: Points) -> Placing:
    """The pieces on their best paths around a displacement that all share, (knots,) metres to the right."""
    around = scores - np.minimum(0.5 * ((OFFSETS_M - shared_m[:, None]) / OWN_M) ** 2, MOST_COST)
    own = [_smoothest(part) for part in by_piece(around, drawn.layout)]
    refined = _moved(drawn, own)
    if _run_together(drawn, refined):
        kept = [
            common if np.abs(alone - common).mean() > HALF_GAUGE_M else alone
            for alone, common in zip(own, by_piece(shared_m, drawn.layout), strict=True)
        ]
        return _moved(drawn, kept)
    return refined


def displacements(
    parts: Sequence[NDArray[np.floating]], right_px: Points, alike_m: float
) -> tuple[Points, NDArray[np.floating]]:
    """How well each displacement of all lines in the picture's plane agrees with the axes.

    Args:
        parts: scores of the knots of each piece.
        right_px: (knots, 2).
        alike_m: standard deviation of each line about the displacement that they share.

    Returns:
        The displacements (n, 2) in metres, right and down, and the mean over the knots of their best scores near each.
    """
    smooth = np.concatenate([ndimage.uniform_filter1d(part, SMOOTHING_KNOTS, axis=0, mode="nearest") for part in parts])
    own = -0.5 * ((OFFSETS_M[:, None] - OFFSETS_M) / alike_m) ** 2
    best = (smooth[:, None, :] + own).max(axis=2)
    moves_m = np.stack(np.meshgrid(OFFSETS_M, OFFSETS_M, indexing="ij"), axis=2).reshape(-1, 2)
    steps = np.rint((_to_the_right(moves_m, right_px) + REACH_M) / STEP_M).astype(np.int64)
    return moves_m, best[np.arange(len(best)), steps].mean(axis=1)


def _moved(drawn: Placing, offsets_m: Sequence[Points]) -> Placing:
    """The pieces moved to the right by these offsets at their knots."""
    layout, moved = drawn.layout, []
    for number, (piece, at_knots) in enumerate(zip(drawn.pieces, offsets_m, strict=True)):
        samples, length = layout.track(number), int(layout.lengths[number])
        along = np.interp(np.arange(length), knots_along(length), at_knots)
        xy_px = layout.xy_px[samples] + layout.right_px[samples] * (along / layout.gsd_m)[:, None]
        shift_m = round(float(-along.mean() if piece.turned else along.mean()), 2)
        moved.append(replace(piece, xy_px=_to_the_ends(xy_px, piece.xy_px), shift_m=shift_m))
    return Placing.of(moved, layout.gsd_m)


def _run_together(drawn: Placing, refined: Placing) -> bool:
    """Whether lines that were drawn apart now lie on one track for a good part of a line's length."""
    lost: list[float] = [
        drawn.owned[drawn.layout.track(number)].mean() - refined.owned[refined.layout.track(number)].mean()
        for number in range(len(drawn.pieces))
    ]
    return max(lost) > MUCH_OF_A_LINE


def _shared_displacements(parts: Sequence[Floats], right_px: Points) -> Iterator[Points]:
    """Displacements of all lines in the picture's plane, seen from each knot, (knots,) metres to the right.

    The likeliest comes first. Each next one is the likeliest of those that lie apart from all before.
    """
    moves_m, agreement = displacements(parts, right_px, OWN_M)
    total = agreement * min(len(right_px), MOST_KNOTS) - 0.5 * (moves_m**2).sum(axis=1) / SHARED_M**2
    while np.isfinite(total).any():
        best = _to_the_right(moves_m[total.argmax()], right_px)
        yield best
        total[np.sqrt(((_to_the_right(moves_m, right_px) - best) ** 2).mean(axis=1)) < APART_M] = -np.inf


def _to_the_right(moves_m: Points, right_px: Points) -> Points:
    """(..., knots), how far displacements (..., 2) move each knot to its right, metres."""
    return np.clip(moves_m @ right_px.T, -REACH_M, REACH_M)


def _smoothest(scores: NDArray[np.floating]) -> Points:
    """(knots,), the offsets in metres with the best sum of scores and bends (Viterbi), smoothed between the steps."""
    bend = -0.5 * ((OFFSETS_M[:, None] - OFFSETS_M) / BEND_M) ** 2
    total: Doubles = scores[0].astype(np.float64)
    back = []
    for row in scores[1:]:
        options = total[:, None] + bend
        back.append(options.argmax(axis=0))
        total = options.max(axis=0) + row
    path = [int(total.argmax())]
    for step in back[::-1]:
        path.append(int(step[path[-1]]))
    offsets = OFFSETS_M[np.array(path[::-1])]
    return np.asarray(ndimage.gaussian_filter1d(offsets, 1.0, mode="nearest"))


def _to_the_ends(samples_px: Points, drawn_px: Points) -> Points:
    """The refined line, as long as the drawn one: its samples end up to half a sample before the drawn line does."""
    ends = []
    for end, following in ((0, 1), (-1, -2)):
        outward = samples_px[end] - samples_px[following] if len(samples_px) > 1 else drawn_px[end] - samples_px[end]
        reach = max(float(np.hypot(*outward)), 1e-9)
        missing = float(np.hypot(*(drawn_px[end] - samples_px[end])))
        ends.append(samples_px[end] + outward / reach * min(missing, reach))
    return np.vstack([ends[0], samples_px, ends[1]])
