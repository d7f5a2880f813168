"""Objects in and beside a yard that are not cars: buildings, trees, lorries, containers, gantries, masts, bridges."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from railwatch.render import palette
from railwatch.render.canvas import (
    Array,
    Canvas,
    Colour,
    Frame,
    Surface,
    box_cover,
    coordinates,
    is_empty,
    ramp,
    stamp,
    tint,
    white_noise,
    window,
)
from railwatch.render.light import towards
from railwatch.shared.counts import Sun


class Kind(StrEnum):
    """The kinds of structure."""

    BUILDING = "building"
    TREE = "tree"
    LORRY = "lorry"
    CONTAINER = "container"
    PILE = "pile"
    PLATFORM = "platform"


@dataclass(frozen=True)
class Structure:
    """An object on the ground: place, heading, size, and a seed for the details of its appearance."""

    kind: Kind
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    width_m: float
    height_m: float
    colour: Colour
    seed: int


@dataclass(frozen=True)
class Overhead:
    """A thin object in the air, with light below it: a gantry's beam, a footbridge, a mast (from foot to top).

    Attributes:
        start_m: one end: x, y and height, metres.
        end_m: the other end.
        width_m: how wide.
        colour: its reflectance.
        opacity: 1 for solid, less for a lattice.
    """

    start_m: tuple[float, float, float]
    end_m: tuple[float, float, float]
    width_m: float
    colour: Colour
    opacity: float = 1.0


def paint_structure(canvas: Canvas, structure: Structure, greenness: float, snow: float) -> None:
    """Paint one structure onto the canvas."""
    half = structure.length_m / 2, structure.width_m / 2
    colour = structure.colour
    if structure.kind is Kind.TREE:
        colour = palette.blend(palette.BARE_BRANCHES, colour, greenness)
    elif snow > 0:
        colour = palette.blend(colour, palette.SNOW, snow)

    def painter(along: Array, across: Array) -> Surface:
        rng = np.random.default_rng(structure.seed)
        height, texture, cover = FORMS[structure.kind](structure, along, across, canvas.frame.step_m, rng)
        return Surface(height, np.clip(tint(colour, canvas.bands) * texture, 0.01, 0.95), cover)

    stamp(canvas, (structure.x_m, structure.y_m), structure.heading_rad, half, painter)


# Height, texture (a factor on the colour) and cover.
Form = tuple[Array, Array, Array]


def _building(structure: Structure, along: Array, across: Array, step_m: float, rng: np.random.Generator) -> Form:
    half = structure.length_m / 2, structure.width_m / 2
    pitch = float(rng.choice([0.0, 0.15, 0.45]))
    height = structure.height_m + pitch * (half[1] - np.abs(across))
    texture = 1 + 0.05 * white_noise(rng, along.shape, 0.6 / step_m)
    texture = texture * (1 + 0.06 * np.sin(along / float(rng.uniform(0.8, 3)) * 2 * np.pi))
    for _ in range(int(rng.integers(0, 5))):
        light = box_cover(along - np.float32(rng.uniform(-1, 1) * half[0]), across, (1.2, 0.5), step_m)
        texture = texture * (1 + float(rng.uniform(-0.4, 0.6)) * light)
    return height.astype(np.float32), texture, box_cover(along, across, half, step_m)


def _tree(structure: Structure, along: Array, across: Array, step_m: float, rng: np.random.Generator) -> Form:
    lumps = white_noise(rng, along.shape, 0.5 / step_m)
    radius = np.hypot(along / (structure.length_m / 2), across / (structure.width_m / 2)) + 0.13 * lumps
    height = structure.height_m * (0.6 + 0.4 * np.sqrt(np.clip(1 - radius**2, 0, 1))) + 0.15 * lumps
    texture = 1 + 0.25 * white_noise(rng, along.shape, 0.25 / step_m)
    return height.astype(np.float32), np.clip(texture, 0.3, 2), np.clip((0.95 - radius) * 6, 0, 1).astype(np.float32)


def _block(structure: Structure, along: Array, across: Array, step_m: float, rng: np.random.Generator) -> Form:
    half = structure.length_m / 2, structure.width_m / 2
    height = np.full(along.shape, structure.height_m, np.float32)
    texture = 1 + 0.06 * white_noise(rng, along.shape, 0.3 / step_m)
    if structure.kind is Kind.LORRY:
        cab = along > half[0] - 2.2
        height = np.where(cab, structure.height_m * 0.8, height)
        texture = np.where(cab, texture * float(rng.uniform(0.5, 1.8)), texture)
    return height.astype(np.float32), texture, box_cover(along, across, half, step_m)


def _pile(structure: Structure, along: Array, across: Array, step_m: float, rng: np.random.Generator) -> Form:
    lumps = white_noise(rng, along.shape, 0.4 / step_m)
    radius = np.hypot(along / (structure.length_m / 2), across / (structure.width_m / 2)) + 0.08 * lumps
    height = structure.height_m * np.clip(1 - radius, 0, 1) + 0.08 * lumps
    return height.astype(np.float32), 1 + 0.12 * lumps, np.clip((0.97 - radius) * 5, 0, 1).astype(np.float32)


# How each kind is built.
FORMS: dict[Kind, Callable[[Structure, Array, Array, float, np.random.Generator], Form]] = {
    Kind.BUILDING: _building,
    Kind.TREE: _tree,
    Kind.LORRY: _block,
    Kind.CONTAINER: _block,
    Kind.PILE: _pile,
    Kind.PLATFORM: _block,
}


def shade_under(overheads: tuple[Overhead, ...], canvas: Canvas, lit: Array, sun: Sun, convergence_deg: float) -> None:
    """Subtract from `lit` (rows, cols) the thin shadows of objects in the air. They fall on roofs, too."""
    x, y = towards(sun.azimuth_deg, convergence_deg)
    per_metre = 1 / float(np.tan(np.radians(max(sun.elevation_deg, 4.0))))
    for overhead in overheads:
        where, share, off = _along_line(canvas.frame, overhead, (-x * per_metre, -y * per_metre), canvas.height_m)
        if where is not None:
            lit[where] *= 1 - overhead.opacity * _width_cover(off, overhead.width_m, canvas.frame.step_m) * share


def draw_over(
    overheads: tuple[Overhead, ...], frame: Frame, radiance: Array, lean_xy: tuple[float, float], light: float
) -> None:
    """Draw objects in the air onto a finished view, displaced by the view's lean (metres per metre of height)."""
    for overhead in overheads:
        where, share, off = _along_line(frame, overhead, lean_xy, None)
        if where is None:
            continue
        cover = overhead.opacity * _width_cover(off, overhead.width_m, frame.step_m) * share
        colour = tint(overhead.colour, radiance.shape[0]) * light
        radiance[:, *where] += cover * (colour - radiance[:, *where])


