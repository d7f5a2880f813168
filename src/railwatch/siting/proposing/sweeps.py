"""The detector's axis network, run over a whole picture: along parallel lines that sweep it, in each likely direction.

The network says at each place across a line how likely a track's axis lies there, if the track runs along the line to
within some 3 degrees. So the sweeps follow the directions in which the picture itself runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.across import STEP_M
from railwatch.services.detector.tracks.axes import KNOT_SAMPLES, OFFSETS_M, axis_scores, by_piece
from railwatch.services.detector.tracks.sessions import Session
from railwatch.services.detector.tracks.strips import SAMPLE_M, lay_out

# Degrees from one direction to the next.
STEP_DEG = 3
# A direction is swept if at least this share of the strongest direction's structure runs along it.
LEAST_SHARE = 0.12
# At most so many directions are swept: each costs as much as a count of 170 km of track for a square kilometre.
MOST_DIRECTIONS = 12
# Scale of the structure that gives the directions: edges over the first, gathered over the second, metres.
EDGE_M, GATHERED_M = 0.5, 2.5
# Metres from one row of a sweep to the next.
KNOT_M = KNOT_SAMPLES * SAMPLE_M
# Columns that one line of a sweep sees. The last offset is the first of the next line.
COLUMNS = len(OFFSETS_M) - 1


@dataclass(frozen=True)
class Sweep:
    """A picture swept in one direction.

    Attributes:
        odds: (rows, columns), log-odds of an axis: rows `KNOT_M` apart along the direction, columns `STEP_M` across it.
            NaN outside the picture.
        first_px: (2,), pixel coordinates of row 0, column 0.
        along_px: (2,), from one row to the next.
        across_px: (2,), from one column to the next.
    """

    odds: Floats
    first_px: Points
    along_px: Points
    across_px: Points

    def at(self, rows: NDArray[np.floating], columns: NDArray[np.floating]) -> Points:
        """(n, 2), pixel coordinates of places in the sweep."""
        return self.first_px + rows[:, None] * self.along_px + columns[:, None] * self.across_px


def directions(picture: Raster) -> list[float]:
    """The directions in which a picture runs, the strongest first: radians from its rows, 0 to pi."""
    grey = ndimage.gaussian_filter(picture.luminance(), EDGE_M / picture.gsd_m)
    down, right = np.gradient(grey)
    edge = ~ndimage.binary_erosion(picture.valid, iterations=3, border_value=1)
    down[edge] = right[edge] = 0
    gathered = GATHERED_M / picture.gsd_m
    xx, yy, xy = (ndimage.gaussian_filter(product, gathered) for product in (right**2, down**2, right * down))
    strength = np.hypot(xx - yy, 2 * xy)
    coherent = (strength / (xx + yy + 1e-9)) ** 2
    normal = 0.5 * np.arctan2(2 * xy, xx - yy)
    degrees = np.degrees(normal + np.pi / 2) % 180
    bins = 180 // STEP_DEG
    runs, _ = np.histogram((degrees + STEP_DEG / 2) % 180, bins, (0, 180), weights=coherent * np.sqrt(strength))
    likely = [int(number) for number in np.argsort(-runs, kind="stable") if runs[number] >= LEAST_SHARE * runs.max()]
    return [float(np.radians(number * STEP_DEG)) for number in likely[:MOST_DIRECTIONS]]


def sweeps(picture: Raster, network: Session) -> Iterator[Sweep]:
    """The picture swept in each of its directions."""
    for direction in directions(picture):
        yield swept(picture, direction, network)


def swept(picture: Raster, direction: float, network: Session) -> Sweep:
    """The picture swept in one direction, radians from its rows."""
    rows, cols = picture.shape
    along = np.array([np.cos(direction), np.sin(direction)])
    right = np.array([-along[1], along[0]])
    corners_m = np.array([[0, 0], [cols - 1, 0], [cols - 1, rows - 1], [0, rows - 1]]) * picture.gsd_m
    starts_m, sides_m = corners_m @ along, corners_m @ right
    lines = int(np.ceil(np.ptp(sides_m) / (COLUMNS * STEP_M)))
    knots = int(np.ceil(np.ptp(starts_m) / KNOT_M)) + 1
    odds = np.full((knots, lines * COLUMNS), np.nan, np.float32)
    spans = [_inside(corners_m @ np.column_stack([along, right]), sides_m.min(), line) for line in range(lines)]
    whole = [(line, *span) for line, span in enumerate(spans) if span]
    begin = starts_m.min()
    drawn = []
    for line, first, last in whole:
        side = sides_m.min() + (line + 0.5) * COLUMNS * STEP_M
        ends = np.array([first * KNOT_M - SAMPLE_M / 2, last * KNOT_M + SAMPLE_M / 2 + 1e-6]) + begin
        drawn.append((ends[:, None] * along + side * right) / picture.gsd_m)
    layout = lay_out(drawn, picture.gsd_m)
    for (line, first, last), found in zip(
        whole, by_piece(axis_scores(layout, picture, None, network), layout), strict=True
    ):
        odds[first : last + 1, line * COLUMNS : (line + 1) * COLUMNS] = found[:, :COLUMNS]
    step = picture.gsd_m
    return Sweep(odds, (begin * along + sides_m.min() * right) / step, along * KNOT_M / step, right * STEP_M / step)


def _inside(corners: Points, first_side: float, line: int) -> tuple[int, int] | None:
    """The first and the last row of one line of a sweep that lie in the picture; null if there are fewer than two.

    Args:
        corners: (4, 2), the picture's corners along and across the direction, metres, in order around it.
        first_side: where the sweep begins, across.
        line: its number.
    """
    side = first_side + (line + 0.5) * COLUMNS * STEP_M
    crossings = []
    for (along, across), (next_along, next_across) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (across - side) * (next_across - side) < 0:
            crossings.append(along + (next_along - along) * (side - across) / (next_across - across))
    if len(crossings) < 2:
        return None
    begin = corners[:, 0].min()
    first = int(np.ceil((min(crossings) - begin) / KNOT_M))
    last = int(np.floor((max(crossings) - begin) / KNOT_M))
    return (first, last) if last > first else None
