"""The interval of a count: what the segmentation leaves open, and the errors that all cars of a scene share.

Errors within a scene go together (light, blur, a kind of car that the model does not know), so the posterior alone is
too narrow. A share of the count is added to it as a scene-level term. It grows with the entropy of the evidence between
track and train: entropy is high in a scene that the model does not know well. The disagreement of the two networks is
added, and the cars for which uncertain samples have room: a count of zero is only as certain as its evidence. A pair
whose evidence is unfamiliar is read without its baseline too, and half of the difference is added. So is how far the
number depends on the lengths that the scene's cars may have. The result is stretched until it covers the truth in nine
of ten scenes that no part of the model has seen (split conformal prediction: Lei et al., JASA 2018).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Samples that an average car with its coupling takes up.
CAR_SAMPLES = 29.0


@dataclass(frozen=True)
class Posterior:
    """What the evidence says of a number of cars.

    Attributes:
        mean: of the number.
        variance: of the number.
        entropy: of the evidence between track and train, in nats, summed over samples.
        samples: how many samples of track were seen.
        disagreement: of the two networks on a train, in probability, summed over samples.
        apart: how many more cars the tile shows without its baseline; 0 where that was not asked.
        fleet: standard deviation of the number because the lengths of the scene's cars are in doubt; negative where
            other lengths make fewer cars, so that tracks may cancel.
    """

    mean: float
    variance: float
    entropy: float
    samples: int
    disagreement: float = 0.0
    apart: float = 0.0
    fleet: float = 0.0

    @property
    def entropy_per_sample(self) -> float:
        """Nats: 0 where all is clear, ln 2 where nothing is known."""
        return self.entropy / max(self.samples, 1)


@dataclass(frozen=True)
class Calibration:
    """How far a 90 % interval reaches, in units of the spread.

    Attributes:
        below: towards fewer cars.
        above: towards more cars.
        scene: the scene-level term, as a share of the count.
        entropy: what is added to that share for each nat of entropy per sample.
        floor: spread of a count of cars that seem certain.
        disagreement: what is added for each car's length of track on which the networks disagree.
        hidden: what is added for each car's length of track that is wholly uncertain.
        familiar: entropy per sample, in nats, that one scene in twenty exceeds among those like the ones learned from.
        apart: share of the difference between a pair and its tile alone that is added, where that was asked.
        beyond: as share of the count, what is added for each nat of entropy per sample beyond `familiar`. Chosen on 154
            scenes of three styles: intervals of single pictures far beyond it held in four of seven without it.
    """

    below: float = 1.645
    above: float = 1.645
    scene: float = 0.02
    entropy: float = 0.2
    floor: float = 0.2
    disagreement: float = 0.0
    hidden: float = 0.0
    familiar: float = 1.0
    apart: float = 0.5
    beyond: float = 1.0

    def spread(self, count: float, posterior: Posterior) -> float:
        """Standard deviation of a count's error."""
        share = self.scene + self.entropy * posterior.entropy_per_sample
        disagreement = self.disagreement * posterior.disagreement / CAR_SAMPLES
        hidden = self.hidden * posterior.entropy / (np.log(2) * CAR_SAMPLES)
        # A count of zero has no floor where the evidence leaves no car in question.
        floor = 0.0 if count == 0 and posterior.mean < 0.05 else self.floor
        away = posterior.mean - count
        strange = self.beyond * max(0.0, posterior.entropy_per_sample - self.familiar) * count
        apart = self.apart * posterior.apart
        terms = (away, share * count, disagreement, hidden, floor, apart, posterior.fleet, strange)
        return float(np.sqrt(posterior.variance + sum(term**2 for term in terms)))

    def interval(self, count: float, posterior: Posterior) -> tuple[float, float]:
        """Lower and upper end, never below 0, rounded to tenths."""
        spread = self.spread(count, posterior)
        return max(0.0, round(count - self.below * spread, 1)), round(count + self.above * spread, 1)


def of_all(posteriors: Iterable[Posterior]) -> Posterior:
    """The posterior of all cars together, from those of each track."""
    each = list(posteriors)
    return Posterior(
        sum(posterior.mean for posterior in each),
        sum(posterior.variance for posterior in each),
        sum(posterior.entropy for posterior in each),
        sum(posterior.samples for posterior in each),
        sum(posterior.disagreement for posterior in each),
        sum(posterior.apart for posterior in each),
        sum(posterior.fleet for posterior in each),
    )
