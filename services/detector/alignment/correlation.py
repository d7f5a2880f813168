"""Correlation of two pictures patch by patch, and the motion under which all patches agree.

Both pictures become fields of edge orientation: the gradient as a complex number. Its angle is doubled, so that an edge
still agrees with itself after its contrast was reversed by snow or low sun. Its magnitude is normalised, so that haze
and gain do not matter (orientation correlation: Fitch et al., BMVC 2002). Patches of the two fields are correlated in
the Fourier domain, partly whitened (phase correlation: Kuglin and Hines, 1975). This gives each patch a surface: how
well it agrees under each displacement.

A motion is four numbers (right, down, turn, growth): the displacement at the picture's centre in pixels, the rotation
in radians from x towards y, and the relative change of scale. To first order it is linear in each, as Newton's method
needs it. `registration` makes a similarity transform of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from railwatch.services.detector.imagery.arrays import Doubles, Floats, Points
from railwatch.services.detector.imagery.quantiles import median

# Largest number of patches along a side of the picture, and the side of a patch in pixels. Together they bound the
# work, whatever the size of the picture.
MAX_PATCHES = 5
PATCH_PX = 160
MIN_PATCH_PX = 64
# Steps of Newton's method, and the change in pixels at which it stops.
MAX_STEPS = 8
SMALL_PX = 1e-3

Field = NDArray[np.complex64]


@dataclass(frozen=True)
class Surfaces:
    """How well each patch agrees under each displacement.

    Attributes:
        values: (patches, 2 reach + 1, 2 reach + 1), by displacement down and right from -reach to reach.
        centres: (patches, 2), the patches' centres (x, y) from the picture's centre.
        reach: the largest displacement, pixels.
    """

    values: Floats
    centres: Points
    reach: int


@dataclass(frozen=True)
class Peak:
    """The best motion of a search.

    Attributes:
        motion: (4,), right, down, turn, growth.
        sigma: its height above the median of all shifts, in robust standard deviations of them.
        prominence: 0 where another shift agrees as well, towards 1 where none comes near.
    """

    motion: Doubles
    sigma: float
    prominence: float


class Patches:
    """The fields of one picture's patches, in the Fourier domain."""

    def __init__(self, shape: tuple[int, int], cut: Callable[[tuple[slice, slice]], tuple[Floats, Floats]]) -> None:
        """Cuts patches on an even grid.

        Args:
            shape: rows and columns of the picture.
            cut: gives the image and its per-pixel weight at rows and columns.
        """
        side = min(PATCH_PX, max(MIN_PATCH_PX, min(shape) // 2), *shape)
        taper = np.hanning(side + 2)[1:-1].astype(np.float32)
        window = taper[:, None] * taper
        corners = [(y, x) for y in _starts(shape[0], side) for x in _starts(shape[1], side)]
        self.shape = shape
        self.side = side
        self.spectra = np.empty((len(corners), side, side), dtype=np.complex64)
        for spectrum, (y, x) in zip(self.spectra, corners, strict=True):
            image, weight = cut(np.s_[y : y + side, x : x + side])
            spectrum[:] = scipy.fft.fft2(orientation(image) * (window * weight), overwrite_x=True)
        middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
        self.centres = np.array([(x, y) for y, x in corners]) + (side - 1) / 2 - middle


def correlate(tile: Patches, baseline: Patches, reach: int) -> Surfaces:
    """Correlates the patches. A displacement d means that the tile at x agrees with the baseline at x + d.

    `skimage.registration.phase_cross_correlation` gives only the highest point of one patch, not the surface that all
    patches together need, and it whitens fully.
    """
    reach = min(reach, tile.side // 2 - 1)
    inside = np.arange(-reach, reach + 1)
    values = np.empty((len(tile.centres), len(inside), len(inside)), dtype=np.float32)
    for value, a, b in zip(values, tile.spectra, baseline.spectra, strict=True):
        cross = np.conj(a) * b
        power = cross.real**2 + cross.imag**2
        # The fourth root of the power lies half way between plain correlation, with its broad peaks, and phase
        # correlation, whose peaks are sharp and sharply disturbed by noise.
        cross /= np.sqrt(np.sqrt(power + (1e-6 * power.mean() + 1e-30)))
        value[:] = scipy.fft.ifft2(cross, overwrite_x=True).real[np.ix_(inside, inside)]
    return Surfaces(values, tile.centres, reach)


def search(surfaces: Surfaces, max_shift_px: int, max_turn: float, rival_px: float) -> Peak:
    """The shift and turn under which the patches agree best, to the nearest pixel.

    The surfaces are summed under each hypothesis. A pattern that repeats deceives single patches, but under the wrong
    hypothesis it disagrees with everything else. A rival is the best hypothesis more than `rival_px` from the peak.
    """
    reach = surfaces.reach
    shift = min(max_shift_px, reach)
    step = 1 / max(float(np.abs(surfaces.centres).max()), 1.0)
    turns = np.arange(-np.floor(max_turn / step), np.floor(max_turn / step) + 1) * step
    agreement = np.zeros((len(turns), 2 * shift + 1, 2 * shift + 1), dtype=np.float32)
    for total, turn in zip(agreement, turns, strict=True):
        offsets = np.round(np.column_stack([-turn * surfaces.centres[:, 1], turn * surfaces.centres[:, 0]]))
        for surface, (right, down) in zip(surfaces.values, offsets.astype(int), strict=True):
            top, left = reach - shift + down, reach - shift + right
            if min(top, left) >= 0 and max(top, left) + 2 * shift <= 2 * reach:
                total += surface[top : top + 2 * shift + 1, left : left + 2 * shift + 1]
    best = np.unravel_index(int(agreement.argmax()), agreement.shape)
    by_shift = agreement.max(axis=0)
    middle = float(median(by_shift.ravel()))
    sigma = 1.4826 * float(median(np.abs(by_shift - middle).ravel())) + 1e-12
    down, right = int(best[1]) - shift, int(best[2]) - shift
    y, x = np.ogrid[-shift : shift + 1, -shift : shift + 1]
    height = float(agreement[best]) - middle
    rival = float(by_shift[np.hypot(y - down, x - right) > rival_px].max()) - middle
    return Peak(np.array([right, down, turns[best[0]], 0.0]), height / sigma, 1 - rival / max(height, 1e-12))


def refine(surfaces: Surfaces, motion: Doubles) -> Doubles:
    """Newton's method on the sum of the surfaces: sub-pixel shift, turn and growth near the given motion.

    Each surface is taken as a paraboloid around the displacement that the motion predicts for its patch. So a patch
    that shows only parallel rails votes across them and not along them.
    """
    design = jacobian(surfaces.centres)
    patch = np.arange(len(surfaces.centres))
    for _ in range(MAX_STEPS):
        displacement = design @ motion
        nearest = np.clip(np.round(displacement).astype(int), 1 - surfaces.reach, surfaces.reach - 1)
        x, y = (nearest + surfaces.reach).T
        at = {(i, j): surfaces.values[patch, y + j, x + i] for i in (-1, 0, 1) for j in (-1, 0, 1)}
        slope = np.stack([at[1, 0] - at[-1, 0], at[0, 1] - at[0, -1]], axis=-1) / 2
        twist = (at[1, 1] - at[1, -1] - at[-1, 1] + at[-1, -1]) / 4
        bend_x, bend_y = at[1, 0] - 2 * at[0, 0] + at[-1, 0], at[0, 1] - 2 * at[0, 0] + at[0, -1]
        bend = _downward(np.stack([np.stack([bend_x, twist], -1), np.stack([twist, bend_y], -1)], -2))
        slope = slope + np.einsum("nij,nj->ni", bend, displacement - nearest)
        curvature = np.einsum("nik,nij,njl->kl", design, bend, design)
        step = -np.linalg.lstsq(curvature, np.einsum("nik,ni->k", design, slope), rcond=1e-9)[0]
        largest = float(np.abs(design @ step).max())
        motion = motion + step / max(largest, 1.0)
        if largest < SMALL_PX:
            break
    return motion


def jacobian(points: Points) -> Doubles:
    """(n, 2, 4): how the displacement at points (n, 2) from the picture's centre follows from a motion."""
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, zero, -y, x], -1), np.stack([zero, one, x, y], -1)], -2)


