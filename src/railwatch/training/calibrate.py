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

# Share of scenes that lie within each side of the interval. An end at 0 is never crossed, and half of the scenes are of
# styles that the networks do not know. Both sides together then cover 88 % of the scenes.
SIDE = 0.93
# Cost of an interval for each car by which it misses the truth, from the score of 90 % intervals.
MISS = 2 / 0.1
# Values that are tried. The scene-level term is never 0: pictures differ from all that was learned from.
SCENE_TERMS = (0.01, 0.02, 0.04)
ENTROPIES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
FLOORS = (0.1, 0.2, 0.4, 0.7, 1.0)
DISAGREEMENTS = (0.25, 0.5, 1.0, 2.0)
HIDDENS = (0.0, 0.05, 0.15, 0.4)
# The interval of a smaller count is measured as if the count were this: one car is too large a share of it.
LEAST_COUNT = 5
# Cars that are added to the width of every interval, so that one of no width is not the best of all.
LEAST_WIDTH = 0.3


@dataclass(frozen=True)
class Tally:
    """A scene that was counted: its count, the posterior, and the truth."""

    count: float
    posterior: Posterior
    true: float


def calibrate(tallies: Iterable[Tally]) -> Calibration:
    """The calibration with the best intervals among those that cover nine of ten of these scenes.

    One scene in fourteen lies beyond each side, by the conformal quantile with its correction for a finite number of
    scenes. The scene-level term, what entropy and disagreement add to it, and the floor are those with the least
    interval score relative to the count (Gneiting and Raftery, JASA 2007): narrow where the count is right, wide where
    it is not. The score's geometric mean is taken, so that an interval twice as narrow counts the same in clear and
    unclear scenes.
    """
    known = list(tallies)
    counts, true = (np.array([getattr(tally, name) for tally in known]) for name in ("count", "true"))
    errors = true - counts
    best, least = Calibration(), np.inf
    if not (counts >= LEAST_COUNT).any():
        return best
    for terms in product(SCENE_TERMS, ENTROPIES, FLOORS, DISAGREEMENTS, HIDDENS):
        shape = Calibration(1.0, 1.0, *terms)
        spreads = np.array([max(shape.spread(tally.count, tally.posterior), 1e-9) for tally in known])
        above, below = _reach(errors / spreads), _reach(-errors / spreads)
        beyond = np.maximum(errors - above * spreads, 0) + np.maximum(-errors - below * spreads, 0)
        width = above * spreads + np.minimum(below * spreads, counts)
        score = (width + LEAST_WIDTH + MISS * beyond) / np.maximum(counts, LEAST_COUNT)
        average = float(np.log(score).mean())
        if average < least:
            best, least = Calibration(round(below, 3), round(above, 3), *terms), average
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
