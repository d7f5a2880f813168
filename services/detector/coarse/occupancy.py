"""Which stretches of track are under a train: evidence of each sample, and a chain of empty and occupied stretches."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from railwatch.services.detector.coarse.planes import View
from railwatch.services.detector.imagery.arrays import Doubles, Mask
from railwatch.services.detector.tracks.sessions import Session, load_session
from railwatch.services.detector.tracks.strips import Layout

NETWORK_FILE = Path(__file__).with_name("model") / "trains.onnx"
# Chain and interval.
NUMBERS_FILE = Path(__file__).with_name("model") / "chain.json"
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
        spread = self.spread(mean, variance, doubt)
        return max(0.0, mean - self.below * spread), min(max(seen, mean), mean + self.above * spread)

    def spread(self, mean: float, variance: float, doubt: float) -> float:
        """All that is uncertain, as a standard deviation, in metres."""
        terms = self.share * mean, self.doubt * doubt, self.floor
        return float(np.sqrt(variance + sum(term**2 for term in terms)))


@dataclass(frozen=True)
class Model:
    """Everything that was fitted.

    Attributes:
        version: of the files, part of a count's `algorithm`.
        network: log-odds of each sample of a track, from its planes.
        chain: the chain.
        reach: the interval.
    """

    version: str
    network: Session
    chain: Chain
    reach: Reach

    def log_odds(self, view: View, layout: Layout) -> Doubles:
        """(n,), that a sample is under a train; 0 between tracks."""
        planes, odds = view.planes(), np.zeros(len(view.seen))
        for number in range(len(layout.starts)):
            samples = layout.track(number)
            odds[samples] = self.network(planes=planes[:, samples])
        return odds


@lru_cache
def load_model(network: Path = NETWORK_FILE, numbers: Path = NUMBERS_FILE) -> Model:
    """The model as it is shipped."""
    session, text = load_session(network), numbers.read_bytes()
    found = json.loads(text)
    version = session.version + hashlib.sha256(text).hexdigest()[:4]
    return Model(version, session, Chain(**found["chain"]), Reach(**found["reach"]))


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
