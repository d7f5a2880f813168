"""Which stretches of track are under a train: evidence of each sample, and a chain of empty and occupied stretches."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask
from railwatch.services.detector.tracks.strips import Layout

MODEL_FILE = Path(__file__).parent / "model.json"
# Step of the difference quotient that gives the variance.
TILT = 0.01


@dataclass(frozen=True)
class Chain:
    """The chain along a track.

    Attributes:
        weight: how much of its log-odds a sample contributes; neighbouring samples repeat each other.
        bias: added to the log-odds.
        enter: log-weight of the step from empty to occupied.
        leave: log-weight of the step from occupied to empty.
    """

    weight: float
    bias: float
    enter: float
    leave: float


@dataclass(frozen=True)
class Reach:
    """How far a 90 % interval of metres reaches.

    Attributes:
        below: in units of the spread, towards fewer metres.
        above: towards more.
        share: of the metres, that all errors of a scene have in common.
        doubt: of the metres of which nothing is known.
        floor: metres.
    """

    below: float
    above: float
    share: float
    doubt: float
    floor: float

    def interval(self, mean: float, variance: float, doubt: float, seen: float) -> tuple[float, float]:
        """Lower and upper end, between 0 and the track that was seen; all in metres."""
        terms = self.share * mean, self.doubt * doubt, self.floor
        spread = float(np.sqrt(variance + sum(term**2 for term in terms)))
        return max(0.0, mean - self.below * spread), min(max(seen, mean), mean + self.above * spread)


@dataclass(frozen=True)
class Model:
    """Everything that was fitted; `made` of the file says to what.

    Attributes:
        version: of the file, part of a count's `algorithm`.
        mean: (f,), of the features.
        scale: (f,), one over their spread.
        weights: (f + 1,), of the log-odds; the last is the bias.
        chain: the chain.
        reach: the interval.
    """

    version: str
    mean: Doubles
    scale: Doubles
    weights: Doubles
    chain: Chain
    reach: Reach

    def log_odds(self, features: Floats) -> Doubles:
        """(n,), that a sample is under a train, from features (n, f)."""
        return np.asarray(((features - self.mean) * self.scale) @ self.weights[:-1] + self.weights[-1])


@lru_cache
def load_model(path: Path = MODEL_FILE) -> Model:
    """The model as it is shipped."""
    text = json.loads(path.read_text(encoding="utf-8"))
    mean, scale, weights = (np.array(text[name]) for name in ("mean", "scale", "weights"))
    return Model(text["version"], mean, scale, weights, Chain(**text["chain"]), Reach(**text["reach"]))


@dataclass(frozen=True)
class Occupancy:
    """The chain along all tracks.

    Attributes:
        probability: (n,), that a sample is under a train; 0 between tracks.
        spread: (n,), what a sample contributes to the variance of their sum.
    """

    probability: Doubles
    spread: Doubles


def occupancy(log_odds: Doubles, seen: Mask, layout: Layout, chain: Chain) -> Occupancy:
    """Posterior of each sample. Samples that were not seen contribute nothing, and follow their neighbours.

    The variance of the number of occupied samples is the derivative of its mean by a common tilt of all log-odds.

    Args:
        log_odds: (n,).
        seen: (n,).
        layout: the tracks.
        chain: the chain.
    """
    evidence = np.where(seen, chain.weight * (log_odds + chain.bias), 0.0)
    up, down = (_posterior(evidence + tilt * seen, layout, chain) for tilt in (TILT, -TILT))
    return Occupancy(_posterior(evidence, layout, chain), np.maximum(up - down, 0) / (2 * TILT))


def _posterior(evidence: Doubles, layout: Layout, chain: Chain) -> Doubles:
    """Forward and backward sums (Rabiner, 1989) for all tracks at once, as log-odds of occupied over empty."""
    stay_empty, stay_occupied = np.log1p(-np.exp(chain.enter)), np.log1p(-np.exp(chain.leave))
    places = layout.starts[:, None] + np.arange(int(layout.lengths.max(initial=0)))
    beyond = np.arange(places.shape[1]) >= layout.lengths[:, None]
    rows = np.where(beyond, 0.0, evidence[np.where(beyond, 0, places)]).T
    ahead, behind = np.zeros_like(rows), np.zeros_like(rows)
    known = np.full(len(layout.starts), chain.enter - chain.leave)
    for at, row in enumerate(rows):
        ahead[at] = known + row
        known = np.logaddexp(chain.enter, stay_occupied + ahead[at]) - np.logaddexp(stay_empty, chain.leave + ahead[at])
    for at in range(len(rows) - 2, -1, -1):
        known = behind[at + 1] + rows[at + 1]
        behind[at] = np.logaddexp(chain.leave, stay_occupied + known) - np.logaddexp(stay_empty, chain.enter + known)
    posterior = np.zeros(len(evidence))
    posterior[places[~beyond]] = 1 / (1 + np.exp(-np.clip(ahead + behind, -500, 500).T[~beyond]))
    return posterior
