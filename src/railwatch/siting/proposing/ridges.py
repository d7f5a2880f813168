"""Lines through a sweep: the paths along which an axis is much likelier than beside them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Doubles, Floats, Integers, Points
from railwatch.services.detector.tracks.across import STEP_M
from railwatch.siting.proposing.sweeps import Sweep

# Beside a track's axis, at these distances in metres, the network is sure that there is none.
BESIDE_M = (1.0, 1.75)
# What a place must have above its sides, in log-odds, to lengthen a path; and the cost of a step to the next column.
LEAST_CONTRAST, STEP_COST = 2.6, 0.4
# What a path must add up to, and how many rows it must have.
LEAST_SUM, LEAST_ROWS = 14.0, 7
# The most that one place adds, so that no path lives of a few.
MOST_CONTRAST = 4.0
# Rows over which odds are averaged before.
SMOOTH_ROWS = 3
_COLUMNS = tuple(round(distance / STEP_M) for distance in BESIDE_M)


@dataclass(frozen=True)
class Ridge:
    """A line on which a track most likely lies.

    Attributes:
        xy_px: (n, 2), pixel coordinates, a vertex every 5 m.
        worth: (n,), what each vertex speaks for it, in log-odds.
    """

    xy_px: Points
    worth: Floats


def ridges(sweep: Sweep) -> Iterator[Ridge]:
    """The lines of a sweep, the surest first."""
    gain = gains(sweep.odds)
    while True:
        rows, columns = _best_path(gain)
        worth = gain[rows, columns]
        if worth.sum() < LEAST_SUM:
            return
        for row, column in zip(rows, columns, strict=True):
            gain[row, max(0, column - _COLUMNS[1]) : column + _COLUMNS[1] + 1] = -np.inf
        if len(rows) >= LEAST_ROWS:
            smooth = ndimage.gaussian_filter1d(columns.astype(np.float64), 1.5, mode="nearest")
            yield Ridge(sweep.at(rows.astype(np.float64), smooth), worth)


def gains(odds: Floats) -> Floats:
    """(rows, columns), by how much each place is likelier than its sides; minus infinity outside the picture."""
    near, far = _COLUMNS
    known = np.isfinite(odds)
    smooth = ndimage.uniform_filter1d(np.where(known, odds, 0), SMOOTH_ROWS, axis=0, mode="nearest")
    gain = np.full(odds.shape, -np.inf, np.float32)
    columns = odds.shape[1]
    if columns <= 2 * far:
        return gain
    inner = slice(far, columns - far)
    left, right = (
        np.mean([smooth[:, far + sign * k : columns - far + sign * k] for k in range(near, far + 1)], axis=0)
        for sign in (-1, 1)
    )
    above = smooth[:, inner] - np.maximum(left, right)
    gain[:, inner] = np.minimum(above - LEAST_CONTRAST, MOST_CONTRAST)
    gain[~known] = -np.inf
    return gain


def _best_path(gain: Floats) -> tuple[Integers, Integers]:
    """Rows and columns of the path with the largest sum (Smith and Waterman, 1981, with one column a row at most)."""
    rows, columns = gain.shape
    total: Doubles = np.zeros((rows, columns))
    came = np.zeros((rows, columns), np.int8)
    before = np.zeros(columns)
    for row in range(rows):
        options = np.full((3, columns), -np.inf)
        options[0, 1:] = before[:-1] - STEP_COST
        options[1] = before
        options[2, :-1] = before[1:] - STEP_COST
        best = options.argmax(axis=0)
        before = np.maximum(options[best, np.arange(columns)], 0) + gain[row]
        before[~(before > 0)] = 0
        total[row], came[row] = before, best - 1
    row, column = divmod(int(total.argmax()), columns)
    path = []
    while row >= 0 and total[row, column] > 0:
        path.append((row, column))
        column += int(came[row, column])
        row -= 1
    found = np.array(path[::-1], dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
