"""The fine grid on which a look is painted: reflectance, height and slope of the ground and of all objects.

Local coordinates are metres, x to the east and y to the south, with the origin at the picture's upper left corner.
The grid reaches beyond the picture by a margin, so that shadows, lean and misregistration bring in real ground.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Array = NDArray[np.floating[Any]]
Points = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Reflectance, 0 to 1, in red, green, blue and near infrared.
Colour = tuple[float, float, float, float]


@dataclass(frozen=True)
class Frame:
    """Size and sampling of the fine grid.

    Attributes:
        size_px: rows and columns of the finished picture.
        gsd_m: ground sample distance of the finished picture.
        supersample: fine cells per picture pixel, along each axis.
        margin_m: width of the painted margin around the picture.
    """

    size_px: tuple[int, int]
    gsd_m: float
    supersample: int
    margin_m: float

    @property
    def step_m(self) -> float:
        """Side of a fine cell."""
        return self.gsd_m / self.supersample

    @property
    def size_m(self) -> tuple[float, float]:
        """Height and width of the picture in metres."""
        return self.size_px[0] * self.gsd_m, self.size_px[1] * self.gsd_m

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the fine grid."""
        rows, cols = (int(np.ceil((side + 2 * self.margin_m) / self.step_m)) for side in self.size_m)
        return rows, cols


@dataclass
class Canvas:
    """The ground and what stands on it at one moment, by fine cell.

    Attributes:
        frame: the grid.
        reflectance: (bands, rows, cols).
        height_m: (rows, cols), above the rail's foot.
        slope: (2, rows, cols), dh/dx and dh/dy of smooth surfaces; walls are not slopes.
    """

    frame: Frame
    reflectance: Array
    height_m: Array
    slope: Array

    @property
    def bands(self) -> int:
        """Number of bands painted."""
        return int(self.reflectance.shape[0])

    def copy(self) -> "Canvas":
        """A copy that can be painted on without changing this one."""
        return Canvas(self.frame, self.reflectance.copy(), self.height_m.copy(), self.slope.copy())


def blank(frame: Frame, bands: int) -> Canvas:
    """An empty canvas: black, flat ground."""
    rows, cols = frame.shape
    return Canvas(
        frame,
        np.zeros((bands, rows, cols), np.float32),
        np.zeros((rows, cols), np.float32),
        np.zeros((2, rows, cols), np.float32),
    )


def window(frame: Frame, points: Points, reach_m: float) -> tuple[slice, slice]:
    """The part of the grid within `reach_m` of the bounding box of `points` ((n, 2), local metres); may be empty."""
    low, high = points.min(axis=0) - reach_m, points.max(axis=0) + reach_m
    rows, cols = frame.shape
    first = np.floor((low + frame.margin_m) / frame.step_m).astype(int)
    last = np.ceil((high + frame.margin_m) / frame.step_m).astype(int)
    return (
        slice(int(np.clip(first[1], 0, rows)), int(np.clip(last[1], 0, rows))),
        slice(int(np.clip(first[0], 0, cols)), int(np.clip(last[0], 0, cols))),
    )


def is_empty(where: tuple[slice, slice]) -> bool:
    """Whether a window is outside the grid."""
    return any(axis.stop <= axis.start for axis in where)


def coordinates(frame: Frame, where: tuple[slice, slice]) -> tuple[Array, Array]:
    """Local x (1, cols) and y (rows, 1) of the cell centres of a window, in metres."""
    x = (np.arange(where[1].start, where[1].stop, dtype=np.float32) + 0.5) * frame.step_m - frame.margin_m
    y = (np.arange(where[0].start, where[0].stop, dtype=np.float32) + 0.5) * frame.step_m - frame.margin_m
    return x[None, :].astype(np.float32), y[:, None].astype(np.float32)


@dataclass(frozen=True)
class Surface:
    """What a painter adds to a window.

    Attributes:
        height_m: (rows, cols), also defined beyond the object's outline, so that its slope has no edge.
        reflectance: (bands, rows, cols).
        cover: (rows, cols), share of the cell that the object fills.
    """

    height_m: Array
    reflectance: Array
    cover: Array


