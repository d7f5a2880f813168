"""The likeliest segmentation of each track (Viterbi)."""

import numpy as np

from railwatch.services.detector.cars.lengths import ALIKE, LENGTHS, LONGEST, SHORTEST
from railwatch.services.detector.cars.scores import APART, GAPS, Scores, alike_lengths
from railwatch.services.detector.imagery.arrays import Doubles


def likeliest(scores: Scores) -> list[list[tuple[int, int]]]:
    """Each track's cars in the likeliest segmentation, in order, as (first sample, one past the last).

    It works in the blocks of `sums.forward`. Cars that do not count are included.
    """
    tracks, boundaries, lengths = scores.body.shape
    low = -np.inf
    pending = np.full((tracks, SHORTEST + LONGEST, lengths), low)
    cars = np.full((tracks, boundaries + APART, lengths), low)
    coupled = np.full((tracks, boundaries, lengths), low)
    free = np.zeros((tracks, boundaries))
    empty = np.zeros(tracks)
    for first in range(0, boundaries, SHORTEST):
        last = min(first + SHORTEST, boundaries)
        size = last - first
        cars[:, first + APART : last + APART] = pending[:, :size] + scores.body[:, first:last]
        ends = cars[:, first : first + size].max(axis=2) + scores.cut
        free[:, first:last] = np.maximum(empty[:, None], np.maximum.accumulate(ends, axis=1))
        empty = free[:, last - 1]
        for gap in GAPS:
            score_here = cars[:, first + APART - gap : last + APART - gap] + scores.gap[:, first:last, gap - 1, None]
            np.maximum(coupled[:, first:last], score_here, out=coupled[:, first:last])
        before = np.maximum(free[:, first:last, None] + scores.cut, _most_alike(coupled[:, first:last], scores.alike))
        pending[:, np.arange(size)[:, None] + LENGTHS, np.arange(lengths)] = scores.prior + before
        pending[:, :LONGEST] = pending[:, SHORTEST:]
        pending[:, LONGEST:] = low
    ended = cars[:, APART:]
    return [_trace(scores, track, ended[track], coupled[track], free[track]) for track in range(tracks)]


def _most_alike(coupled: Doubles, alike: float) -> Doubles:
    """The best over the length of the car before, the last axis: any length, with a bonus where lengths are alike."""
    best = coupled.max(axis=-1, keepdims=True) + np.zeros_like(coupled)
    for shift, weight in ALIKE.items():
        to, of = alike_lengths(shift)
        best[..., to] = np.maximum(best[..., to], coupled[..., of] + np.log1p(alike * weight))
    return np.asarray(best)


def _trace(scores: Scores, track: int, ended: Doubles, coupled: Doubles, free: Doubles) -> list[tuple[int, int]]:
    """Back from the end of a track: which car ended last, and what came before it."""
    boundary = len(free) - 1
    tail = ended[max(boundary - APART + 1, 0) :].max(axis=1) + scores.cut
    found: list[tuple[int, int]] = []
    at_end = tail.max() > free[boundary]
    stop = boundary - len(tail) + 1 + int(tail.argmax()) if at_end else _last_end(free, boundary)
    while stop >= 0:
        length = int(ended[stop].argmax())
        coupling = True
        while coupling:
            start = stop - int(LENGTHS[length])
            found.append((start, stop))
            bonus = np.log1p(scores.alike * np.array([ALIKE.get(length - other, 0.0) for other in range(len(LENGTHS))]))
            before = coupled[start] + bonus
            coupling = bool(before.max() > free[start] + scores.cut)
            if coupling:
                length = int(before.argmax())
                gaps = [
                    ended[start - gap, length] + scores.gap[track, start, gap - 1] if gap <= start else -np.inf
                    for gap in GAPS
                ]
                stop = start - int(GAPS[int(np.argmax(gaps))])
        stop = _last_end(free, start)
    return found[::-1]


def _last_end(free: Doubles, boundary: int) -> int:
    """Where the last car ended before the empty stretch that reaches to `boundary`; -1 where there was none."""
    value = free[boundary]
    if value <= 0:
        return -1
    return int(np.argmax(free[: boundary + 1] >= value)) - APART
