"""Registration of a baseline to a tile: sub-pixel, with small rotation and scale, validated before it is believed.

The search over all patches together (`correlation`) gives a first similarity transform; the baseline is warped by it
and the same is done again. What then remains must be small (the shift back of AROSICS: Scheffler et al., Remote
Sensing 2017), the agreement must have grown, and no other shift may agree nearly as well: in a yard the pattern of
tracks repeats every 4 to 5 m, and a match that is off by one track is worse than none.
"""

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

from railwatch.services.detector.alignment.correlation import Patches, Surfaces, correlate, jacobian, refine, search
from railwatch.services.detector.imagery.raster import Raster, luminance, resample_pixels
from railwatch.services.detector.imagery.rejection import TileRejectedError
from railwatch.shared.counts import Registration

# Metre-class satellites place their pictures to about 5 m (CE90) without ground control.
MAX_SHIFT_M = 8.0
MAX_SHIFT_PX = 12.0
MAX_ROTATION_DEG = 2.0
MAX_SCALE_CHANGE = 0.02
# The search goes this far beyond the limit, so that a shift just beyond it is seen as such.
SEARCH_MARGIN_PX = 6
# Another hypothesis lies at least this far from the peak; nearer is the peak's own flank. Tracks are 4 m apart or more.
RIVAL_PX = 3.0
# How far the peak must lead its best rival, in robust standard deviations of all shifts: unrelated rendered yards reach
# 2.2; the same yard mostly has 20 and more, and 3 under half of cloud. A peak no higher than chance is no place's sign.
MIN_LEAD_SIGMA = 2.6
CHANCE_PEAK_SIGMA = 7.0
# A rival nearly as high as the peak is the pattern of tracks one spacing on.
MIN_RELIABILITY = 0.15
# What a further pass may still find, and below which it is not worth another warp: half a pixel costs the count 2 %,
# and on rendered pairs the first pass is right to 0.14 px.
MAX_SHIFT_BACK_PX = 1.0
NEGLIGIBLE_PX = 0.15
MAX_PASSES = 3
# Resampling costs a little agreement, which shows where the pictures lay right from the start.
KEPT_AGREEMENT = 0.95
# Cars come and go along the tracks, so edges there count for less, in either picture.
CORRIDOR_WEIGHT = 0.5


@dataclass(frozen=True)
class Match:
    """A registration that was believed.

    Attributes:
        registration: what is reported.
        matrix: (2, 3), from the tile's pixel coordinates (x, y, 1) to the baseline's.
        baseline: the baseline warped onto the tile.
    """

    registration: Registration
    matrix: NDArray[np.float64]
    baseline: Raster


def register(tile: Raster, baseline: Raster, corridor: NDArray[np.bool_]) -> Match:
    """Finds the similarity that carries a baseline onto the tile, and applies it.

    Args:
        tile: the tile.
        baseline: the baseline on the tile's grid.
        corridor: bool (rows, cols), true along the tracks.

    Raises:
        TileRejectedError: `wrong-place` where the pictures have nothing in common, `registration-unreliable` where
            the match is ambiguous or does not hold, `shift-too-large` where it is beyond the limits.
    """
    limit_px = max(MAX_SHIFT_PX, MAX_SHIFT_M / tile.gsd_m)
    search_px = int(limit_px) + SEARCH_MARGIN_PX
    max_turn = float(np.deg2rad(MAX_ROTATION_DEG))
    of_tile = _patches(tile, corridor)
    surfaces = correlate(of_tile, _patches(baseline, corridor), search_px + int(max_turn * max(tile.shape) / 2))
    peak = search(surfaces, search_px, max_turn, RIVAL_PX)
    if peak.sigma * peak.prominence < MIN_LEAD_SIGMA or peak.prominence < MIN_RELIABILITY:
        raise TileRejectedError("wrong-place" if peak.sigma < CHANCE_PEAK_SIGMA else "registration-unreliable")
    matrix = _matrix(refine(surfaces, peak.transform), tile.shape)

    warped = warp(baseline, matrix)
    for _ in range(MAX_PASSES):
        again = correlate(of_tile, _patches(warped, corridor), int(MAX_SHIFT_BACK_PX) + 3)
        back = refine(again, np.zeros(4))
        back_px = _largest_displacement(back, tile.shape)
        if back_px < NEGLIGIBLE_PX:
            break
        matrix = np.asarray(matrix @ np.vstack([_matrix(back, tile.shape), [0, 0, 1]]))
        warped = warp(baseline, matrix)
    if back_px > MAX_SHIFT_BACK_PX or _agreement(again) < KEPT_AGREEMENT * _agreement(surfaces):
        raise TileRejectedError("registration-unreliable")
    registration = _reported(matrix, tile.shape, peak.prominence)
    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    if np.hypot(registration.dx_px, registration.dy_px) > limit_px or abs(scale - 1) > MAX_SCALE_CHANGE:
        raise TileRejectedError("shift-too-large")
    return Match(registration, matrix, warped)


