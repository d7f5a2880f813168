"""The position of each cell relative to the tracks, and the share of it that rails and sleepers cover."""

import numpy as np
from numpy.typing import NDArray

from railwatch.render.canvas import Array, Frame, coordinates, is_empty, window
from railwatch.render.yard import RenderedTrack, distances, resample

# Metres. The distance from a track of every cell beyond `TRACK_REACH_M`.
FAR_M = 99.0

TRACK_REACH_M = 3.4
CHUNK_M = 12.0
RAILHEAD_M = 0.07
# Metres. Width of foot, fastenings and the shade beside them.
RAIL_FOOT_M = 0.30


def sleeper_wave(along: Array, spacing_m: float, step_m: float) -> Array:
    """A square wave of sleepers 0.26 m wide, as the first harmonics that the grid can show."""
    duty = 0.26 / spacing_m
    wave = np.full(along.shape, duty, np.float32)
    for harmonic in (1, 2, 3):
        if harmonic * step_m / spacing_m < 0.5:
            strength = 2 * np.sin(np.pi * harmonic * duty) / (np.pi * harmonic) * np.sinc(harmonic * step_m / spacing_m)
            wave += np.float32(strength) * np.cos(np.float32(2 * np.pi * harmonic / spacing_m) * along)
    return np.clip(wave, 0, 1)


def track_fields(
    frame: Frame, tracks: tuple[RenderedTrack, ...]
) -> tuple[Array, Array, NDArray[np.int16], Array, Array]:
    """The layers of the grid that describe the tracks, (rows, cols) each.

    Returns:
        Signed distance across and distance along the nearest track, its index (the number of tracks where there is
        none), share of the cell that is railhead, and share that is a rail's foot.
    """
    across = np.full(frame.shape, FAR_M, np.float32)
    along = np.zeros(frame.shape, np.float32)
    index = np.full(frame.shape, len(tracks), np.int16)
    rail = np.zeros(frame.shape, np.float32)
    shade = np.zeros(frame.shape, np.float32)
    step = frame.step_m
    for number, track in enumerate(tracks):
        points = resample(track.points_m, CHUNK_M)
        at = distances(points)
        for start, end, begin in zip(points[:-1], points[1:], at[:-1], strict=True):
            where = window(frame, np.array([start, end]), TRACK_REACH_M)
            if is_empty(where):
                continue
            direction = (end - start) / np.hypot(*(end - start))
            x, y = coordinates(frame, where)
            x, y = x - np.float32(start[0]), y - np.float32(start[1])
            u = (x * direction[0] + y * direction[1]).astype(np.float32)
            v = (y * direction[0] - x * direction[1]).astype(np.float32)
            here = (u >= -step) & (u < np.hypot(*(end - start)) + step) & (np.abs(v) < TRACK_REACH_M)
            off = np.abs(np.abs(v) - np.float32((track.gauge_m + RAILHEAD_M) / 2))
            rail[where] = np.maximum(rail[where], here * _bar(off, RAILHEAD_M, step))
            shade[where] = np.maximum(shade[where], here * _bar(off, RAIL_FOOT_M, step))
            nearer = here & (np.abs(v) < np.abs(across[where]))
            across[where] = np.where(nearer, v, across[where])
            along[where] = np.where(nearer, u + np.float32(begin), along[where])
            index[where] = np.where(nearer, number, index[where])
    return across, along, index, rail, shade


def _bar(off: Array, width_m: float, step_m: float) -> Array:
    """Share of a cell covered by a bar of the given width whose axis is `off` metres away."""
    overlap = np.minimum(off + step_m / 2, width_m / 2) - np.maximum(off - step_m / 2, -width_m / 2)
    return np.asarray(np.clip(overlap / step_m, 0, 1), np.float32)
