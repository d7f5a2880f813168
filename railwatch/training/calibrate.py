"""How far a 90 % interval must reach: split conformal prediction over scenes that nothing else was fitted to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from railwatch.training.cases import Case
from services.detector.counting import count_tile
from services.detector.evidence import Models
from services.detector.intervals import Calibration

# Each side is left by one scene in twenty.
SIDE = 0.95
# What all cars of a scene have in common is never nothing: pictures differ from all that was learned from.
SCENE_TERMS = (0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16)
FLOORS = (0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Tally:
    """A scene that was counted: its count, the posterior's spread about that count, and the truth."""

    count: float
    spread: float
    true: float


def calibrate(tallies: Iterable[Tally]) -> Calibration:
    """The narrowest calibration (median width relative to the count) that covers as many of these scenes as it says.

    The scene-level term, the floor and the reach to either side are chosen together; each side is left by one scene in
    twenty, by the conformal quantile with its correction for a finite number of scenes.
    """
    known = list(tallies)
    best, narrowest = Calibration(), np.inf
    for scene in SCENE_TERMS:
        for floor in FLOORS:
            shape = Calibration(1.0, 1.0, scene, floor)
            spreads = np.array([shape.spread(tally.count, tally.count, tally.spread**2) for tally in known])
            errors = np.array([tally.true - tally.count for tally in known]) / np.maximum(spreads, 1e-9)
            above, below = _reach(errors), _reach(-errors)
            counts = np.array([tally.count for tally in known])
            widths = ((above + below) * spreads / np.maximum(counts, 1))[counts >= 5]
            if len(widths) and float(np.median(widths)) < narrowest:
                best = Calibration(round(below, 3), round(above, 3), scene, floor)
                narrowest = float(np.median(widths))
    return best


def tally(case: Case, models: Models) -> Tally | None:
    """A case as the whole of the detector counts it; None where it is rejected."""
    bare = replace(models.pair if case.baseline else models.single, calibration=Calibration(1.0, 1.0, 0.0, 0.0))
    counted = count_tile(
        case.tile, case.baseline, case.tracks, sun=case.sun, models=replace(models, pair=bare, single=bare)
    ).count
    if counted.count is None or counted.high is None:
        return None
    return Tally(counted.count, counted.high - counted.count, float(len(case.cars)))


def _reach(errors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The conformal quantile; at least half a spread."""
    level = min(1.0, SIDE * (1 + 1 / len(errors)))
    return max(0.5, float(np.quantile(errors, level)))
