"""Straightened tracks: pictures resampled along each centreline into strips, along-track by across-track.

All tracks of a tile lie on one long axis, one after the other, so that what follows is a handful of array operations
whatever the number of tracks. Between two tracks lie `PAD` cells that hold nothing: no filter reaches across.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detector.raster import Raster

Floats = NDArray[np.float32]

# Two samples along make one cell, half as long as the narrowest coupling gap.
STEP_M = 0.25
CELL_M = 0.5
HALF_WIDTH_M = 4.0
ACROSS_M = np.arange(-HALF_WIDTH_M, HALF_WIDTH_M + STEP_M / 2, STEP_M)
# Cells between tracks, and before the first and after the last: 15 m, half the longest car.
PAD = 30


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
    picture: Raster, layout: Layout, across_m: NDArray[np.float64] = ACROSS_M
) -> tuple[Floats, NDArray[np.bool_]]:
    """Resamples a picture (bilinear) at `STEP_M` along the tracks and averages to cells.

    Args:
        picture: what to sample.
        layout: the tracks.
        across_m: (w,), distances to the right of the centreline.

    Returns:
        Values (n, w, bands), 0 where the picture has none, and where it has (n, w).
    """
    bands = np.ascontiguousarray(picture.pixels.transpose(1, 2, 0))
    on = layout.on_track
    right = layout.right_px[on]
    forward = np.column_stack([right[:, 1], -right[:, 0]])
    half_step = STEP_M / 2 / layout.gsd_m
    total = np.zeros((int(on.sum()), len(across_m), bands.shape[2]), np.float32)
    usable = np.ones(total.shape[:2], dtype=bool)
    for side in (-half_step, half_step):
        xy = (layout.xy_px[on] + side * forward)[:, None, :] + right[:, None, :] * (across_m[:, None] / layout.gsd_m)
        values, inside = _bilinear(bands, picture.valid, xy)
        total += values
        usable &= inside
    strip = np.zeros((len(on), len(across_m), bands.shape[2]), np.float32)
    seen = np.zeros((len(on), len(across_m)), dtype=bool)
    strip[on] = total * (0.5 * usable[:, :, None])
    seen[on] = usable
    return strip, seen


def _interpolate(line: NDArray[np.float64], at: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.interp(along, at, line[:, 0]), np.interp(along, at, line[:, 1])])


def _bilinear(bands: Floats, valid: NDArray[np.bool_], xy: NDArray[np.float64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Values (..., bands) at pixel coordinates (..., 2), and whether they lie on valid pixels."""
    rows, cols, depth = bands.shape
    x, y = xy[..., 0], xy[..., 1]
    inside = (x >= -0.5) & (x <= cols - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
    x, y = np.clip(x, 0, cols - 1), np.clip(y, 0, rows - 1)
    left, top = np.minimum(x.astype(np.int64), cols - 2), np.minimum(y.astype(np.int64), rows - 2)
    right_share, lower_share = (x - left).astype(np.float32)[..., None], (y - top).astype(np.float32)[..., None]
    flat, index = bands.reshape(-1, depth), top * cols + left
    upper = flat[index] * (1 - right_share) + flat[index + 1] * right_share
    lower = flat[index + cols] * (1 - right_share) + flat[index + cols + 1] * right_share
    nearest = np.round(y).astype(np.int64) * cols + np.round(x).astype(np.int64)
    return upper + (lower - upper) * lower_share, inside & valid.reshape(-1)[nearest]
