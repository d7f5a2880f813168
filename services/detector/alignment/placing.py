"""A place recognised by its tracks, where snow, now or in the baseline, hides all else that registration goes by.

Under deep snow nothing of the ground's own structure is left, but rails, or the cars on them, still lie where the
tracks were drawn. Where their axes are found all along the tracks, at one displacement of them all and clearly better
than at any other, the tile is of this place; what the displacement is in either picture says how they lie to each
other. Along straight tracks the georeference stands as it is: there a metre more or less costs the count next to
nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.alignment.registration import Match, warp
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.services.detector.tracks.centrelines import Centreline, corridor
from railwatch.services.detector.tracks.network import Network
from railwatch.services.detector.tracks.pieces import Piece, clip
from railwatch.services.detector.tracks.refinement import (
    KNOT_CELLS,
    axis_scores,
    by_piece,
    displacements,
    knots_of,
)
from railwatch.services.detector.tracks.strips import CELL_M, lay_out
from railwatch.shared.counts import Registration

# Fresh snow reflects four fifths of the light, of all colours alike; so much of the ground must look like it, against
# the brightest of the picture, further from the tracks than cars and the ballast that they keep free. Pale grey ground
# passes as well: this only keeps green and brown places out, and the axes have to tell the rest.
SNOW_SHARE = 1 / 3
NEARLY_AS_BRIGHT = 0.75
NEARLY_WHITE = 0.2
BESIDE_M = 8.0
# How far the mean of the axes' log-odds must lead the mean over all displacements. Of 913 rendered tiles with as much
# track, laid under another yard's tracks, none reached it (median 0.7, spread 0.07, at most 0.97).
LEAST_LEAD = 1.0
LEAST_TRACK_M = 500.0
# Where the evidence of a tile so placed is in more doubt than this between track and train, in nats a cell (ln 2 is
# none at all), it does not lie as it was placed: half a spacing aside, snow between tracks looks like cars.
MOST_DOUBT = 0.2
PLACED_BY_TRACKS = "placed-by-tracks"
"""The remark on a tile so placed."""

# Lines drawn on one picture lie alike to within so much.
ALIKE_M = 0.3
# Of displacements that say the same, as along straight tracks, the least.
NEAREST = 0.02


def placed_by_tracks(
    tile: Raster, baseline: Raster, centrelines: Sequence[Centreline], network: Network
) -> Match | None:
    """The baseline moved onto the tile by the tracks alone; None where there is no snow, or the tile shows no tracks.

    Args:
        tile: the tile.
        baseline: the baseline on the tile's grid.
        centrelines: the tracks as drawn.
        network: tells axes from the look across, as for `refine`.
    """
    pieces = clip(centrelines, tile.shape, tile.gsd_m)
    if not pieces or not any(_snowy(picture, centrelines) for picture in (tile, baseline)):
        return None
    now_m = _tracks_at(tile, pieces, network)
    if now_m is None:
        return None
    before_m = _tracks_at(baseline, pieces, network)
    right, down = (now_m - (now_m if before_m is None else before_m)) / tile.gsd_m
    matrix = np.array([[1, 0, -right], [0, 1, -down]])
    registration = Registration(dx_px=round(right, 3), dy_px=round(down, 3), rotation_deg=0.0, reliability=0.0)
    return Match(registration, matrix, warp(baseline, matrix))


def _snowy(picture: Raster, centrelines: Sequence[Centreline]) -> bool:
    """Whether the ground beside the tracks is white."""
    beside = picture.valid & ~corridor(centrelines, picture, BESIDE_M)
    if not beside.any():
        return False
    brightest = np.quantile(picture.luminance()[picture.valid], 0.98)
    pixels = picture.pixels[:, beside]
    colour = np.ptp(pixels, axis=0) / np.maximum(pixels.max(axis=0), 1e-3)
    return bool(((luminance(pixels) > NEARLY_AS_BRIGHT * brightest) & (colour < NEARLY_WHITE)).mean() > SNOW_SHARE)


def _tracks_at(picture: Raster, pieces: Sequence[Piece], network: Network) -> NDArray[np.float64] | None:
    """(2,), how far right and down of their lines a picture shows the tracks, metres; None where it does not."""
    layout = lay_out([piece.xy_px for piece in pieces], picture.gsd_m)
    knots = knots_of(layout)
    if len(knots) * KNOT_CELLS * CELL_M < LEAST_TRACK_M:
        return None
    scores = by_piece(axis_scores(layout, picture, None, network), layout)
    moves_m, said = displacements(scores, layout.right_px[knots], ALIKE_M)
    if said.max() - said.mean() < LEAST_LEAD:
        return None
    return np.asarray(moves_m[int((said - NEAREST * (moves_m**2).sum(axis=1)).argmax())])
