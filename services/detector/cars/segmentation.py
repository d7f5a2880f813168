"""Cars and gaps from evidence along the track: a semi-Markov random field, decoded exactly.

A track is a chain of segments: empty track, cars (7 to 30 m long, with a prior from rail practice) and coupling gaps
(0.5 to 2.5 m) between the cars of a cut. A car that follows another within a cut is likely as long as that one. Scores
add up over cells; sums over all segmentations give probabilities (forward recursion of semi-Markov conditional random
fields: Sarawagi and Cohen, NIPS 2004), the best segmentation gives the cars. The field has no direction: a track run
from its other end gives the same cars, and the backward recursion is the forward one on the reversed track.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.intervals import Posterior
from railwatch.services.detector.tracks.strips import CELL_M

Floats = NDArray[np.float64]

SHORTEST = round(7.0 / CELL_M)
LONGEST = round(30.0 / CELL_M)
LENGTHS = np.arange(SHORTEST, LONGEST + 1)
GAPS = np.arange(1, 6)
# Between two cuts lie at least so many cells; less is a coupling gap.
APART = int(GAPS[-1]) + 1
# Body lengths in metres (share, mean, sd): short hoppers and tanks, the 14 m gondola and its kin, 17 m box cars and
# flats, 20 m container flats, 23 m sliding-wall and 26 m articulated cars; and a little of everything between.
LENGTH_MIXTURE = (
    (0.25, 11.5, 1.0),
    (0.35, 13.5, 1.0),
    (0.18, 16.0, 1.2),
    (0.13, 19.0, 1.0),
    (0.05, 22.5, 1.2),
    (0.04, 26.0, 1.5),
)
LENGTH_FLOOR = 0.1
# A car counts as long as the one before it where they differ by two cells at most: the evidence is no finer.
ALIKE = {-2: 0.25, -1: 0.75, 0: 1.0, 1: 0.75, 2: 0.25}
# What one cell of evidence can say at most, so that no stretch of it is beyond all doubt.
MOST_EVIDENCE = 3.0


@dataclass(frozen=True)
class Grammar:
    """Log-weights of the field, learned (`railwatch.training`).

    Attributes:
        train_scale: what a cell's evidence of a train counts for; neighbouring cells say much the same.
        train_bias: added per cell of train.
        gap_scale: what a cell's evidence between body and gap counts for.
        gap_bias: added to the log-odds of a gap.
        cut: of either end of a cut.
        couple: of a coupling.
        alike: how much likelier two coupled cars are of a length than the prior says (factor, not log).
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
    """Evidence along tracks, padded to the longest: (tracks, cells) each.

    Attributes:
        train: log-likelihood ratio of a train, body or coupling gap, against empty track.
        gap: log-odds of a gap against a body where a train stands.
        seen: true where the cell was seen; elsewhere it says nothing.
        counts: true where a car counts whose middle lies there.
    """

    train: Floats
    gap: Floats
    seen: NDArray[np.bool_]
    counts: NDArray[np.bool_]


@dataclass(frozen=True)
class Segment:
    """A car on a track: first cell, one past its last, and the probability that it stands there."""

    start: int
    stop: int
    probability: float


@dataclass(frozen=True)
class Decoded:
    """What stands on one track: the likeliest cars, and what the evidence says of their number."""

    cars: tuple[Segment, ...]
    posterior: Posterior


@dataclass(frozen=True)
class _Tables:
    """Log-scores of segments, for each boundary after them: (tracks, cells + 1, lengths or gaps)."""

    body: Floats
    gap: Floats
    counted: NDArray[np.bool_]
    prior: Floats
    cut: float
    alike: float


