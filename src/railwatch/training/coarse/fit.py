"""Fits the chain and the interval of `railwatch.services.detector.coarse.occupancy` to the network's evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.coarse.occupancy import Chain, Reach, occupancy
from railwatch.services.detector.coarse.strips import SAMPLE_M
from railwatch.services.detector.tracks.strips import Layout
from railwatch.training.coarse.samples import Sample

# A 90 % interval leaves out a twentieth on either side.
LEFT_OUT = 0.05

# What is tried for the chain.
WEIGHTS, BIASES = (0.35, 0.6, 1.0), (-0.3, 0.0, 0.3, 0.6)
ENTER, LEAVE = (-6.0, -4.5), (-4.5, -3.5)

Doubles = NDArray[np.float64]


def fit_chain(odds: Sequence[Doubles], samples: Sequence[Sample]) -> Chain:
    """The chain of a grid with the least mean error of metres, as a share of the truth and 100 m.

    Args:
        odds: log-odds of each sample, by scene.
        samples: the scenes.
    """
    lengths = np.concatenate([sample.layout.lengths for sample in samples])
    firsts = np.cumsum([0, *(len(sample.seen) for sample in samples)])
    starts = np.concatenate([sample.layout.starts + first for sample, first in zip(samples, firsts[:-1], strict=True)])
    nowhere = np.full((int(firsts[-1]), 2), np.nan)
    together = Layout(starts, lengths, nowhere, nowhere, SAMPLE_M)
    log_odds = np.concatenate(list(odds))
    seen, counts = (np.concatenate([getattr(sample, name) for sample in samples]) for name in ("seen", "counts"))
    true = np.array([sample.occupied_m for sample in samples])
    best, least = Chain(1.0, 0.0, ENTER[0], LEAVE[0]), np.inf
    for weight, bias, enter, leave in product(WEIGHTS, BIASES, ENTER, LEAVE):
        chain = Chain(weight, bias, enter, leave)
        found = np.add.reduceat(counts * occupancy(log_odds, seen, together, chain).probability, firsts[:-1])
        error = float(np.mean(np.abs(SAMPLE_M * found - true) / (true + 100)))
        if error < least:
            best, least = chain, error
    return best


@dataclass(frozen=True)
class Tally:
    """What was measured in a scene, and the truth; metres."""

    mean: float
    variance: float
    doubt: float
    seen: float
    true: float


def tally(odds: Doubles, sample: Sample, chain: Chain) -> Tally:
    """What is measured in a scene."""
    found = occupancy(odds, sample.seen, sample.layout, chain)
    p = found.probability[sample.counts]
    return Tally(
        SAMPLE_M * float(p.sum()),
        SAMPLE_M**2 * float(found.spread[sample.counts].sum()),
        SAMPLE_M * float(4 * (p * (1 - p)).sum()),
        SAMPLE_M * float(sample.counts.sum()),
        sample.occupied_m,
    )


def fit_reach(tallies: Sequence[Tally]) -> Reach:
    """The parts of the spread with the least interval score (Gneiting and Raftery, 2007), stretched to cover 90 %."""
    best, least = Reach(2.0, 2.0, 0.1, 0.1, 10.0), np.inf
    for share, doubt, floor in product((0.03, 0.06, 0.12, 0.2), (0.05, 0.15, 0.3, 0.6), (3.0, 8.0, 20.0)):
        reach = _stretched(Reach(1.0, 1.0, share, doubt, floor), tallies)
        score = float(np.mean([_score(reach, one) for one in tallies]))
        if score < least:
            best, least = reach, score
    return best


def _stretched(shape: Reach, tallies: Sequence[Tally]) -> Reach:
    off = np.array(
        [(one.true - one.mean) / max(shape.spread(one.mean, one.variance, one.doubt), 1e-9) for one in tallies]
    )
    below, above = np.quantile(-off, 1 - LEFT_OUT), np.quantile(off, 1 - LEFT_OUT)
    return replace(shape, below=max(float(below), 0.5), above=max(float(above), 0.5))


def _score(reach: Reach, one: Tally) -> float:
    low, high = reach.interval(one.mean, one.variance, one.doubt, one.seen)
    missed = max(low - one.true, 0.0) + max(one.true - high, 0.0)
    return (high - low + missed / LEFT_OUT) / (one.true + 100)
