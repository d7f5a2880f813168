"""How long railcars are: the one place for the lengths that the detector knows.

A site's `car_lengths_m` says which lengths to expect there, and narrows what any railcar can have.
"""

import numpy as np

from railwatch.services.detector.imagery.arrays import Doubles
from railwatch.services.detector.tracks.strips import SAMPLE_M

# Shortest and longest car, in metres, and their lengths in samples with all lengths between.
SHORTEST_M, LONGEST_M = 6.5, 30.0
SHORTEST, LONGEST = round(SHORTEST_M / SAMPLE_M), round(LONGEST_M / SAMPLE_M)
LENGTHS = np.arange(SHORTEST, LONGEST + 1)
# Length of an average car with its coupling, in metres.
TYPICAL_M = 15.0
# Body lengths in metres (share, mean, standard deviation): four-wheelers, short hoppers and tanks, the 14 m gondola and
# similar cars, 17 m box cars and flats, 20 m container flats, 23 m sliding-wall cars, and 26 m articulated ones.
MIXTURE = (
    (0.08, 8.2, 0.9),
    (0.23, 11.5, 1.0),
    (0.33, 13.5, 1.0),
    (0.16, 16.0, 1.2),
    (0.11, 19.0, 1.0),
    (0.05, 22.5, 1.2),
    (0.04, 26.0, 1.5),
)
# Share of the prior that is spread evenly over all lengths.
FLOOR = 0.1
# What a car is longer over its couplers than its body is. People give either length.
COUPLERS_M = 1.5
# How alike two lengths are, by their difference in samples. The evidence is no finer than two samples.
ALIKE = {-2: 0.25, -1: 0.75, 0: 1.0, 1: 0.75, 2: 0.25}


def length_prior(expected_m: tuple[float, float] | None = None) -> Doubles:
    """Probability of each of `LENGTHS`, which are lengths of bodies.

    Args:
        expected_m: the shortest and the longest car to expect, with or without couplers. Others stay possible, with the
            share `FLOOR`: a strange wagon may always come. Any railcar without it.
    """
    metres = LENGTHS * SAMPLE_M
    shape = np.asarray(sum(share / sd * np.exp(-0.5 * ((metres - mean) / sd) ** 2) for share, mean, sd in MIXTURE))
    if expected_m is not None:
        shape = np.where((metres >= expected_m[0] - COUPLERS_M) & (metres <= expected_m[1]), shape, 0.0)
    known = shape / shape.sum() if shape.any() else np.zeros_like(shape)
    return np.asarray((1 - FLOOR) * known + (FLOOR if shape.any() else 1.0) / len(LENGTHS))
