"""Fits the few weights of the segmentation: the fewest wrong cars on scenes that the network has not seen."""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.scores import Evidence, Weights
from railwatch.services.detector.cars.segmentation import likeliest_cars
from railwatch.services.detector.tracks.strips import SAMPLE_M

Cars = list[list[tuple[int, int]]]
# A car is found where its middle lies within 5 m of that of a true one. In samples.
MATCH = 5.0 / SAMPLE_M
# Which weights are positive, since they scale evidence or likelihood. They are varied as logarithms.
POSITIVE = np.array([True, False, True, False, False, False, True])
# Standard deviation of a step of each weight.
STRIDE = np.array([0.5, 0.3, 0.4, 0.8, 1.0, 1.0, 0.7])


@dataclass(frozen=True)
class Example:
    """One picture's evidence by track, and the cars that stand there, in padded samples."""

    evidence: Evidence
    cars: Cars


def fit_weights(
    examples: list[Example], *, seed: int, trials: int = 150, start: Weights | None = None, pull: float = 0.0
) -> Weights:
    """The best of many trials, each a random step from the best so far, with steps that shrink.

    The loss of a scene is the share of its cars that are missed or false, plus the error of its count. All scenes have
    the same weight, so that a full yard does not outweigh the others.

    Args:
        examples: of several styles. Weights that suit one renderer's cars best undercount all others.
        seed: of the random steps.
        trials: number of steps.
        start: the weights to begin from.
        pull: cost of a distance from `start`, so that weights move only if many scenes gain by it.
    """
    rng = np.random.default_rng(seed)
    first = best = _vector(start or Weights())
    least = _loss(examples, _weights(best))
    for trial in range(trials):
        step = rng.normal(0, 1, len(best)) * (rng.random(len(best)) < 0.4) * STRIDE * (1 - 0.8 * trial / trials)
        distance = float(np.mean(((best + step - first) / STRIDE) ** 2))
        loss = _loss(examples, _weights(best + step)) + pull * distance
        if loss < least:
            best, least = best + step, loss
    return _weights(best)


def towards(start: Weights, fitted: Weights, share: float) -> Weights:
    """Weights that lie a share of the way from `start` to `fitted`: 0 is `start`, 1 is `fitted`."""
    return _weights((1 - share) * _vector(start) + share * _vector(fitted))


def matched(found: list[tuple[int, int]], true: list[tuple[int, int]]) -> int:
    """Number of cars found within 5 m of a true one, each with one of its own, nearest first."""
    if not found or not true:
        return 0
    apart = np.abs(np.mean(found, axis=1)[:, None] - np.mean(true, axis=1))
    pairs, taken_found, taken_true = 0, set(), set()
    for place in np.argsort(apart, axis=None, kind="stable"):
        one, other = divmod(int(place), apart.shape[1])
        if apart[one, other] > MATCH:
            break
        if one not in taken_found and other not in taken_true:
            taken_found.add(one)
            taken_true.add(other)
            pairs += 1
    return pairs


def _loss(examples: list[Example], weights: Weights) -> float:
    losses = []
    for example in examples:
        found = likeliest_cars(example.evidence, weights)
        pairs = sum(matched(some, others) for some, others in zip(found, example.cars, strict=True))
        count, true = sum(map(len, found)), sum(map(len, example.cars))
        losses.append((count + true - 2 * pairs + abs(count - true)) / (true + 3))
    return float(np.mean(np.minimum(losses, 1.0)))


def _vector(weights: Weights) -> NDArray[np.float64]:
    values = np.array(astuple(weights))
    return np.where(POSITIVE, np.log(np.maximum(values, 1e-9)), values)


def _weights(vector: NDArray[np.float64]) -> Weights:
    return Weights(*(float(value) for value in np.where(POSITIVE, np.exp(np.clip(vector, -9, 5)), vector)))
