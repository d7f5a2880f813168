"""Fits the decoder's few weights: maximum likelihood of the true cars, given the network's evidence."""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from services.detector.segmentation import LONGEST, SHORTEST, Evidence, Grammar, log_likelihood

Cars = list[list[tuple[int, int]]]
# Weights that scale evidence or likelihood are positive: they are fitted as logarithms.
POSITIVE = np.array([True, False, True, False, False, False, True])


@dataclass(frozen=True)
class Example:
    """One picture's evidence by track, and the cars that stand there, in padded cells."""

    evidence: Evidence
    cars: Cars


def fit_grammar(examples: list[Example], evaluations: int = 250) -> Grammar:
    """The grammar under which the true cars are likeliest, each track counting for about its number of cars."""

    def loss(vector: NDArray[np.float64]) -> float:
        grammar = _grammar(vector)
        total, cars = 0.0, 1
        for example in examples:
            likelihood = log_likelihood(example.evidence, grammar, example.cars)
            total -= float(np.maximum(likelihood, -60).sum())
            cars += sum(len(track) for track in example.cars)
        return total / cars

    start = np.array(astuple(Grammar()))
    vector = np.where(POSITIVE, np.log(np.maximum(start, 1e-9)), start)
    steps = np.vstack([vector, vector + 0.4 * np.eye(len(vector))])
    found = minimize(
        loss, vector, method="Nelder-Mead", options={"maxfev": evaluations, "initial_simplex": steps, "adaptive": True}
    )
    return _grammar(found.x)


def lawful(cars: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cars as the decoder can have them: of lawful length, at least a cell apart.

    A car cut by the tile's edge goes on beyond it, into the padding.
    """
    apart: list[tuple[int, int]] = []
    for start, stop in cars:
        begin = max(start, apart[-1][1] + 1) if apart else start
        if stop - begin < SHORTEST:
            begin, stop = (stop - SHORTEST, stop) if not apart else (begin, begin + SHORTEST)
        apart.append((max(begin, 0), min(stop, begin + LONGEST)))
    return apart


def _grammar(vector: NDArray[np.float64]) -> Grammar:
    return Grammar(*(float(value) for value in np.where(POSITIVE, np.exp(np.clip(vector, -9, 5)), vector)))
