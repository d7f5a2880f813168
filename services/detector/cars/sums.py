"""Sums over all segmentations of a track: the partition function, and the probability of a car.

The forward recursion of semi-Markov conditional random fields (Sarawagi and Cohen, NIPS 2004). The field has no
direction, so the backward recursion is the forward one on the turned track.
"""

from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.cars.lengths import ALIKE, LENGTHS, LONGEST, SHORTEST
from railwatch.services.detector.cars.scores import APART, GAPS, Scores, alike_lengths, turned
from railwatch.services.detector.imagery.arrays import Doubles, Integers

# The probability of a car includes cars whose ends lie up to this many samples from its own.
NEAR = 3


@dataclass(frozen=True)
class Starts:
    """Summed weights of what lies before a car that starts at each boundary with each length, its prior included.

    Attributes:
        weights: (tracks, samples + 1, lengths), without their scale.
        log_scale: (tracks, samples + 1).
    """

    weights: Doubles
    log_scale: Doubles

    def log(self, track: int, starts: Integers, lengths: Integers) -> Doubles:
        """Logarithms, of cars on one track."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.weights[track, starts, lengths]) + self.log_scale[track, starts])


def forward(scores: Scores, tilts: Doubles) -> tuple[Doubles, Starts]:
    """Sums over segmentations, in blocks as long as the shortest car: no car starts and ends within one.

    Args:
        scores: of segments.
        tilts: (k,), log-weights added for each counted car.

    Returns:
        Log partition functions (k, tracks), and for the first tilt what lies before a car.
    """
    tracks, boundaries, lengths = scores.body.shape
    k = len(tilts)
    tilt = np.exp(tilts)[:, None, None, None]
    gaps = np.exp(scores.gap)
    prior, cut = np.exp(scores.prior), np.exp(scores.cut)
    # Weights of the cars that end at each boundary of this block, and as far on as a car reaches that starts in it.
    pending = np.zeros((k, tracks, SHORTEST + LONGEST, lengths))
    starts = np.zeros((tracks, boundaries, lengths))
    scale = np.zeros((k, tracks))
    log_scale = np.zeros((tracks, boundaries))
    ended = np.zeros((k, tracks, APART, lengths))
    empty = np.ones((k, tracks))
    for first in range(0, boundaries, SHORTEST):
        last = min(first + SHORTEST, boundaries)
        size = last - first
        body = np.exp(scores.body[:, first:last])
        weights = np.where(scores.counted[:, first:last], body * tilt, body)
        cars = np.concatenate([ended, pending[:, :, :size] * weights], axis=2)
        totals = cut * cars.sum(axis=3)
        free = empty[:, :, None] + np.cumsum(totals[:, :, 0:size], axis=2)
        coupled = sum(cars[:, :, APART - gap : APART - gap + size] * gaps[:, first:last, gap - 1, None] for gap in GAPS)
        begin = prior * (cut * free[..., None] + _remembered(np.asarray(coupled), scores.alike))
        pending[:, :, np.arange(size)[:, None] + LENGTHS, np.arange(lengths)] = begin
        starts[:, first:last] = begin[0]
        log_scale[:, first:last] = scale[0][:, None]
        ended, empty = cars[:, :, -APART:], free[:, :, -1]
        largest = np.maximum(empty, ended.sum(axis=(2, 3)))
        shrink = 1 / largest
        scale += np.log(largest)
        empty, ended = empty * shrink, ended * shrink[..., None, None]
        pending[:, :, :LONGEST] = pending[:, :, SHORTEST:] * shrink[..., None, None]
        pending[:, :, LONGEST:] = 0
    return scale + np.log(empty + cut * ended.sum(axis=(2, 3))), Starts(starts, log_scale)


def _remembered(coupled: Doubles, alike: float) -> Doubles:
    """Sums over the length of the car before, the last axis: any length, and more weight where lengths are alike."""
    total = coupled.sum(axis=-1, keepdims=True) + np.zeros_like(coupled)
    for shift, weight in ALIKE.items():
        to, of = alike_lengths(shift)
        total[..., to] += alike * weight * coupled[..., of]
    return np.asarray(total)


@dataclass(frozen=True)
class CarsNear:
    """Probabilities of cars, from the sums before and after them."""

    scores: Scores
    inward: Starts
    outward: Starts
    log_z: Doubles

    @classmethod
    def of(cls, scores: Scores, inward: Starts, log_z: Doubles) -> "CarsNear":
        """Adds the sums from the other end of the tracks to those that `forward` gave."""
        _, outward = forward(turned(scores), np.zeros(1))
        return cls(scores, inward, outward, log_z)

    def probability(self, track: int, start: int, stop: int) -> float:
        """Probability of a car whose ends lie within `NEAR` samples of these."""
        boundaries = self.scores.body.shape[1]
        around = np.arange(-NEAR, NEAR + 1)
        begins, ends = np.meshgrid(start + around, stop + around, indexing="ij")
        length = ends - begins - SHORTEST
        fits = (begins >= 0) & (ends < boundaries) & (length >= 0) & (length < len(LENGTHS))
        begins, ends, length = begins[fits], ends[fits], length[fits]
        log_weight = (
            self.inward.log(track, begins, length)
            + self.scores.body[track, ends, length]
            + self.outward.log(track, boundaries - 1 - ends, length)
            - self.scores.prior[length]
        )
        return float(min(np.exp(log_weight - self.log_z[track]).sum(), 1.0))
