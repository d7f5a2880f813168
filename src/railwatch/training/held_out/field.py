"""The world as a field of heights and colours, painted by scattering points of objects into its cells.

Local metres: x to the east, y to the south, the origin at the picture's upper left corner. Level 0 is the formation,
the ground that the tracks lie on.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = tuple[float, float, float]

# Points so dense, in cells, leave no cell empty however a patch is turned.
DENSITY = 0.7


class Material(IntEnum):
    """What the seasons treat alike."""

    BARE = 0
    GRASS = 1
    TREE = 2
    BED = 3
    HARD = 4
    ROOF = 5
    CAR = 6
    WATER = 7
    RAIL = 8


@dataclass
class Field:
    """What is there at one moment.

    Attributes:
        step_m: side of a cell.
        margin_m: what is painted beyond each edge of the picture.
        ground: (rows, cols), level of the ground, metres.
        height: (rows, cols), level of whatever is uppermost.
        colour: (3, rows, cols), reflectance in red, green and blue.
        material: (rows, cols), a `Material`.
        owner: (rows, cols), number of the car that is uppermost, 0 for none.
    """

    step_m: float
    margin_m: float
    ground: Floats
    height: Floats
    colour: Floats
    material: NDArray[np.uint8]
    owner: NDArray[np.int16]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height.shape[0], self.height.shape[1]

    def copy(self) -> "Field":
        """One that can be painted on without changing this one. The ground is shared."""
        return Field(
            self.step_m,
            self.margin_m,
            self.ground,
            self.height.copy(),
            self.colour.copy(),
            self.material.copy(),
            self.owner.copy(),
        )

    def cells(self, points: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the cells that points (n, 2) lie in, or of those nearest to them."""
        at = np.floor((points + self.margin_m) / self.step_m).astype(np.int64).clip(0, self.shape[0] - 1)
        return at[:, 1], at[:, 0]

    def put(
        self,
        xy: Points,
        *,
        height: NDArray[np.floating[Any]] | float | None = None,
        colour: Floats | None = None,
        material: Material | None = None,
        owner: int | None = None,
        opacity: NDArray[np.floating[Any]] | float = 1.0,
        keep: NDArray[np.bool_] | None = None,
    ) -> None:
        """Scatter points of an object: the last point in a cell is what is there.

        Args:
            xy: (rows, cols, 2), where its points lie.
            height: above the ground, (rows, cols).
            colour: (3, rows, cols).
            material: of all points.
            owner: number of the car; 0 hides whatever car is below.
            opacity: how far the colour replaces what was there.
            keep: (rows, cols), which points belong to the object.
        """
        cells = np.floor((xy + self.margin_m) / self.step_m).astype(np.int64)
        rows, cols = self.shape
        inside = (cells[..., 0] >= 0) & (cells[..., 0] < cols) & (cells[..., 1] >= 0) & (cells[..., 1] < rows)
        if keep is not None:
            inside &= keep
        if not inside.any():
            return
        at = cells[..., 1][inside] * cols + cells[..., 0][inside]
        if height is not None:
            level = np.broadcast_to(np.asarray(height, np.float32), inside.shape)[inside]
            self.height.reshape(-1)[at] = self.ground.reshape(-1)[at] + level
        if colour is not None:
            share = np.broadcast_to(np.asarray(opacity, np.float32), inside.shape)[inside]
            for band, values in zip(self.colour.reshape(3, -1), colour, strict=True):
                new = np.broadcast_to(values, inside.shape)[inside]
                band[at] += share * (new - band[at])
        if material is not None:
            self.material.reshape(-1)[at] = material
        if owner is not None:
            self.owner.reshape(-1)[at] = owner

    def draw(self, line: Points, width_m: float, colour: Colour, height_m: float | None = None) -> None:
        """Draw a line thinner than a cell: each cell takes as much colour as the line covers of it."""
        dense = along_line(line, self.step_m / 2)
        at = (dense + self.margin_m) / self.step_m - 0.5
        first = np.floor(at).astype(np.int64)
        part = at - first
        rows, cols = self.shape
        covered = np.zeros(rows * cols)
        low, high = first.min(axis=0), first.max(axis=0) + 2
        for right in (0, 1):
            for down in (0, 1):
                x, y = first[:, 0] + right, first[:, 1] + down
                weight = np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1])
                inside = (x >= 0) & (x < cols) & (y >= 0) & (y < rows)
                np.add.at(covered, (y * cols + x)[inside], weight[inside] * width_m / (2 * self.step_m))
        window = np.s_[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
        share = np.clip(covered.reshape(rows, cols)[window], 0, 1).astype(np.float32)
        for band, tone in zip(self.colour, colour, strict=True):
            band[window] += share * (np.float32(tone) - band[window])
        if height_m is not None:
            touched = share > 0.25
            self.height[window][touched] = self.ground[window][touched] + height_m


def blank(size_m: float, step_m: float, margin_m: float) -> Field:
    """A flat, black field for a square picture of this size."""
    side = int(np.ceil((size_m + 2 * margin_m) / step_m))
    zeros = np.zeros((side, side), np.float32)
    colour = np.zeros((3, side, side), np.float32)
    return Field(
        step_m,
        margin_m,
        zeros,
        zeros.copy(),
        colour,
        np.zeros((side, side), np.uint8),
        np.zeros((side, side), np.int16),
    )


def positions(field: Field) -> tuple[Floats, Floats]:
    """Local x (1, cols) and y (rows, 1) of the cells' centres."""
    rows, cols = field.shape
    x = (np.arange(cols, dtype=np.float32) + np.float32(0.5)) * field.step_m - field.margin_m
    y = (np.arange(rows, dtype=np.float32) + np.float32(0.5)) * field.step_m - field.margin_m
    return x[None].astype(np.float32), y[:, None].astype(np.float32)


def patch(
    centre: Points, heading: float, half_length: float, half_width: float, step_m: float
) -> tuple[Floats, Floats, Points]:
    """Points of a turned rectangle: along (n, m), across (n, m), and where they lie (n, m, 2)."""
    spacing = DENSITY * step_m
    u, v = np.meshgrid(
        np.linspace(-half_length, half_length, max(2, int(2 * half_length / spacing) + 2)),
        np.linspace(-half_width, half_width, max(2, int(2 * half_width / spacing) + 2)),
        indexing="ij",
    )
    cos, sin = np.cos(heading), np.sin(heading)
    xy = np.stack([centre[0] + u * cos - v * sin, centre[1] + u * sin + v * cos], axis=-1)
    return u.astype(np.float32), v.astype(np.float32), xy


def ribbon(line: Points, low_m: float, high_m: float, step_m: float) -> tuple[Floats, Floats, Points]:
    """Points of a band beside a line: distance along (n, m), to its right (n, m), and where they lie (n, m, 2)."""
    spacing = DENSITY * step_m
    dense = along_line(line, spacing)
    right = normals(dense)
    across = np.linspace(low_m, high_m, max(2, int((high_m - low_m) / spacing) + 2))
    s, d = np.meshgrid(distances(dense), across, indexing="ij")
    return s.astype(np.float32), d.astype(np.float32), dense[:, None] + right[:, None] * across[None, :, None]


def distances(line: Points) -> Points:
    """Distance along a line (n, 2) at each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def along_line(line: Points, spacing_m: float) -> Points:
    """The same line with points so far apart."""
    length = float(distances(line)[-1])
    return point_at(line, np.linspace(0, length, max(2, int(length / spacing_m) + 1)))


def point_at(line: Points, along_m: Points) -> Points:
    """Points (n, 2) of a line at distances along it."""
    at = distances(line)
    return np.column_stack([np.interp(along_m, at, line[:, 0]), np.interp(along_m, at, line[:, 1])])


def normals(line: Points) -> Points:
    """Unit vectors (n, 2) to the right of a line, as seen on the picture."""
    forward = np.gradient(line, axis=0)
    return np.asarray(np.column_stack([-forward[:, 1], forward[:, 0]]) / np.hypot(*forward.T)[:, None])
