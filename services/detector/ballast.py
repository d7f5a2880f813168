"""What a track looks like where nothing stands on it: its own profile across, robust against what stands there."""

import numpy as np
from numpy.typing import NDArray

from services.detector.strips import CELL_M, Layout

Floats = NDArray[np.float32]

# Ballast changes along a track over tens of metres; a block is shorter, and longer than a car.
BLOCK_CELLS = round(30.0 / CELL_M)
# Blocks and tracks lean on the picture's common profile as if it had been seen over this many metres more.
PRIOR_CELLS = round(10.0 / CELL_M)
ITERATIONS = 2


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
    profile = np.zeros_like(values)
    if not whole.any():
        return profile
    common = np.median(values[whole], axis=0)
    for number in range(len(layout.starts)):
        cells = layout.track(number)
        of_track = _shrunk(values[cells], whole[cells], common, scale, len(values[cells]))
        profile[cells] = _shrunk(values[cells], whole[cells], of_track[0], 0.7 * scale, BLOCK_CELLS)
    return profile


def _shrunk(values: Floats, whole: NDArray[np.bool_], prior: Floats, scale: float, block: int) -> Floats:
    """(n, w, channels): weighted means over blocks, drawn towards `prior`, interpolated along the track."""
    cells = len(values)
    edges = np.rint(np.linspace(0, cells, max(1, round(cells / block)) + 1)).astype(int)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    estimate = np.broadcast_to(prior, (len(middles), *prior.shape))
    inner = slice(values.shape[1] // 5, -(values.shape[1] // 5))
    for _ in range(ITERATIONS):
        near = np.repeat(estimate, np.diff(edges), axis=0)
        distance = np.sqrt(((values - near)[:, inner] ** 2).sum(axis=2).mean(axis=1)) / scale
        weight = (whole / (1 + (2 * distance) ** 4)).astype(np.float32)
        sums = np.add.reduceat(values * weight[:, None, None], edges[:-1], axis=0)
        total = np.add.reduceat(weight, edges[:-1])[:, None, None]
        estimate = (sums + PRIOR_CELLS * prior) / (total + PRIOR_CELLS)
    at = np.arange(cells)
    if len(middles) == 1:
        return np.broadcast_to(estimate, values.shape)
    left = np.clip(np.searchsorted(middles, at) - 1, 0, len(middles) - 2)
    share = np.clip((at - middles[left]) / (middles[left + 1] - middles[left]), 0, 1).astype(np.float32)[:, None, None]
    return np.asarray(estimate[left] * (1 - share) + estimate[left + 1] * share, dtype=np.float32)
