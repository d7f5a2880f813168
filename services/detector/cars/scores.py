"""Log-scores of the segments of a track: what the evidence and the learned weights say of each possible car and gap."""

from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.cars.lengths import LENGTHS, length_prior
from railwatch.services.detector.imagery.arrays import Doubles, Integers, Mask

# Coupling gaps, in samples.
GAPS = np.arange(1, 6)
# At least this many samples lie between two cuts. Fewer are a coupling gap.
APART = int(GAPS[-1]) + 1
# Largest evidence that one sample may give, so that no stretch of track is beyond all doubt.
MOST_EVIDENCE = 3.0


@dataclass(frozen=True)
class Weights:
    """Log-weights of the field, learned (`railwatch.training`).

    Attributes:
        train_scale: how much a sample's evidence of a train counts. Neighbouring samples repeat each other.
        train_bias: added per sample of train.
        gap_scale: how much a sample's evidence between body and gap counts.
        gap_bias: added to the log-odds of a gap.
        cut: of either end of a cut.
        couple: of a coupling.
        alike: how much likelier two coupled cars have one length than the prior says (a factor, not a logarithm).
    """

    train_scale: float = 0.3
    train_bias: float = 0.0
    gap_scale: float = 0.8
    gap_bias: float = 0.0
    cut: float = -2.5
    couple: float = 0.0
    alike: float = 8.0


@dataclass(frozen=True)
class Evidence:
    """Evidence along tracks, padded to the longest: (tracks, samples) each.

    Attributes:
        train: log-likelihood ratio of a train, body or coupling gap, against empty track.
        gap: log-odds of a gap against a body where a train stands.
        seen: true where the sample was seen; elsewhere there is no evidence.
        counts: true where a car counts whose middle lies there.
        disagreement: of the two networks on a train, in probability; None where there is one network only.
    """

    train: Doubles
    gap: Doubles
    seen: Mask
    counts: Mask
    disagreement: Doubles | None = None


@dataclass(frozen=True)
class Scores:
    """Log-scores of segments, for each boundary after them.

    Attributes:
        body: (tracks, samples + 1, lengths), of a car's body.
        gap: (tracks, samples + 1, gaps), of a coupling gap.
        counted: (tracks, samples + 1, lengths), whether such a car is counted.
        prior: (lengths,), of a car's length.
        cut: of either end of a cut.
        alike: as in `Weights`.
    """

    body: Doubles
    gap: Doubles
    counted: Mask
    prior: Doubles
    cut: float
    alike: float


def scores_of(evidence: Evidence, weights: Weights, prior: Doubles | None = None) -> Scores:
    """The scores of all segments on all tracks.

    Args:
        evidence: along the tracks.
        weights: of the field.
        prior: (lengths,), the probability of each length of a car; that of any railcar without it.
    """
    seen = evidence.seen
    train = np.clip(weights.train_scale * evidence.train + weights.train_bias, -MOST_EVIDENCE, MOST_EVIDENCE)
    odds = evidence.gap + weights.gap_bias
    body, gap = (np.where(seen, train - weights.gap_scale * np.logaddexp(0, towards), 0.0) for towards in (odds, -odds))
    middle = np.clip(np.arange(seen.shape[1] + 1)[:, None] - (LENGTHS + 1) // 2, 0, seen.shape[1] - 1)
    counted = (_spans(seen.astype(np.float64), LENGTHS) >= 0.5 * LENGTHS) & evidence.counts[:, middle]
    return Scores(
        _spans(body, LENGTHS),
        _spans(gap, GAPS) + weights.couple,
        counted,
        np.log(length_prior() if prior is None else prior),
        weights.cut,
        weights.alike,
    )


def turned(scores: Scores) -> Scores:
    """The scores of the tracks run from their other end."""

    def flip(spans: Doubles, lengths: Integers) -> Doubles:
        stop = spans.shape[1] - 1 - np.arange(spans.shape[1])[:, None] + lengths
        inside = stop < spans.shape[1]
        other = spans[:, np.minimum(stop, spans.shape[1] - 1), np.arange(len(lengths))]
        return np.where(inside, other, -np.inf)

    counted = flip(scores.counted.astype(np.float64), LENGTHS) > 0.5
    return Scores(flip(scores.body, LENGTHS), flip(scores.gap, GAPS), counted, scores.prior, scores.cut, scores.alike)


def alike_lengths(shift: int) -> tuple[slice, slice]:
    """Where lengths longer by `shift` stand among `LENGTHS`, and where the lengths themselves do."""
    n = len(LENGTHS)
    return slice(max(shift, 0), n + min(shift, 0)), slice(max(-shift, 0), n + min(-shift, 0))


def _spans(values: Doubles, lengths: Integers) -> Doubles:
    """(tracks, samples + 1, lengths): sums over the samples before each boundary; minus infinity where none fit."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    before = np.arange(sums.shape[1])[:, None] - lengths
    return np.where(before >= 0, sums[:, :, None] - sums[:, np.maximum(before, 0)], -np.inf)
