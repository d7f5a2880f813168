"""Registration of a baseline to a tile: sub-pixel, with small rotation and scale, validated before it is believed.

The search over all patches together (`correlation`) gives a first similarity transform. The baseline is warped by it,
and the same is done again. Three things are then required. What remains is small (the shift back of AROSICS: Scheffler
et al., Remote Sensing 2017). The agreement has grown. And no other shift agrees nearly as well: in a yard the pattern
of tracks repeats every 4 to 5 m, and a match that is off by one track is worse than none.
"""

from dataclasses import dataclass

import numpy as np
from skimage.transform import SimilarityTransform

from railwatch.services.detector.alignment.correlation import Patches, Surfaces, correlate, jacobian, refine, search
from railwatch.services.detector.alignment.warping import Part, warped_by
from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask, Points
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.shared.counts import Registration
from railwatch.shared.errors import TileRejectedError

# Limits of the shift: the larger of the two holds. Metre-class satellites place their pictures to about 5 m (CE90)
# without ground control.
MAX_SHIFT_M = 8.0
MAX_SHIFT_PX = 12.0
MAX_ROTATION_DEG = 2.0
MAX_SCALE_CHANGE = 0.02
# The search goes this far beyond the limit, so that a shift just beyond it is seen as such.
SEARCH_MARGIN_PX = 6
# Another hypothesis lies at least this far from the peak, in metres and in pixels. Half of the least spacing of tracks
# is 2 m. Nearer lies the flank of the peak itself, which is a metre wide where the ground is smooth.
RIVAL_M = 2.0
RIVAL_PX = 3.0
# How far the peak must lead its best rival, in robust standard deviations of all shifts. Of 1195 pairs of different
# places (560 rendered, 635 real; turned and mirrored) none reaches this. Of four real pairs of two dates, all with
# pixels of 0.2 m, the lowest has 4.6. Of 109 rendered pairs under snow, haze and cloud, 101 have more.
MIN_LEAD_SIGMA = 4.0
# A lower peak is no higher than chance, in the same unit: the pictures have nothing in common.
CHANCE_PEAK_SIGMA = 7.0
# Lowest prominence of the peak. A rival nearly as high is the pattern of tracks, moved by one spacing.
MIN_RELIABILITY = 0.15
# What a further pass may still find, and below which it is not worth another warp. Half a pixel costs the count 2 %,
# and on rendered pairs the first pass is right to 0.14 px.
MAX_SHIFT_BACK_PX = 1.0
NEGLIGIBLE_PX = 0.15
MAX_PASSES = 3
# Share of the agreement that must be left. Resampling costs a little agreement, which shows where the pictures agreed
# from the start.
KEPT_AGREEMENT = 0.95
# Weight of edges along the tracks in either picture. Cars come and go there.
CORRIDOR_WEIGHT = 0.5


@dataclass(frozen=True)
class Match:
    """A registration that was believed.

    Attributes:
        registration: what is reported.
        transform: from the tile's pixel coordinates to the baseline's.
        baseline: the baseline warped onto the tile.
    """

    registration: Registration
    transform: SimilarityTransform
    baseline: Raster


