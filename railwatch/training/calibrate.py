"""How far a 90 % interval must reach: split conformal prediction over scenes that the networks have not seen."""

import numpy as np

from railwatch.training.grammar import Example
from services.detector.intervals import Calibration
from services.detector.segmentation import Grammar, decode

# Each side is left by one scene in twenty.
SIDE = 0.95


def calibrate(examples: list[Example], grammar: Grammar) -> Calibration:
    """The calibration whose intervals, stretched to cover nine in ten of the scenes, are narrowest (median width)."""
    tallies = [_tally(example, grammar) for example in examples]
    best, narrowest = Calibration(), np.inf
    for scene in (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1):
        for floor in (0.1, 0.2, 0.4, 0.7):
            shape = Calibration(1.0, 1.0, scene, floor)
            spreads = np.array([shape.spread(count, mean, variance) for count, mean, variance, _ in tallies])
            errors = np.array([true - count for count, _, _, true in tallies]) / np.maximum(spreads, 1e-9)
            above, below = _reach(errors), _reach(-errors)
            width = float(np.median((above + below) * spreads / np.maximum([tally[3] for tally in tallies], 5)))
            if width < narrowest:
                best, narrowest = Calibration(round(below, 3), round(above, 3), scene, floor), width
    return best


def _tally(example: Example, grammar: Grammar) -> tuple[float, float, float, float]:
    """Count, posterior mean and variance, and truth of a scene."""
    decoded = decode(example.evidence, grammar)
    count = float(sum(len(track.cars) for track in decoded))
    mean = sum(track.mean for track in decoded)
    return count, mean, sum(track.variance for track in decoded), float(sum(map(len, example.cars)))


def _reach(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The conformal quantile, with its correction for few scenes; at least 1."""
    level = min(1.0, SIDE * (1 + 1 / len(errors)))
    return max(1.0, float(np.quantile(errors, level, method="higher")))