def warp(baseline: Raster, matrix: NDArray[np.float64]) -> Raster:
    """The baseline resampled (cubic) at `matrix` times each pixel coordinate; not valid where it does not reach."""
    # GDAL counts from pixel corners: half a pixel to and fro.
    to_baseline = Affine.translation(0.5, 0.5) @ Affine(*matrix.ravel()) @ Affine.translation(-0.5, -0.5)
    grid = (~to_baseline, baseline.crs, Affine.identity(), baseline.crs, baseline.shape)
    pixels = resample_pixels(baseline.pixels, *grid)
    if baseline.valid.all():
        seen = _within(matrix, baseline.shape)
    else:
        sound = _eroded(baseline.valid).view(np.uint8)[None]
        seen = resample_pixels(sound, *grid, Resampling.nearest)[0] > 0
        pixels *= seen
    return Raster(pixels, seen, baseline.transform, baseline.crs, baseline.gsd_m)


def _within(matrix: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels (rows, cols) a matrix that turns by less than a right angle leads into a picture of this shape."""
    rows, cols = shape
    y, x = np.ogrid[:rows, :cols]
    left, right = ((edge - matrix[0, 2] - matrix[0, 1] * y) / matrix[0, 0] for edge in (-0.5, cols - 0.5))
    top, bottom = ((edge - matrix[1, 2] - matrix[1, 0] * x) / matrix[1, 1] for edge in (-0.5, rows - 0.5))
    return np.asarray((x >= left) & (x <= right) & (y >= top) & (y <= bottom))


def _patches(picture: Raster, corridor: NDArray[np.bool_]) -> Patches:
    whole = bool(picture.valid.all())

    def cut(place: tuple[slice, slice]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = np.where(corridor[place], np.float32(CORRIDOR_WEIGHT), np.float32(1))
        # The edge of no-data is no edge of the ground.
        return luminance(picture.pixels[:, *place]), weight if whole else weight * _eroded(picture.valid[place])

    return Patches(picture.shape, cut)


def _eroded(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies two pixels inside, along rows and columns: as far as cubic interpolation and gradients reach."""
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


def _matrix(transform: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    right, down, turn, growth = transform
    linear = (1 + growth) * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = _middle(shape)
    return np.column_stack([linear, middle + np.array([right, down]) - linear @ middle])


def _middle(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([shape[1] - 1, shape[0] - 1]) / 2


def _largest_displacement(transform: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """Pixels, over the corners of the picture."""
    corners = _middle(shape) * [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    return float(np.hypot(*(jacobian(corners) @ transform).T).max())


def _reported(matrix: NDArray[np.float64], shape: tuple[int, int], reliability: float) -> Registration:
    """The inverse direction: how the baseline moves onto the tile."""
    middle = _middle(shape)
    shift = middle - (matrix[:, :2] @ middle + matrix[:, 2])
    # The matrix turns from x (right) towards y (down), clockwise as seen; the way back is counter-clockwise.
    rotation = np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return Registration(
        dx_px=round(float(shift[0]), 3),
        dy_px=round(float(shift[1]), 3),
        rotation_deg=round(float(rotation), 4),
        reliability=round(min(max(reliability, 0.0), 1.0), 3),
    )