@dataclass(frozen=True)
class _Starts:
    """Summed weights of what lies before a car that starts at each boundary with each length, its prior included.

    Attributes:
        weights: (tracks, cells + 1, lengths), without their scale.
        log_scale: (tracks, cells + 1).
    """

    weights: Floats
    log_scale: Floats

    def log(self, track: int, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
        """Logarithms, of cars on one track."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.weights[track, starts, lengths]) + self.log_scale[track, starts])


def length_prior() -> Floats:
    """Probability of each of `LENGTHS`."""
    metres = LENGTHS * CELL_M
    shape = sum(share / sd * np.exp(-0.5 * ((metres - mean) / sd) ** 2) for share, mean, sd in LENGTH_MIXTURE)
    return np.asarray((1 - LENGTH_FLOOR) * shape / np.sum(shape) + LENGTH_FLOOR / len(LENGTHS))


def decode(evidence: Evidence, grammar: Grammar) -> tuple[Decoded, ...]:
    """The cars on each track, and how sure their number is. Only cars of which half or more was seen are given.

    The number's mean and variance are derivatives of the log partition function with respect to the log-weight of a
    counted car, by central differences.
    """
    tables = _tables(evidence, grammar)
    likeliest = _best(tables)
    tilt = 0.05
    log_z, inward = _forward(tables, np.array([0.0, tilt, -tilt]))
    mean = (log_z[1] - log_z[2]) / (2 * tilt)
    variance = np.maximum((log_z[1] + log_z[2] - 2 * log_z[0]) / tilt**2, 0)
    _, outward = _forward(_reversed(tables), np.zeros(1))
    cars_near = _CarsNear(tables, inward, outward, log_z[0])
    doubt, cells = (_entropy(evidence.train) * evidence.seen).sum(axis=1), evidence.seen.sum(axis=1)
    decoded = []
    for track, cars in enumerate(likeliest):
        segments = tuple(
            Segment(start, stop, cars_near.probability(track, start, stop))
            for start, stop in cars
            if tables.counted[track, stop, stop - start - SHORTEST]
        )
        posterior = Posterior(float(mean[track]), float(variance[track]), float(doubt[track]), int(cells[track]))
        decoded.append(Decoded(segments, posterior))
    return tuple(decoded)


def likeliest_cars(evidence: Evidence, grammar: Grammar) -> list[list[tuple[int, int]]]:
    """Each track's likeliest cars in order, as (first cell, one past the last), those that do not count left out."""
    tables = _tables(evidence, grammar)
    return [
        [(start, stop) for start, stop in cars if tables.counted[track, stop, stop - start - SHORTEST]]
        for track, cars in enumerate(_best(tables))
    ]


def log_likelihood(evidence: Evidence, grammar: Grammar, cars: list[list[tuple[int, int]]]) -> Floats:
    """(tracks,), log-probability of given cars: each track's in order, as (first cell, one past the last)."""
    tables = _tables(evidence, grammar)
    scores = [_score(tables, track, segments) for track, segments in enumerate(cars)]
    return np.asarray(scores - _forward(tables, np.zeros(1))[0][0])


def _score(tables: _Tables, track: int, cars: list[tuple[int, int]]) -> float:
    total = 2 * tables.cut if cars else 0.0
    for number, (start, stop) in enumerate(cars):
        length = stop - start - SHORTEST
        total += float(tables.body[track, stop, length] + tables.prior[length])
        if number == 0:
            continue
        began, ended = cars[number - 1]
        if start - ended < APART:
            alike = tables.alike * ALIKE.get(length - (ended - began - SHORTEST), 0.0)
            total += float(tables.gap[track, start, start - ended - 1] + np.log1p(alike))
        else:
            total += 2 * tables.cut
    return total


def _entropy(log_odds: Floats) -> Floats:
    """Of a choice between two, in nats."""
    size = np.abs(log_odds)
    return np.asarray(np.logaddexp(0, -size) + size / (1 + np.exp(size)))


def _tables(evidence: Evidence, grammar: Grammar) -> _Tables:
    seen = evidence.seen
    train = np.clip(grammar.train_scale * evidence.train + grammar.train_bias, -MOST_EVIDENCE, MOST_EVIDENCE)
    odds = evidence.gap + grammar.gap_bias
    body, gap = (np.where(seen, train - grammar.gap_scale * np.logaddexp(0, towards), 0.0) for towards in (odds, -odds))
    middle = np.clip(np.arange(seen.shape[1] + 1)[:, None] - (LENGTHS + 1) // 2, 0, seen.shape[1] - 1)
    counted = (_spans(seen.astype(np.float64), LENGTHS) >= 0.5 * LENGTHS) & evidence.counts[:, middle]
    return _Tables(
        _spans(body, LENGTHS),
        _spans(gap, GAPS) + grammar.couple,
        counted,
        np.log(length_prior()),
        grammar.cut,
        grammar.alike,
    )


def _spans(values: Floats, lengths: NDArray[np.int64]) -> Floats:
    """(tracks, cells + 1, lengths): sums over the cells before each boundary; minus infinity where they do not fit."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    before = np.arange(sums.shape[1])[:, None] - lengths
    return np.where(before >= 0, sums[:, :, None] - sums[:, np.maximum(before, 0)], -np.inf)


def _reversed(tables: _Tables) -> _Tables:
    """The tables of the tracks run from their other end."""

    def flip(spans: Floats, lengths: NDArray[np.int64]) -> Floats:
        stop = spans.shape[1] - 1 - np.arange(spans.shape[1])[:, None] + lengths
        inside = stop < spans.shape[1]
        turned = spans[:, np.minimum(stop, spans.shape[1] - 1), np.arange(len(lengths))]
        return np.where(inside, turned, -np.inf)

    counted = flip(tables.counted.astype(np.float64), LENGTHS) > 0.5
    return _Tables(flip(tables.body, LENGTHS), flip(tables.gap, GAPS), counted, tables.prior, tables.cut, tables.alike)


def _forward(tables: _Tables, tilts: Floats) -> tuple[Floats, _Starts]:
    """Sums over segmentations, in blocks as long as the shortest car: no car starts and ends within one.

    Args:
        tables: scores.
        tilts: (k,), log-weights added for each counted car.

    Returns:
        Log partition functions (k, tracks), and for the first tilt what lies before a car.
    """
    tracks, boundaries, lengths = tables.body.shape
    k = len(tilts)
    tilt = np.exp(tilts)[:, None, None, None]
    gaps = np.exp(tables.gap)
    prior, cut = np.exp(tables.prior), np.exp(tables.cut)
    # Weights of the cars that end at each boundary of this block and as far on as one reaches that starts in it.
    pending = np.zeros((k, tracks, SHORTEST + LONGEST, lengths))
    starts = np.zeros((tracks, boundaries, lengths))
    scale = np.zeros((k, tracks))
    log_scale = np.zeros((tracks, boundaries))
    ended = np.zeros((k, tracks, APART, lengths))
    empty = np.ones((k, tracks))
    for first in range(0, boundaries, SHORTEST):
        last = min(first + SHORTEST, boundaries)
        size = last - first
        body = np.exp(tables.body[:, first:last])
        weights = np.where(tables.counted[:, first:last], body * tilt, body)
        cars = np.concatenate([ended, pending[:, :, :size] * weights], axis=2)
        totals = cut * cars.sum(axis=3)
        free = empty[:, :, None] + np.cumsum(totals[:, :, 0:size], axis=2)
        coupled = sum(cars[:, :, APART - gap : APART - gap + size] * gaps[:, first:last, gap - 1, None] for gap in GAPS)
        begin = prior * (cut * free[..., None] + _remembered(np.asarray(coupled), tables.alike))
        pending[:, :, np.arange(size)[:, None] + LENGTHS, np.arange(lengths)] = begin
        starts[:, first:last] = begin[0]
        log_scale[:, first:last] = scale[0][:, None]
        ended, empty = cars[:, :, -APART:], free[:, :, -1]
        largest = np.maximum(empty, ended.sum(axis=(2, 3)))
        shrink = 1 / largest
        scale += np.log(largest)
        empty, ended = empty * shrink, ended * shrink[..., None, None]
        pending[:, :, :LONGEST] = pending[:, :, SHORTEST:] * shrink[..., None, None]
        pending[:, :, LONGEST:] = 0
    return scale + np.log(empty + cut * ended.sum(axis=(2, 3))), _Starts(starts, log_scale)


def _remembered(coupled: Floats, alike: float) -> Floats:
    """Sum over the length of the car before, the last axis: any, and more of it where the lengths are alike."""
    total = coupled.sum(axis=-1, keepdims=True) + np.zeros_like(coupled)
    for shift, weight in ALIKE.items():
        to, of = _shifted(shift)
        total[..., to] += alike * weight * coupled[..., of]
    return np.asarray(total)


def _shifted(shift: int) -> tuple[slice, slice]:
    """Where lengths longer by `shift` stand, and where the lengths themselves do."""
    n = len(LENGTHS)
    return slice(max(shift, 0), n + min(shift, 0)), slice(max(-shift, 0), n + min(-shift, 0))


@dataclass(frozen=True)
class _CarsNear:
    tables: _Tables
    inward: _Starts
    outward: _Starts
    log_z: Floats

    def probability(self, track: int, start: int, stop: int) -> float:
        """Probability of a car whose ends lie within three cells of these."""
        boundaries = self.tables.body.shape[1]
        begins, ends = np.meshgrid(np.arange(start - 3, start + 4), np.arange(stop - 3, stop + 4), indexing="ij")
        length = ends - begins - SHORTEST
        fits = (begins >= 0) & (ends < boundaries) & (length >= 0) & (length < len(LENGTHS))
        begins, ends, length = begins[fits], ends[fits], length[fits]
        log_weight = (
            self.inward.log(track, begins, length)
            + self.tables.body[track, ends, length]
            + self.outward.log(track, boundaries - 1 - ends, length)
            - self.tables.prior[length]
        )
        return float(min(np.exp(log_weight - self.log_z[track]).sum(), 1.0))


def _best(tables: _Tables) -> list[list[tuple[int, int]]]:
    """The likeliest segmentation of each track, as its cars (Viterbi, in the blocks of `_forward`)."""
    tracks, boundaries, lengths = tables.body.shape
    low = -np.inf
    pending = np.full((tracks, SHORTEST + LONGEST, lengths), low)
    cars = np.full((tracks, boundaries + APART, lengths), low)
    coupled = np.full((tracks, boundaries, lengths), low)
    free = np.zeros((tracks, boundaries))
    empty = np.zeros(tracks)
    for first in range(0, boundaries, SHORTEST):
        last = min(first + SHORTEST, boundaries)
        size = last - first
        cars[:, first + APART : last + APART] = pending[:, :size] + tables.body[:, first:last]
        ends = cars[:, first : first + size].max(axis=2) + tables.cut
        free[:, first:last] = np.maximum(empty[:, None], np.maximum.accumulate(ends, axis=1))
        empty = free[:, last - 1]
        for gap in GAPS:
            score_here = cars[:, first + APART - gap : last + APART - gap] + tables.gap[:, first:last, gap - 1, None]
            np.maximum(coupled[:, first:last], score_here, out=coupled[:, first:last])
        before = np.maximum(free[:, first:last, None] + tables.cut, _most_alike(coupled[:, first:last], tables.alike))
        pending[:, np.arange(size)[:, None] + LENGTHS, np.arange(lengths)] = tables.prior + before
        pending[:, :LONGEST] = pending[:, SHORTEST:]
        pending[:, LONGEST:] = low
    ended = cars[:, APART:]
    return [_trace(tables, track, ended[track], coupled[track], free[track]) for track in range(tracks)]


def _most_alike(coupled: Floats, alike: float) -> Floats:
    best = coupled.max(axis=-1, keepdims=True) + np.zeros_like(coupled)
    for shift, weight in ALIKE.items():
        to, of = _shifted(shift)
        best[..., to] = np.maximum(best[..., to], coupled[..., of] + np.log1p(alike * weight))
    return np.asarray(best)


def _trace(tables: _Tables, track: int, ended: Floats, coupled: Floats, free: Floats) -> list[tuple[int, int]]:
    """Back from the end: which car ended last, what came before it."""
    boundary = len(free) - 1
    tail = ended[max(boundary - APART + 1, 0) :].max(axis=1) + tables.cut
    found: list[tuple[int, int]] = []
    at_end = tail.max() > free[boundary]
    stop = boundary - len(tail) + 1 + int(tail.argmax()) if at_end else _last_end(free, boundary)
    while stop >= 0:
        length = int(ended[stop].argmax())
        coupling = True
        while coupling:
            start = stop - int(LENGTHS[length])
            found.append((start, stop))
            bonus = np.log1p(tables.alike * np.array([ALIKE.get(length - other, 0.0) for other in range(len(LENGTHS))]))
            before = coupled[start] + bonus
            coupling = bool(before.max() > free[start] + tables.cut)
            if coupling:
                length = int(before.argmax())
                gaps = [
                    ended[start - gap, length] + tables.gap[track, start, gap - 1] if gap <= start else -np.inf
                    for gap in GAPS
                ]
                stop = start - int(GAPS[int(np.argmax(gaps))])
        stop = _last_end(free, start)
    return found[::-1]


def _last_end(free: Floats, boundary: int) -> int:
    """Where the last car before an empty stretch ended that reaches to `boundary`; -1 where there was none."""
    value = free[boundary]
    if value <= 0:
        return -1
    return int(np.argmax(free[: boundary + 1] >= value)) - APART
