"""How long the cars of a scene are: the cars that were found tell which lengths others likely have.

Rolling stock comes in few kinds at a time. What is found along all tracks of a scene is a better prior than the lengths
that any railcar can have: a prior fitted to the data at hand (empirical Bayes: Robbins, 1956), in two turns of
segmentation and lengths. It can confirm an error, too: where two short cars were taken for one, all others look alike.
So a second fit begins with short cars, and the better one is taken. What was not taken, be it a fit or short cars as
such, stays a doubt of the number, the larger the less it is worse. Where it is large, the cars of the site at another
time are asked as well: those of the baseline.
"""

from dataclasses import dataclass, replace

import numpy as np

from railwatch.services.detector.cars.lengths import FLOOR, LENGTHS, SHORTEST_M, length_prior
from railwatch.services.detector.cars.scores import Evidence, Scores, Weights, scores_of
from railwatch.services.detector.cars.segmentation import counted, log_weight
from railwatch.services.detector.imagery.arrays import Doubles
from railwatch.services.detector.tracks.strips import SAMPLE_M

# The longest car that has room twice in a car of the commonest kinds.
SHORT_M = 9.5
# Turns of segmentation and lengths. More of them change next to nothing.
TURNS = 2
# The share of what was found in the prior grows towards this with the number of cars; at so many it is half of it.
FOUND_SHARE, FOUND_CARS = 0.7, 4
# Cars of one kind are told to this standard deviation.
SPREAD_M = 1.0
# Short cars must be likelier by this log-weight to be believed.
MARGIN = 3.0
# Share for which a difference in log-weight counts: neighbouring samples and tracks repeat each other, as for
# `Weights.train_scale`.
INDEPENDENT = 0.3


@dataclass(frozen=True)
class Fleet:
    """The lengths of the cars of a scene.

    Attributes:
        prior: (lengths,), the probability of each length.
        other: the same for the fit that was not taken; None if there is none.
        chance: probability that the other one is right.
    """

    prior: Doubles
    other: Doubles | None = None
    chance: float = 0.0


@dataclass(frozen=True)
class _Fit:
    """A prior, the cars that count under it in each picture, and the log-weight of all.

    Cars that nobody saw tell nothing.
    """

    prior: Doubles
    weight: float
    cars: list[list[tuple[int, int]]]


def fleet_of(
    evidence: Evidence,
    weights: Weights,
    expected_m: tuple[float, float] | None = None,
    before: tuple[Evidence, Weights] | None = None,
) -> Fleet:
    """The lengths of the cars that the evidence of a scene shows.

    Args:
        evidence: along all tracks.
        weights: of the field.
        expected_m: the shortest and the longest car to expect at the site; any railcar without it.
        before: the same of the site at another time, if its cars tell lengths, too.
    """
    pictures = [scores_of(*each) for each in ((evidence, weights), before) if each is not None]
    known = length_prior(expected_m)
    first = _fitted(pictures, _segmented(pictures, known), known)
    if expected_m is not None or not first.cars[0]:
        return Fleet(first.prior)
    start = _segmented(pictures, length_prior((SHORTEST_M, SHORT_M)))
    short = _fitted(pictures, start, known)
    best = short if short.weight > first.weight + MARGIN else first
    others = [fit for fit in (first, start, short) if fit.cars[0] != best.cars[0]]
    if not others:
        return Fleet(best.prior)
    other = max(others, key=lambda fit: fit.weight)
    chance = 1 / (1 + np.exp(INDEPENDENT * abs(best.weight - other.weight)))
    return Fleet(best.prior, other.prior, float(chance))


def _fitted(pictures: list[Scores], fit: _Fit, known: Doubles) -> _Fit:
    for _ in range(TURNS):
        cars = [car for found in fit.cars for car in found]
        if cars:
            fit = _segmented(pictures, _told_by(cars, known))
    return fit


def _segmented(pictures: list[Scores], prior: Doubles) -> _Fit:
    weight, cars = 0.0, []
    for scores in pictures:
        told = replace(scores, prior=np.log(prior))
        found = counted(told)
        weight += sum(log_weight(told, track, on_track) for track, on_track in enumerate(found))
        cars.append([car for on_track in found for car in on_track])
    return _Fit(prior, weight, cars)


def _told_by(cars: list[tuple[int, int]], known: Doubles) -> Doubles:
    """(lengths,), a mixture of what is known of railcars and of the lengths of those that were found, at least one."""
    metres = LENGTHS * SAMPLE_M
    found = np.array([stop - start for start, stop in cars]) * SAMPLE_M
    kernel = np.exp(-0.5 * ((metres - found[:, None]) / SPREAD_M) ** 2).sum(axis=0)
    share = FOUND_SHARE * len(cars) / (len(cars) + FOUND_CARS)
    likely = share * kernel / kernel.sum() + (1 - share) * known
    return np.asarray((1 - FLOOR) * likely + FLOOR / len(LENGTHS))
