from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.detector.cars.lengths import LENGTHS, LONGEST, SHORTEST, length_prior
from railwatch.services.detector.cars.scores import APART, GAPS, Evidence, Weights
from railwatch.services.detector.cars.segmentation import Decoded, decode, log_likelihood

WEIGHTS = Weights(train_scale=0.4, train_bias=0.0, gap_scale=1.0, gap_bias=0.0, cut=-2.0, couple=-0.5, alike=8.0)
SAMPLES = 40


def seen(train: np.ndarray, gap: np.ndarray) -> Evidence:
    everywhere = np.ones(train.shape, dtype=bool)
    return Evidence(train, gap, everywhere, everywhere)


def painted(samples: int, *stretches: tuple[int, int, str]) -> Evidence:
    """Clear evidence: bodies and gaps where given, empty track elsewhere."""
    train, gap = np.full((1, samples), -4.0), np.full((1, samples), -4.0)
    for start, stop, kind in stretches:
        train[0, start:stop] = 4.0
        gap[0, start:stop] = 4.0 if kind == "gap" else -4.0
    return seen(train, gap)


def every_segmentation(samples: int) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = [[]]
    for start, length in product(range(samples), LENGTHS):
        stop = start + int(length)
        if stop <= samples:
            found.append([(start, stop)])
            for start_2, length_2 in product(range(stop + 1, samples), LENGTHS):
                if start_2 + length_2 <= samples:
                    found.append([(start, stop), (start_2, start_2 + int(length_2))])
    return found