def orientation(image: Floats) -> Field:
    """Edges of an image (rows, cols) as complex numbers of magnitude 0 to 1, at twice their angle."""
    right, down = _gradient(image)
    energy = right**2 + down**2
    scale = 1 / (energy + median(energy[::4, ::4].ravel()) + np.float32(1e-12))
    field = np.empty(image.shape, dtype=np.complex64)
    field.real = (right**2 - down**2) * scale
    field.imag = 2 * right * down * scale
    field -= field.mean()
    return field


def _starts(length: int, side: int) -> NDArray[np.int_]:
    count = min(MAX_PATCHES, -(-length // side))
    return np.round(np.linspace(0, length - side, count)).astype(int)


def _gradient(image: Floats) -> tuple[Floats, Floats]:
    """Sobel's gradient right and down, zero at the border; 0.04 ms a patch, `skimage.filters.sobel_v` and `_h` 0.25."""
    right, down = np.zeros_like(image), np.zeros_like(image)
    rows = image[:-2] + 2 * image[1:-1] + image[2:]
    cols = image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]
    right[1:-1, 1:-1] = rows[:, 2:] - rows[:, :-2]
    down[1:-1, 1:-1] = cols[2:] - cols[:-2]
    return right, down


def _downward(hessians: NDArray[np.floating]) -> Doubles:
    """The nearest paraboloids that open downward only, so that each patch pulls towards a maximum."""
    values, vectors = np.linalg.eigh(hessians.astype(np.float64))
    return np.asarray(np.einsum("nij,nj,nkj->nik", vectors, np.minimum(values, 0), vectors))
