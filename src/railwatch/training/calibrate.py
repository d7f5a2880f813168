"""How far a 90 % interval must reach: split conformal prediction over scenes to which nothing else was fitted."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from railwatch.services.detector.cars.evidence import Models
from railwatch.services.detector.cars.intervals import Calibration, Posterior
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.arrays import Doubles
from railwatch.training.cases import Case

# Share of scenes that lie within each side of the interval.
SIDE = 0.95
# Cost of an interval for each car by which it misses the truth, from the score of 90 % intervals.
MISS = 2 / 0.1
# Values that are tried. The scene-level term is never 0: pictures differ from all that was learned from.
SCENE_TERMS = (0.01, 0.02, 0.03, 0.04, 0.06)
ENTROPIES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
FLOORS = (0.1, 0.2, 0.4, 0.7, 1.0)
# Smaller counts do not influence the shape: one car more or less is too large a share of them.
LEAST_COUNT = 5


@dataclass(frozen=True)
class Tally:
    """A scene that was counted: its count, the posterior, and the truth."""

    count: float
    posterior: Posterior
    true: float


def calibrate(tallies: Iterable[Tally]) -> Calibration:
    """The calibration with the best intervals among those that cover nine of ten of these scenes.

    One scene in twenty lies beyond each side, by the conformal quantile with its correction for a finite number of
    scenes. The scene-level term, what entropy adds to it, and the floor are those with the least interval score
    relative to the count (Gneiting and Raftery, JASA 2007): narrow where the count is right, wide where it is not. The
    score's geometric mean is taken, so that an interval twice as narrow counts the same in clear and unclear scenes.
    """
    known = list(tallies)
    counts, true = (np.array([getattr(tally, name) for tally in known]) for name in ("count", "true"))
    errors, large = true - counts, counts >= LEAST_COUNT
    best, least = Calibration(), np.inf
    for scene, entropy, floor in product(SCENE_TERMS, ENTROPIES, FLOORS):
        shape = Calibration(1.0, 1.0, scene, entropy, floor)
        spreads = np.array([max(shape.spread(tally.count, tally.posterior), 1e-9) for tally in known])
        above, below = _reach(errors / spreads), _reach(-errors / spreads)
        beyond = np.maximum(errors - above * spreads, 0) + np.maximum(-errors - below * spreads, 0)
        score = ((above + below) * spreads + MISS * beyond) / np.maximum(counts, 1)
        average = float(np.log(score[large]).mean()) if large.any() else np.inf
        if average < least:
            best, least = Calibration(round(below, 3), round(above, 3), scene, entropy, floor), average
    return best


def tally(case: Case, models: Models) -> Tally | None:
    """A case as the whole detector counts it; None where it is rejected."""
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun, models=models)
    if counted.count.count is None or counted.posterior is None:
        return None
    return Tally(counted.count.count, counted.posterior, float(len(case.cars)))


def _reach(errors: Doubles) -> float:
    """The conformal quantile; at least half a spread."""
    level = min(1.0, SIDE * (1 + 1 / len(errors)))
    return max(0.5, float(np.quantile(errors, level)))