# From along and across coordinates in metres ((rows, cols) each) to a surface.
Painter = Callable[[Array, Array], Surface]

STEEPEST_SMOOTH_SLOPE = 1.5


def stamp(
    canvas: Canvas, centre: tuple[float, float], heading_rad: float, half: tuple[float, float], paint: Painter
) -> None:
    """Paint an object on the canvas, in its own local window.

    Args:
        canvas: painted in place.
        centre: local x, y in metres.
        heading_rad: direction of the object's long axis, from x (east) towards y (south).
        half: half length and half width, metres; nothing outside is painted.
        paint: what the object looks like in its own along/across coordinates.
    """
    frame = canvas.frame
    cos, sin = float(np.cos(heading_rad)), float(np.sin(heading_rad))
    reach = np.array([[abs(half[0] * cos) + abs(half[1] * sin), abs(half[0] * sin) + abs(half[1] * cos)]])
    where = window(frame, np.array([centre]) + np.concatenate([-reach, reach]), frame.step_m)
    if is_empty(where):
        return
    x, y = coordinates(frame, where)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    surface = paint((x * cos + y * sin).astype(np.float32), (y * cos - x * sin).astype(np.float32))
    solid = surface.cover > 0.5
    canvas.reflectance[:, *where] += surface.cover * (surface.reflectance - canvas.reflectance[:, *where])
    height = canvas.height_m[where]
    height[solid] = surface.height_m[solid]
    if min(surface.height_m.shape) > 1:
        slope_y, slope_x = np.gradient(surface.height_m, frame.step_m)
        limit = STEEPEST_SMOOTH_SLOPE
        for slope, here in zip(canvas.slope, (slope_x, slope_y), strict=True):
            np.copyto(slope[where], np.clip(here, -limit, limit), where=solid, casting="same_kind")


def box_cover(along: Array, across: Array, half: tuple[float, float], step_m: float) -> Array:
    """Share of each cell inside a rectangle, from its distance to the edges; an antialiased mask."""
    inside = np.minimum(half[0] - np.abs(along), half[1] - np.abs(across))
    return np.clip(inside / step_m + 0.5, 0, 1).astype(np.float32)


def tint(colour: Colour, bands: int) -> Array:
    """A colour as (bands, 1, 1), to be broadcast over a window."""
    return np.asarray(colour[:bands], np.float32)[:, None, None]


def white_noise(rng: np.random.Generator, shape: tuple[int, ...], smooth_px: float = 0.0) -> Array:
    """Gaussian noise of unit variance, smoothed over `smooth_px` cells."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if smooth_px > 0:
        noise = ndimage.gaussian_filter(noise, smooth_px, mode="wrap")
        noise /= noise.std() + 1e-6
    return noise


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], step_m: float, largest_m: float, beta: float
) -> Array:
    """Noise of unit variance whose power falls as frequency**-beta, flat for features larger than `largest_m`.

    Natural surfaces are close to beta 2 to 3 (Mandelbrot, The Fractal Geometry of Nature, 1982).
    """
    rows, cols = (int(2 ** np.ceil(np.log2(side))) if side <= 64 else -(-side // 32) * 32 for side in shape)
    frequency = np.hypot(np.fft.fftfreq(rows, step_m)[:, None], np.fft.rfftfreq(cols, step_m)[None, :])
    amplitude = (frequency + 1 / largest_m).astype(np.float32) ** np.float32(-beta / 2)
    amplitude[0, 0] = 0
    spectrum: Any = np.empty(amplitude.shape, np.complex64)
    spectrum.real = rng.standard_normal(amplitude.shape, dtype=np.float32)
    spectrum.imag = rng.standard_normal(amplitude.shape, dtype=np.float32)
    noise = fft.irfft2(spectrum * amplitude, s=(rows, cols))[: shape[0], : shape[1]]
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-6), np.float32)


def ramp(values: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) * (1 / (high - low)), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
