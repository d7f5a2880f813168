"""A place recognised by its tracks, where snow, now or in the baseline, hides everything else that registration needs.

Deep snow leaves nothing of the ground's own structure. But rails, or the cars on them, still lie where the tracks were
drawn. The tile shows this place if their axes are found all along the tracks, at one displacement of all lines, and
clearly better than at any other. The displacements in the two pictures say how these lie to each other. Along straight
tracks the georeference is kept as it is: there, a metre more or less costs the count next to nothing.
"""

from collections.abc import Sequence

import numpy as np
from skimage.transform import SimilarityTransform

from railwatch.services.detector.alignment.registration import Match
from railwatch.services.detector.alignment.warping import warped_by
from railwatch.services.detector.imagery.arrays import Points
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.services.detector.tracks.axes import KNOT_SAMPLES, axis_scores, by_piece, knots_of
from railwatch.services.detector.tracks.centrelines import Centreline, corridor
from railwatch.services.detector.tracks.pieces import Piece, clip
from railwatch.services.detector.tracks.refinement import displacements
from railwatch.services.detector.tracks.sessions import Session
from railwatch.services.detector.tracks.strips import SAMPLE_M, lay_out
from railwatch.shared.counts import Registration

# Share of the ground beside the tracks that must look like snow. Fresh snow reflects four fifths of the light, of all
# colours alike. Pale grey ground passes as well: this test only keeps green and brown places out, and the axes decide.
SNOW_SHARE = 1 / 3
# Ground looks like snow where it is nearly as bright as the brightest of the picture, and nearly without colour.
NEARLY_AS_BRIGHT = 0.75
NEARLY_WHITE = 0.2
# Beside the tracks lies what is further from them than this, in metres: cars and the ballast that they keep free of
# snow are nearer.
BESIDE_M = 8.0
# How far the mean of the axes' log-odds must lead the mean over all displacements. Of 407 rendered tiles with as much
# track, one reached it under the tracks of another yard (median 0.4, standard deviation 0.2); it shows no snow.
LEAST_LEAD = 1.5
# Length of track, in metres, below which a place is not recognised.
LEAST_TRACK_M = 500.0
# Largest entropy of the evidence between track and train, in nats per sample (ln 2 where nothing is known), for the
# placing to be believed. Half a spacing aside, snow between tracks looks like cars.
MOST_ENTROPY = 0.2
# The remark on a tile that was placed so.
PLACED_BY_TRACKS = "placed-by-tracks"
# Lines drawn on one picture are displaced alike, to within this many metres.
ALIKE_M = 0.3
# Along straight tracks many displacements agree as well. This penalty, per square metre, prefers the smallest.
NEAREST = 0.02


def placed_by_tracks(
    tile: Raster, baseline: Raster, centrelines: Sequence[Centreline], network: Session
) -> Match | None:
    """The baseline moved onto the tile by the tracks alone; None where there is no snow, or the tile shows no tracks.

    Args:
        tile: the tile.
        baseline: the baseline on the tile's grid.
        centrelines: the tracks as drawn.
        network: finds axes, as for `refine`.
    """
    pieces = clip(centrelines, tile.shape, tile.gsd_m)
    if not pieces or not any(_snowy(picture, centrelines) for picture in (tile, baseline)):
        return None
    now_m = _tracks_at(tile, pieces, network)
    if now_m is None:
        return None
    before_m = _tracks_at(baseline, pieces, network)
    right, down = (now_m - (now_m if before_m is None else before_m)) / tile.gsd_m
    transform = SimilarityTransform(translation=(-right, -down))
    registration = Registration(dx_px=round(right, 3), dy_px=round(down, 3), rotation_deg=0.0, reliability=0.0)
    return Match(registration, transform, warped_by(transform, baseline))


def _snowy(picture: Raster, centrelines: Sequence[Centreline]) -> bool:
    """Whether the ground beside the tracks is white."""
    beside = picture.valid & ~corridor(centrelines, picture, BESIDE_M)
    if not beside.any():
        return False
    brightest = np.quantile(picture.luminance()[picture.valid], 0.98)
    pixels = picture.pixels[:, beside]
    colour = np.ptp(pixels, axis=0) / np.maximum(pixels.max(axis=0), 1e-3)
    return bool(((luminance(pixels) > NEARLY_AS_BRIGHT * brightest) & (colour < NEARLY_WHITE)).mean() > SNOW_SHARE)


def _tracks_at(picture: Raster, pieces: Sequence[Piece], network: Session) -> Points | None:
    """(2,), how far right and down of their lines a picture shows the tracks, metres; None where it does not."""
    layout = lay_out([piece.xy_px for piece in pieces], picture.gsd_m)
    knots = knots_of(layout)
    if len(knots) * KNOT_SAMPLES * SAMPLE_M < LEAST_TRACK_M:
        return None
    scores = by_piece(axis_scores(layout, picture, None, network), layout)
    moves_m, agreement = displacements(scores, layout.right_px[knots], ALIKE_M)
    if agreement.max() - agreement.mean() < LEAST_LEAD:
        return None
    return np.asarray(moves_m[int((agreement - NEAREST * (moves_m**2).sum(axis=1)).argmax())])
