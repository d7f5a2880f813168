"""What a track looks like where nothing stands on it: its own profile across, robust against what stands there."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.imagery.quantiles import median
from railwatch.services.detector.tracks.strips import CELL_M, Layout

Floats = NDArray[np.float32]

# Ballast changes along a track over tens of metres; a block is shorter, and longer than a car.
BLOCK_CELLS = round(30.0 / CELL_M)
# Blocks and tracks lean on the picture's common profile as if it had been seen over this many metres more.
PRIOR_CELLS = round(10.0 / CELL_M)
ITERATIONS = 2
# Cells, evenly spread, whose median is the common profile.
SAMPLE_CELLS = 4000


def ballast_profile(values: Floats, seen: NDArray[np.bool_], layout: Layout, scale: float) -> Floats:
    """The profile across of each track's bed, at each cell.

    A weighted mean over blocks along the track. Cells far from the picture's common profile (its median over all
    tracks) get little weight, after Cauchy, so that a train that fills a block leaves the common profile in place.

    Args:
        values: (n, w, channels), the strips; the first channel is luminance.
        seen: (n, w).
        layout: the tracks.
        scale: luminance difference that counts as large.

    Returns:
        (n, w, channels), 0 between tracks.
    """
    whole = seen.mean(axis=1) > 0.9
    if not whole.any():
        return np.zeros_like(values)
    known = np.flatnonzero(whole)
    common = median(values[known[:: max(1, len(known) // SAMPLE_CELLS)]], axis=0)
    profile = np.zeros_like(values)
    for number in range(len(layout.starts)):
        cells = layout.track(number)
        of_track = _shrunk(values[cells], whole[cells], common, scale)
        edges = np.rint(
            np.linspace(cells.start, cells.stop, max(1, round((cells.stop - cells.start) / BLOCK_CELLS)) + 1)
        )
        blocks = [slice(*ends) for ends in pairwise(edges.astype(int))]
        of_block = np.stack([_shrunk(values[block], whole[block], of_track, 0.7 * scale) for block in blocks])
        profile[cells] = _interpolated(of_block, (edges[:-1] + edges[1:] - 1) / 2, np.arange(cells.start, cells.stop))
    return profile


def _shrunk(values: Floats, whole: NDArray[np.bool_], prior: Floats, scale: float) -> Floats:
    """(w, channels): the weighted mean of one stretch, drawn towards `prior`."""
    inner = slice(values.shape[1] // 5, -(values.shape[1] // 5))
    estimate = prior
    for _ in range(ITERATIONS):
        off = values[:, inner] - estimate[inner]
        distance = np.sqrt(np.einsum("nwc,nwc->n", off, off) / off.shape[1]) / scale
        weight = (whole / (1 + (2 * distance) ** 4)).astype(np.float32)
        total = np.tensordot(weight, values, 1)
        estimate = (total + PRIOR_CELLS * prior) / (weight.sum() + PRIOR_CELLS)
    return estimate


def _interpolated(profiles: Floats, at: NDArray[np.float64], cells: NDArray[np.int64]) -> Floats:
    """Profiles (k, ...) that hold at places (k,), at each of the cells; beyond the outermost, as there."""
    if len(profiles) == 1:
        return profiles
    left = np.clip(np.searchsorted(at, cells) - 1, 0, len(at) - 2)
    share = np.clip((cells - at[left]) / (at[left + 1] - at[left]), 0, 1).astype(np.float32)[:, None, None]
    between = np.diff(profiles, axis=0)[left]
    between *= share
    between += profiles[left]
    return between
