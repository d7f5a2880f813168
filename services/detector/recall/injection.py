"""Painting known railcars into a real tile, for the detector to find.

The cars are bodies of real dimensions with a relief: the sun lights roof and slopes, and throws shadow on the ground,
into open wagons and into the gaps between them. Everything else is taken from the tile: brightness from the ballast
under the cars, the darkness of shadows from the deepest shade, and blur and noise. The view is assumed to be vertical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import ndimage
from scipy.special import erfinv

from railwatch.services.detector.imagery.arrays import Floats, Mask, Points
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.services.detector.imagery.structure import block_mean
from railwatch.services.detector.recall.bodies import BALLAST_REFLECTANCE, RELIEFS, Body

# The relief is painted on a grid of about this size, in metres.
FINE_M = 0.15
# Light of a clear sky as a share of all light on flat ground, with the sun at 30 to 60 degrees (Iqbal, An Introduction
# to Solar Radiation, 1983).
SKY_SHARE = 0.2
# Share of the sky lost for each metre by which the blurred relief rises above the ground, and the reach of the blur in
# metres. At the foot of a wall as high as a car, half of the sky is lost.
SKY_LOST_PER_M = 0.25
SKY_REACH_M = 1.8
# Shadows are followed so far, in metres.
LONGEST_SHADOW_M = 12.0
# Size of a coupler, in metres.
COUPLER_HALF_WIDTH_M, COUPLER_HEIGHT_M = 0.2, 0.95
# Limits of the blur of sensors and their processing, in pixels. The pixel's own extent alone is 0.29.
SHARPEST_PX, BLURREDEST_PX = 0.35, 1.5
# Noise is measured where the picture is smoothest: at this quantile of its roughness.
NOISE_QUANTILE = 0.1


@dataclass(frozen=True)
class Setting:
    """How a tile shows objects.

    Attributes:
        shadow_m: (2,), shadow (x, y) of a point one metre high, in metres on the picture's axes; None without sun.
        blur_px: standard deviation of its point image, including the pixel's own extent.
        dark: (bands,), its deepest shade.
        noise: (bands,), standard deviation of its noise.
    """

    shadow_m: Points | None
    blur_px: float
    dark: Floats
    noise: Floats


def setting_of(tile: Raster, shadow_m: Points | None) -> Setting:
    """Blur, shade and noise as the tile itself shows them.

    Blur: the neighbours of a pixel on a step that a Gaussian blurred differ by the share erf(1 / sqrt(2) sigma) of the
    step's height. The steepest edges are measured. Noise: after Immerkaer (Computer Vision and Image Understanding 64,
    1996), where the picture is smoothest, because ballast is rough.
    """
    light = tile.luminance()
    inner = ndimage.binary_erosion(tile.valid, iterations=4)
    if not inner.any():
        return Setting(shadow_m, SHARPEST_PX, *np.zeros((2, len(tile.pixels)), np.float32))
    slope = np.hypot(ndimage.sobel(light, 0), ndimage.sobel(light, 1)) / 8
    steep = inner & (slope >= np.quantile(slope[inner], 0.999))
    height = (ndimage.maximum_filter(light, 7) - ndimage.minimum_filter(light, 7))[steep]
    share = np.quantile(2 * slope[steep] / np.maximum(height, 1e-6), 0.9)
    blur_px = 1 / (np.sqrt(2) * erfinv(np.clip(share, 0.01, 0.99)))
    dark = np.quantile(tile.pixels[:, tile.valid], 0.001, axis=1).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    rough = [np.abs(ndimage.convolve(band, kernel)) for band in tile.pixels]
    local = [ndimage.uniform_filter(band, 15)[inner] * np.sqrt(np.pi / 2) for band in rough]
    noise = np.array([np.quantile(band, NOISE_QUANTILE) for band in local], np.float32)
    return Setting(shadow_m, float(np.clip(blur_px, SHARPEST_PX, BLURREDEST_PX)), dark, noise)


def paint(
    tile: Raster,
    cuts: Sequence[Sequence[Body]],
    setting: Setting,
    standing: Mask,
    rng: np.random.Generator,
    *,
    in_place: bool = False,
) -> Raster:
    """The tile with cuts of coupled cars standing in it.

    Args:
        tile: the tile.
        cuts: the cars of each cut, neighbours next to each other.
        setting: how the tile shows objects.
        standing: (rows, cols), where real cars stand. They are as high as the painted ones, and not in their shadow.
        rng: of the noise.
        in_place: whether the tile's own pixels may be changed.
    """
    pixels = np.asarray(tile.pixels) if in_place else np.array(tile.pixels)
    for cut in cuts:
        _paint_cut(pixels, tile, cut, setting, standing, rng)
    np.copyto(pixels, 0, where=~tile.valid)
    return replace(tile, pixels=pixels)


@dataclass(frozen=True)
class _Grid:
    """A fine grid over a window of a tile: metres from the tile's corner, of its columns and of its rows."""

    x_m: Points
    y_m: Points
    gsd_m: float

    def relative_to(self, body: Body) -> tuple[Floats, Floats]:
        """Metres along and across a body, of each point of the grid."""
        middle = (body.centre_px + 0.5) * self.gsd_m
        dx, dy = self.x_m[None, :] - middle[0], self.y_m[:, None] - middle[1]
        along = dx * body.forward[0] + dy * body.forward[1]
        across = dy * body.forward[0] - dx * body.forward[1]
        return along.astype(np.float32), across.astype(np.float32)