def noise(seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    return seen(rng.normal(2.5, 2, (1, SAMPLES)), rng.normal(-1, 3, (1, SAMPLES)))


def centres(decoded: Decoded) -> list[float]:
    return [(car.start + car.stop) / 2 for car in decoded.cars]


@pytest.mark.parametrize("seed", range(4))
def test_all_segmentations_together_have_probability_one(seed: int) -> None:
    evidence = noise(seed)
    likelihoods = [float(log_likelihood(evidence, WEIGHTS, [cars])[0]) for cars in every_segmentation(SAMPLES)]

    assert np.exp(likelihoods).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_cars_are_those_of_the_likeliest_segmentation(seed: int) -> None:
    evidence = noise(seed)
    every = every_segmentation(SAMPLES)
    likelihoods = [float(log_likelihood(evidence, WEIGHTS, [cars])[0]) for cars in every]

    (decoded,) = decode(evidence, WEIGHTS)

    assert [(car.start, car.stop) for car in decoded.cars] == every[int(np.argmax(likelihoods))]


@pytest.mark.parametrize("seed", range(4))
def test_mean_and_variance_are_those_of_the_posterior(seed: int) -> None:
    evidence = noise(seed)
    every = every_segmentation(SAMPLES)
    weight = np.exp([float(log_likelihood(evidence, WEIGHTS, [cars])[0]) for cars in every])
    number = np.array([len(cars) for cars in every])

    (decoded,) = decode(evidence, WEIGHTS)

    mean = float(weight @ number)
    assert decoded.posterior.mean == pytest.approx(mean, abs=1e-3)
    assert decoded.posterior.variance == pytest.approx(float(weight @ number**2) - mean**2, abs=1e-3)


def test_a_cars_probability_is_the_share_of_segmentations_that_have_it() -> None:
    evidence = noise(2)
    every = every_segmentation(SAMPLES)
    weight = np.exp([float(log_likelihood(evidence, WEIGHTS, [cars])[0]) for cars in every])

    (decoded,) = decode(evidence, WEIGHTS)

    assert decoded.cars
    for car in decoded.cars:
        has_it = [any(abs(a - car.start) <= 3 and abs(b - car.stop) <= 3 for a, b in cars) for cars in every]
        assert car.probability == pytest.approx(float(weight[has_it].sum()), abs=1e-6)


@given(st.integers(0, 10_000), st.integers(60, 180))
@settings(max_examples=15, deadline=None)
def test_a_track_from_its_other_end_has_the_same_cars(seed: int, samples: int) -> None:
    rng = np.random.default_rng(seed)
    train, gap = rng.normal(0, 3, (1, samples)), rng.normal(-1, 3, (1, samples))

    (there,) = decode(seen(train, gap), WEIGHTS)
    (back,) = decode(seen(train[:, ::-1], gap[:, ::-1]), WEIGHTS)

    assert len(there.cars) == len(back.cars)
    assert sorted(samples - centre for centre in centres(back)) == pytest.approx(centres(there))
    assert back.posterior.mean == pytest.approx(there.posterior.mean, abs=1e-6)


def test_tracks_decoded_together_give_what_each_gives_alone() -> None:
    rng = np.random.default_rng(5)
    train, gap = rng.normal(0, 3, (3, 150)), rng.normal(-1, 3, (3, 150))

    together = decode(seen(train, gap), WEIGHTS)

    for number, decoded in enumerate(together):
        (alone,) = decode(seen(train[number : number + 1], gap[number : number + 1]), WEIGHTS)
        assert decoded.cars == alone.cars
        assert decoded.posterior.mean == pytest.approx(alone.posterior.mean)


def test_a_gap_separates_two_cars_of_twelve_metres_and_without_one_it_is_one_of_twenty_five() -> None:
    parted = painted(120, (30, 54, "body"), (54, 56, "gap"), (56, 80, "body"))
    whole = painted(120, (30, 80, "body"))

    assert [len(decoded.cars) for evidence in (parted, whole) for decoded in decode(evidence, WEIGHTS)] == [2, 1]


def test_empty_track_has_no_car() -> None:
    (decoded,) = decode(painted(400), WEIGHTS)

    assert decoded.cars == ()
    assert decoded.posterior.mean == pytest.approx(0, abs=1e-6)


def test_a_car_behind_a_faint_gap_is_found_by_its_neighbours_length() -> None:
    """A block train of 14 m cars: where one gap is faint, the lengths of the others show it."""
    stretches: list[tuple[int, int, str]] = []
    for car in range(6):
        start = 20 + 30 * car
        stretches += [(start, start + 28, "body"), (start + 28, start + 30, "gap")]
    evidence = painted(240, *stretches[:-1])
    blurred = Evidence(evidence.train, evidence.gap.copy(), evidence.seen, evidence.counts)
    blurred.gap[0, 108:110] = -1.0

    (decoded,) = decode(blurred, WEIGHTS)

    assert len(decoded.cars) == 6


def test_a_car_counts_only_where_half_of_it_was_seen_and_its_middle_lies_where_cars_count() -> None:
    evidence = painted(120, (40, 68, "body"))
    half_hidden = np.ones((1, 120), dtype=bool)
    half_hidden[0, 50:] = False
    elsewhere = np.zeros((1, 120), dtype=bool)

    hidden = Evidence(
        np.where(half_hidden, evidence.train, 0), np.where(half_hidden, evidence.gap, 0), half_hidden, evidence.counts
    )
    outside = Evidence(evidence.train, evidence.gap, evidence.seen, elsewhere)

    assert decode(evidence, WEIGHTS)[0].posterior.mean == pytest.approx(1, abs=0.05)
    assert decode(hidden, WEIGHTS)[0].posterior.mean < 0.6
    assert decode(outside, WEIGHTS)[0].cars == ()
    assert decode(outside, WEIGHTS)[0].posterior.mean == pytest.approx(0, abs=1e-6)


def test_the_prior_covers_freight_cars_and_favours_the_common_ones() -> None:
    prior = length_prior()

    assert prior.sum() == pytest.approx(1)
    assert prior.min() > 0
    assert LENGTHS[0] == SHORTEST
    assert LENGTHS[-1] == LONGEST
    assert LENGTHS[int(prior.argmax())] * 0.5 == pytest.approx(13.5, abs=1)
    assert GAPS[-1] < APART
