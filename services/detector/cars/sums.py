"""Sums over all segmentations of a track: the partition function, and the probability of a car.

The forward recursion of semi-Markov conditional random fields (Sarawagi and Cohen, NIPS 2004). The field has no
direction, so the backward recursion is the forward one on the turned track.
"""

from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.cars.lengths import ALIKE, LENGTHS, LONGEST, SHORTEST
from railwatch.services.detector.cars.scores import APART, GAPS, Scores, turned
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
    gain = np.expm1(tilts)[:, None, None, None]
    coupling = _coupling(scores.gap)
    prior, cut = np.exp(scores.prior), np.exp(scores.cut)
    follows = _follows(lengths, scores.alike) * prior
    # Weights of cars by where they start and how long they are, for as many boundaries as a car is long.
    recent = np.zeros((k, tracks, LONGEST, lengths))
    starts = np.zeros((tracks, boundaries, lengths))
    scale = np.zeros((k, tracks))
    log_scale = np.zeros((tracks, boundaries))
    ended = np.zeros((k, tracks, APART, lengths))
    empty = np.ones((k, tracks))
    for number, first in enumerate(range(0, boundaries, SHORTEST)):
        last = min(first + SHORTEST, boundaries)
        size = last - first
        body = np.exp(scores.body[:, first:last])
        cars = _ending(recent, size) * body
        cars += cars * scores.counted[:, first:last] * gain
        cars = np.concatenate([ended, cars], axis=2)
        free = empty[:, :, None] + np.cumsum(cut * cars[:, :, :size].sum(axis=3), axis=2)
        begin = (coupling[:, number, :size, : size + APART] @ cars) @ follows
        begin += (cut * free)[..., None] * prior
        starts[:, first:last] = begin[0]
        log_scale[:, first:last] = scale[0][:, None]
        ended, empty = cars[:, :, -APART:], free[:, :, -1]
        largest = np.maximum(empty, ended.sum(axis=(2, 3)))
        shrink = 1 / largest
        scale += np.log(largest)
        empty, ended = empty * shrink, ended * shrink[..., None, None]
        recent = np.concatenate([recent[:, :, size:], begin], axis=2)
        recent *= shrink[..., None, None]
    return scale + np.log(empty + cut * ended.sum(axis=(2, 3))), Starts(starts, log_scale)


def _ending(recent: Doubles, size: int) -> Doubles:
    """(..., size, lengths): what ends at the next boundaries; `recent` (..., LONGEST, lengths) holds it by start."""
    view = recent[..., LONGEST - SHORTEST :, :]
    step, number = recent.strides[-2:]
    shape, strides = (*view.shape[:-2], size, view.shape[-1]), (*view.strides[:-2], step, number - step)
    return np.lib.stride_tricks.as_strided(view, shape, strides, writeable=False)


def _coupling(gap: Doubles) -> Doubles:
    """(tracks, blocks, SHORTEST, APART + SHORTEST): by what a car that ended there weighs for one that starts here."""
    tracks, boundaries, _ = gap.shape
    blocks = -(-boundaries // SHORTEST)
    weights = np.zeros((tracks, blocks * SHORTEST, len(GAPS)))
    weights[:, :boundaries] = np.exp(gap)
    coupling = np.zeros((tracks, blocks, SHORTEST, APART + SHORTEST))
    here = np.arange(SHORTEST)
    for number, length in enumerate(GAPS):
        coupling[:, :, here, here + APART - length] = weights[..., number].reshape(tracks, blocks, SHORTEST)
    return coupling


def _follows(lengths: int, alike: float) -> Doubles:
    """(lengths, lengths), what a length weighs after another: 1, and more where they are alike."""
    shares = [weight * np.eye(lengths, k=shift) for shift, weight in ALIKE.items()]
    return np.asarray(1 + alike * sum(shares))


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