def _paint_cut(
    pixels: Floats, tile: Raster, cut: Sequence[Body], setting: Setting, standing: Mask, rng: np.random.Generator
) -> None:
    """Paints one cut into `pixels`."""
    rows, cols = _window(tile, cut, setting)
    scale = max(1, int(np.ceil(tile.gsd_m / FINE_M)))
    step_m = tile.gsd_m / scale
    y, x = ((np.arange(span.start * scale, span.stop * scale) + 0.5) * step_m for span in (rows, cols))
    height, cover, ratio = _relief(cut, _Grid(np.asarray(x), np.asarray(y), tile.gsd_m))
    light = _light(height, setting.shadow_m, step_m)
    tones = ratio if len(pixels) == 3 else luminance(ratio)[None]
    blur_px = np.sqrt(max(setting.blur_px**2 - 1 / 12, 0.01))
    covered = _blurred(block_mean(cover[None], scale), blur_px)
    ground = np.where(
        standing[rows, cols], 1 - covered, _blurred(block_mean(((1 - cover) * light)[None], scale), blur_px)
    )
    bodies = _blurred(block_mean(cover * tones * light, scale), blur_px)
    part = pixels[:, rows, cols]
    dark = setting.dark[:, None, None]
    bright = _sunlit_bed(part, covered[0], tile.valid[rows, cols])[:, None, None] - dark
    noise = rng.normal(size=part.shape).astype(np.float32) * setting.noise[:, None, None] * covered
    pixels[:, rows, cols] = np.clip(dark + (part - dark) * ground + bright * bodies + noise, 0, 1)


def _window(tile: Raster, cut: Sequence[Body], setting: Setting) -> tuple[slice, slice]:
    """The rows and columns that a cut and its shadow touch."""
    half = np.array([body.forward * body.car.length_m / 2 / tile.gsd_m for body in cut])
    middles = np.array([body.centre_px for body in cut])
    cast = np.zeros(2) if setting.shadow_m is None else setting.shadow_m * max(body.car.height_m for body in cut)
    cast *= min(1.0, LONGEST_SHADOW_M / max(float(np.hypot(*cast)), 1e-6))
    ends = np.concatenate([middles - half, middles + half])
    points = np.concatenate([ends, ends + cast / tile.gsd_m])
    margin = 3.0 / tile.gsd_m + 3 * setting.blur_px
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, tile.shape[::-1]).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 0, tile.shape[::-1]).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _relief(cut: Sequence[Body], grid: _Grid) -> tuple[Floats, Floats, Floats]:
    """Height (rows, cols) in metres, where bodies stand (rows, cols), and their brightness over ballast's (3, ...).

    Couplings throw shadow, but are as bright as the ground below.
    """
    shape = len(grid.y_m), len(grid.x_m)
    height, cover, ratio = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros((3, *shape), np.float32)
    for one, other in pairwise(cut):
        apart_m = float(np.hypot(*(other.centre_px - one.centre_px))) * grid.gsd_m
        coupling = replace(one, centre_px=(one.centre_px + other.centre_px) / 2)
        along, across = grid.relative_to(coupling)
        height[(np.abs(along) < apart_m / 2) & (np.abs(across) < COUPLER_HALF_WIDTH_M)] = COUPLER_HEIGHT_M
    for body in cut:
        along, across = grid.relative_to(body)
        inside = (np.abs(along) < body.car.length_m / 2) & (np.abs(across) < body.car.width_m / 2)
        height[inside], share = RELIEFS[body.car.kind](body.car, along[inside], across[inside])
        cover[inside] = 1
        paint, load = (
            np.array(part, np.float32)[:, None] / BALLAST_REFLECTANCE for part in (body.car.paint, body.car.load)
        )
        ratio[:, inside] = paint + (load - paint) * share
    return height, cover, ratio


def _light(height: Floats, shadow_m: Points | None, step_m: float) -> Floats:
    """Light on each point of a relief, 1 on open flat ground: that of the sky, and that of the sun outside shadow."""
    around = ndimage.gaussian_filter(height, SKY_REACH_M / step_m, mode="nearest")
    sky = np.clip(1 - SKY_LOST_PER_M * np.clip(around - height, 0, None), 0.25, 1)
    if shadow_m is None:
        return np.asarray(sky, dtype=np.float32)
    length = float(np.hypot(*shadow_m))
    direction = shadow_m / length
    fall_m = step_m / length
    lit = np.ones_like(height)
    reach = min(float(height.max()) * length, LONGEST_SHADOW_M)
    for number in range(1, int(reach / step_m) + 1):
        moved = ndimage.shift(height, np.rint(direction[::-1] * number), order=0, prefilter=False)
        lit = np.minimum(lit, np.clip(1 - (moved - number * fall_m - height) / 0.2, 0, 1))
    slope_y, slope_x = np.gradient(height, step_m)
    gentle = np.hypot(slope_x, slope_y) < 1.5
    rise = np.where(gentle, slope_x * direction[0] + slope_y * direction[1], 0) * length
    # Ground that rises in the direction of the shadow faces the sun.
    facing = np.clip(1 + rise, 0, 2.5) / np.sqrt(1 + np.where(gentle, slope_x**2 + slope_y**2, 0))
    return np.asarray(SKY_SHARE * sky + (1 - SKY_SHARE) * lit * facing, dtype=np.float32)


def _blurred(layers: Floats, blur_px: float) -> Floats:
    """Layers (n, rows, cols), each blurred by itself."""
    return np.asarray(ndimage.gaussian_filter(layers, (0, blur_px, blur_px), mode="nearest"))


def _sunlit_bed(part: Floats, covered: Floats, valid: Mask) -> Floats:
    """(bands,), brightness of the sunlit bed below the bodies: the upper quartile, as some of it may be in shadow."""
    below = valid & (covered > 0.5)
    if not below.any():
        return np.zeros(len(part), np.float32)
    return np.asarray(np.quantile(part[:, below], 0.75, axis=1), dtype=np.float32)
