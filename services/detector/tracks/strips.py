"""Straightened tracks: pictures resampled along each centreline into strips, along-track by across-track.

All tracks of a tile lie on one long axis, one after the other, so that what follows is a handful of array operations
whatever the number of tracks. Between two tracks lie `PAD` cells that hold nothing: no filter reaches across.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.imagery.raster import Raster

Floats = NDArray[np.float32]

# Two samples along make one cell, half as long as the narrowest coupling gap.
STEP_M = 0.25
CELL_M = 0.5
# From this pixel size on, one sample stands for a cell.
FINE_M = 0.4
HALF_WIDTH_M = 4.0
ACROSS_M = np.arange(-HALF_WIDTH_M, HALF_WIDTH_M + STEP_M / 2, STEP_M)
# Cells between tracks, and before the first and after the last: 15 m, half the longest car.
PAD = 30
# Cells sampled at a time, few enough that all of their samples stay in the processor's cache.
BLOCK = 512


@dataclass(frozen=True)
class Layout:
    """Where the cells of all tracks lie, on one axis of n cells.

    Attributes:
        starts: (tracks,), first cell of each track.
        lengths: (tracks,), its number of cells.
        xy_px: (n, 2), centre of each cell in the tile's pixel coordinates; NaN between tracks.
        right_px: (n, 2), unit vector to the right of the track's direction; NaN between tracks.
        gsd_m: metres per pixel.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    xy_px: NDArray[np.float64]
    right_px: NDArray[np.float64]
    gsd_m: float

    @property
    def on_track(self) -> NDArray[np.bool_]:
        """(n,), true on tracks, false between them."""
        inside: NDArray[np.bool_] = np.isfinite(self.xy_px[:, 0])
        return inside

    def track(self, number: int) -> slice:
        """The cells of one track."""
        return slice(int(self.starts[number]), int(self.starts[number] + self.lengths[number]))


def lay_out(lines_px: Sequence[NDArray[np.float64]], gsd_m: float) -> Layout:
    """Divides centrelines into cells of `CELL_M`, centred on the line, so that either direction gives the same cells.

    Args:
        lines_px: (k, 2) each, pixel coordinates.
        gsd_m: metres per pixel.
    """
    cell_px = CELL_M / gsd_m
    centres, rights, lengths = [], [], []
    for line in lines_px:
        at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        cells = max(int(at[-1] / cell_px), 1)
        along = (at[-1] - cells * cell_px) / 2 + (np.arange(cells) + 0.5) * cell_px
        centres.append(_interpolate(line, at, along))
        # Over 4 m to either side, so that a corner of the drawn line is no corner of the strip.
        ahead = _interpolate(line, at, np.minimum(along + 4.0 / gsd_m, at[-1]))
        behind = _interpolate(line, at, np.maximum(along - 4.0 / gsd_m, 0.0))
        direction = (ahead - behind) / np.hypot(*(ahead - behind).T)[:, None]
        rights.append(np.column_stack([-direction[:, 1], direction[:, 0]]))
        lengths.append(cells)
    starts = PAD + np.cumsum([0, *(length + PAD for length in lengths[:-1])])
    total = int(starts[-1] + lengths[-1] + PAD)
    xy, right = np.full((total, 2), np.nan), np.full((total, 2), np.nan)
    for start, centre, side in zip(starts, centres, rights, strict=True):
        xy[start : start + len(centre)] = centre
        right[start : start + len(centre)] = side
    return Layout(np.asarray(starts), np.asarray(lengths), xy, right, gsd_m)


def straighten(
    pictures: Sequence[Raster], layout: Layout, across_m: NDArray[np.float64] = ACROSS_M, every: int = 1
) -> tuple[list[Floats], list[NDArray[np.bool_]]]:
    """Resamples pictures of one grid (bilinear) along the tracks.

    Where pixels are smaller than a cell, a cell is the mean of two samples `STEP_M` apart.

    Args:
        pictures: what to sample.
        layout: the tracks.
        across_m: (w,), distances to the right of the centreline.
        every: only every so many cells are sampled.

    Returns:
        For each picture values (n / every, w, bands), band after band in memory and 0 where it has none, and where it
        has (n / every, w).
    """
    on = layout.on_track[::every]
    centre, right = np.nan_to_num(layout.xy_px[::every]), np.nan_to_num(layout.right_px[::every])
    forward = np.column_stack([right[:, 1], -right[:, 0]])
    taps = (-0.5, 0.5) if layout.gsd_m < FINE_M and every == 1 else (0.0,)
    size = len(on), len(across_m)
    strips = [np.zeros((len(picture.pixels), *size), np.float32) for picture in pictures]
    seen = [np.repeat(on[:, None], len(across_m), axis=1) for _ in pictures]
    for first in range(0, len(on), BLOCK):
        block = slice(first, first + BLOCK)
        for tap in taps:
            middle = centre[block] + forward[block] * (tap * STEP_M / layout.gsd_m)
            x, y = (
                (middle[:, None, axis] + right[block, None, axis] * (across_m / layout.gsd_m)).astype(np.float32)
                for axis in (0, 1)
            )
            corners = _corners(pictures[0].shape, x, y)
            for picture, strip, known in zip(pictures, strips, seen, strict=True):
                known[block] &= _valid(picture.valid, x, y)
                for band, along in zip(picture.pixels, strip[:, block], strict=True):
                    for index, weight in corners:
                        along += band.ravel().take(index) * weight
        for strip, known in zip(strips, seen, strict=True):
            strip[:, block] *= known[block] / np.float32(len(taps))
    return [strip.transpose(1, 2, 0) for strip in strips], seen


def _interpolate(line: NDArray[np.float64], at: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.interp(along, at, line[:, 0]), np.interp(along, at, line[:, 1])])


def _corners(shape: tuple[int, int], x: Floats, y: Floats) -> list[tuple[NDArray[np.intp], Floats]]:
    """The four pixels (of rows * cols) around each place and their bilinear weights; the edge's pixels outside it."""
    rows, cols = shape
    x, y = np.clip(x, 0, cols - 1), np.clip(y, 0, rows - 1)
    left, top = np.minimum(x.astype(np.intp), cols - 2), np.minimum(y.astype(np.intp), rows - 2)
    right, lower = (x - left).astype(np.float32), (y - top).astype(np.float32)
    index = top * cols + left
    return [
        (index, (1 - right) * (1 - lower)),
        (index + 1, right * (1 - lower)),
        (index + cols, (1 - right) * lower),
        (index + cols + 1, right * lower),
    ]


def _valid(valid: NDArray[np.bool_], x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Whether pixel coordinates lie on valid pixels."""
    rows, cols = valid.shape
    inside: NDArray[np.bool_] = (x >= -0.5) & (x <= cols - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
    if valid.all():
        return inside
    nearest_x = np.clip(np.rint(x), 0, cols - 1).astype(np.int32)
    nearest_y = np.clip(np.rint(y), 0, rows - 1).astype(np.int32)
    return np.asarray(inside & valid[nearest_y, nearest_x])
