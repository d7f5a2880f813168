"""Cars and gaps from evidence along the track: a semi-Markov random field, decoded exactly.

A track is a chain of segments: empty track, cars (6.5 to 30 m long, with a prior from rail practice) and coupling gaps
(0.5 to 2.5 m) between the cars of a cut. A car that follows another within a cut likely has the same length. Scores add
up over samples (`scores`). Sums over all segmentations give probabilities (`sums`), and the best segmentation gives the
cars (`likeliest`). The field has no direction: a track run from its other end gives the same cars.
"""

from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.cars.intervals import Posterior
from railwatch.services.detector.cars.lengths import ALIKE, SHORTEST
from railwatch.services.detector.cars.likeliest import likeliest
from railwatch.services.detector.cars.scores import APART, Evidence, Scores, Weights, scores_of
from railwatch.services.detector.cars.sums import CarsNear, forward
from railwatch.services.detector.imagery.arrays import Doubles

# Step of the log-weight of a car in the central differences that give mean and variance of the count.
TILT = 0.05


@dataclass(frozen=True)
class Segment:
    """A car on a track: first sample, one past its last, and the probability that it stands there."""

    start: int
    stop: int
    probability: float


@dataclass(frozen=True)
class Decoded:
    """What stands on one track: the likeliest cars, and what the evidence says of their number."""

    cars: tuple[Segment, ...]
    posterior: Posterior


def decode(evidence: Evidence, weights: Weights, prior: Doubles | None = None) -> tuple[Decoded, ...]:
    """The cars on each track, and how certain their number is. A car is given only where half or more of it was seen.

    The number's mean and variance are derivatives of the log partition function with respect to the log-weight of a
    counted car, by central differences.

    Args:
        evidence: along the tracks.
        weights: of the field.
        prior: (lengths,), the probability of each length of a car; that of any railcar without it.
    """
    scores = scores_of(evidence, weights, prior)
    log_z, inward = forward(scores, np.array([0.0, TILT, -TILT]))
    mean = (log_z[1] - log_z[2]) / (2 * TILT)
    variance = np.maximum((log_z[1] + log_z[2] - 2 * log_z[0]) / TILT**2, 0)
    near = CarsNear.of(scores, inward, log_z[0])
    entropy, samples = (_entropy(evidence.train) * evidence.seen).sum(axis=1), evidence.seen.sum(axis=1)
    disagreement = np.zeros(len(entropy)) if evidence.disagreement is None else evidence.disagreement.sum(axis=1)
    decoded = []
    for track, cars in enumerate(counted(scores)):
        segments = tuple(Segment(start, stop, near.probability(track, start, stop)) for start, stop in cars)
        posterior = Posterior(
            float(mean[track]),
            float(variance[track]),
            float(entropy[track]),
            int(samples[track]),
            float(disagreement[track]),
        )
        decoded.append(Decoded(segments, posterior))
    return tuple(decoded)


def likeliest_cars(evidence: Evidence, weights: Weights) -> list[list[tuple[int, int]]]:
    """Each track's likeliest cars that count, in order, as (first sample, one past the last)."""
    return counted(scores_of(evidence, weights))


def log_likelihood(evidence: Evidence, weights: Weights, cars: list[list[tuple[int, int]]]) -> Doubles:
    """(tracks,), log-probability of given cars: each track's in order, as (first sample, one past the last)."""
    scores = scores_of(evidence, weights)
    given = [log_weight(scores, track, segments) for track, segments in enumerate(cars)]
    return np.asarray(given - forward(scores, np.zeros(1))[0][0])


def counted(scores: Scores) -> list[list[tuple[int, int]]]:
    """The cars of the likeliest segmentation that count."""
    return [
        [(start, stop) for start, stop in cars if scores.counted[track, stop, stop - start - SHORTEST]]
        for track, cars in enumerate(likeliest(scores))
    ]


def log_weight(scores: Scores, track: int, cars: list[tuple[int, int]]) -> float:
    """The sum of the scores of given cars on a track, in order, as (first sample, one past the last)."""
    total = 2 * scores.cut if cars else 0.0
    for number, (start, stop) in enumerate(cars):
        length = stop - start - SHORTEST
        total += float(scores.body[track, stop, length] + scores.prior[length])
        if number == 0:
            continue
        began, ended = cars[number - 1]
        if start - ended < APART:
            alike = scores.alike * ALIKE.get(length - (ended - began - SHORTEST), 0.0)
            total += float(scores.gap[track, start, start - ended - 1] + np.log1p(alike))
        else:
            total += 2 * scores.cut
    return total


def _entropy(log_odds: Doubles) -> Doubles:
    """Of a choice between two, in nats."""
    size = np.abs(log_odds)
    return np.asarray(np.logaddexp(0, -size) + size / (1 + np.exp(size)))