def _along_line(
    frame: Frame, overhead: Overhead, per_metre: tuple[float, float], receiver_m: Array | None
) -> tuple[tuple[slice, slice] | None, Array, Array]:
    """For a displaced line: its window, whether a cell is between its ends, and the cell's distance from it."""
    move = np.array(per_metre)
    start, end = (np.array(point[:2]) + move * point[2] for point in (overhead.start_m, overhead.end_m))
    back = float(np.hypot(*move)) * (0.0 if receiver_m is None else 5.0)
    where = window(frame, np.array([start, end]), overhead.width_m + frame.step_m + back)
    nothing = np.zeros((0, 0), np.float32)
    if is_empty(where):
        return None, nothing, nothing
    x, y = coordinates(frame, where)
    if receiver_m is not None:
        x = x + np.float32(move[0]) * np.minimum(receiver_m[where], 5.0)
        y = y + np.float32(move[1]) * np.minimum(receiver_m[where], 5.0)
    axis = end - start
    share = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / max(float(axis @ axis), 1e-6)
    off = np.hypot(x - start[0] - share * axis[0], y - start[1] - share * axis[1])
    return where, ((share >= 0) & (share <= 1)).astype(np.float32), off.astype(np.float32)


def _width_cover(off: Array, width_m: float, step_m: float) -> Array:
    overlap = np.minimum(off + step_m / 2, width_m / 2) - np.maximum(off - step_m / 2, -width_m / 2)
    return np.asarray(ramp(np.clip(overlap / step_m, 0, 1), 0, 1), np.float32)