def register(tile: Raster, baseline: Raster, corridor: Mask, *, in_place: bool = False) -> Match:
    """Finds the similarity that carries a baseline onto the tile, and applies it.

    Args:
        tile: the tile.
        baseline: the baseline on the tile's grid.
        corridor: (rows, cols), true along the tracks.
        in_place: whether the baseline's own pixels may be changed.

    Raises:
        TileRejectedError: `wrong-place` where the pictures have nothing in common, `registration-unreliable` where
            the match is ambiguous or does not hold, `shift-too-large` where it is beyond the limits.
    """
    limit_px = max(MAX_SHIFT_PX, MAX_SHIFT_M / tile.gsd_m)
    search_px = int(limit_px) + SEARCH_MARGIN_PX
    max_turn = float(np.deg2rad(MAX_ROTATION_DEG))
    of_tile = _patches(tile, corridor)
    surfaces = correlate(of_tile, _patches(baseline, corridor), search_px + int(max_turn * max(tile.shape) / 2))
    peak = search(surfaces, search_px, max_turn, max(RIVAL_PX, RIVAL_M / tile.gsd_m))
    if peak.sigma * peak.prominence < MIN_LEAD_SIGMA or peak.prominence < MIN_RELIABILITY:
        raise TileRejectedError("wrong-place" if peak.sigma < CHANCE_PEAK_SIGMA else "registration-unreliable")
    transform = _similarity(refine(surfaces, peak.motion), tile.shape)

    for _ in range(MAX_PASSES):
        again = correlate(of_tile, _patches(baseline, corridor, transform), int(MAX_SHIFT_BACK_PX) + 3)
        back = refine(again, np.zeros(4))
        back_px = _largest_displacement(back, tile.shape)
        if back_px < NEGLIGIBLE_PX:
            break
        transform = _similarity(back, tile.shape) + transform
    if back_px > MAX_SHIFT_BACK_PX or _agreement(again) < KEPT_AGREEMENT * _agreement(surfaces):
        raise TileRejectedError("registration-unreliable")
    registration = _reported(transform, tile.shape, peak.prominence)
    too_far = np.hypot(registration.dx_px, registration.dy_px) > limit_px
    if too_far or abs(transform.scale - 1) > MAX_SCALE_CHANGE:
        raise TileRejectedError("shift-too-large")
    return Match(registration, transform, warped_by(transform, baseline, in_place=in_place))


def _patches(picture: Raster, corridor: Mask, transform: SimilarityTransform | None = None) -> Patches:
    """The patches of a picture; if a transform is given, of the picture as `warped_by` gives it."""

    def cut(place: tuple[slice, slice]) -> tuple[Floats, Floats]:
        weight = np.where(corridor[place], np.float32(CORRIDOR_WEIGHT), np.float32(1))
        if transform is None:
            light, valid = luminance(picture.pixels[:, *place]), picture.valid[place]
        else:
            part = Part.of(transform, picture, place)
            light, valid = part.warped(luminance(picture.pixels[:, *part.source]))
        # The edge of missing data is not an edge of the ground.
        return light, weight if valid.all() else weight * _eroded(valid)

    return Patches(picture.shape, cut)


def _eroded(valid: Mask) -> Mask:
    """What lies two pixels inside, along rows and columns: as far as gradients reach.

    On 2048 x 2048 pixels it takes 1.4 ms; `skimage.morphology.erosion` takes 44 ms.
    """
    inside = valid.copy()
    for reach in (1, 2):
        inside[reach:] &= valid[:-reach]
        inside[:-reach] &= valid[reach:]
    across = inside.copy()
    for reach in (1, 2):
        across[:, reach:] &= inside[:, :-reach]
        across[:, :-reach] &= inside[:, reach:]
    return across


def _agreement(surfaces: Surfaces) -> float:
    """Mean correlation where nothing is displaced."""
    return float(surfaces.values[:, surfaces.reach, surfaces.reach].mean())


def _similarity(motion: Doubles, shape: tuple[int, int]) -> SimilarityTransform:
    """A motion about the middle of a picture, as a transform of its pixel coordinates."""
    right, down, turn, growth = motion
    middle = _middle(shape)
    moved = SimilarityTransform(scale=1 + growth, rotation=turn, translation=middle + np.array([right, down]))
    about_middle: SimilarityTransform = SimilarityTransform(translation=-middle) + moved
    return about_middle


def _middle(shape: tuple[int, int]) -> Points:
    return np.array([shape[1] - 1, shape[0] - 1]) / 2


def _largest_displacement(motion: Doubles, shape: tuple[int, int]) -> float:
    """Pixels, over the corners of the picture."""
    corners = _middle(shape) * [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    return float(np.hypot(*(jacobian(corners) @ motion).T).max())


def _reported(transform: SimilarityTransform, shape: tuple[int, int], reliability: float) -> Registration:
    """How the baseline moves onto the tile: the inverse direction, at the tile's middle."""
    middle = _middle(shape)
    right, down = middle - transform(middle)[0]
    # The transform turns from x (right) towards y (down), clockwise as seen. The way back is counter-clockwise.
    return Registration(
        dx_px=round(float(right), 3),
        dy_px=round(float(down), 3),
        rotation_deg=round(float(np.rad2deg(transform.rotation)), 4),
        reliability=round(min(max(reliability, 0.0), 1.0), 3),
    )
