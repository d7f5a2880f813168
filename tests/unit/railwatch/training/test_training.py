import numpy as np
import pytest

from railwatch.services.detector.cars.features import Structure
from railwatch.services.detector.tracks.strips import lay_out
from railwatch.training import fit
from railwatch.training.examples import BODY, EMPTY, GAP, UNKNOWN, Box, label
from railwatch.training.fit import Sample, fit_network
from railwatch.training.weights import matched

PLAIN = Structure(np.arange(3), np.ones(3, np.float32), np.ones(3, np.float32))


def car(x: float, length: float, y: float = 50.0) -> Box:
    return Box(np.array([x, y]), np.array([1.0, 0.0]), length, 6.0)


def test_samples_are_labelled_by_the_cars_on_their_own_track() -> None:
    layout = lay_out([np.array([[0.0, 50.0], [300.0, 50.0]]), np.array([[0.0, 54.5], [300.0, 54.5]])], 0.5)

    labels, number = label(layout, (car(50, 28), car(80, 28), car(200, 40)))

    on, beside = labels[layout.track(0)], labels[layout.track(1)]
    assert number[layout.track(0)][40] == 0
    assert (on[37:63] == BODY).all()
    assert (on[64:66] == GAP).all()
    assert (on[110:170] == EMPTY).all()
    assert number[layout.track(0)][200] == 2
    assert (beside[38:62] == UNKNOWN).all()
    assert (beside[110:170] == EMPTY).all()


def test_gradients_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    parameters = fit._initial(rng, 3, 4)
    inputs = rng.standard_normal((2, 70, 3), dtype=np.float32)
    labels = rng.integers(-1, 3, (2, 70)).astype(np.int8)

    def loss() -> float:
        return fit.loss_and_gradients(parameters, inputs, labels)[0]

    _, gradients = fit.loss_and_gradients(parameters, inputs, labels)

    for values, gradient in zip(parameters, gradients, strict=True):
        place = tuple(int(rng.integers(size)) for size in values.shape)
        kept = values[place]
        values[place] = kept + 1e-2
        above = loss()
        values[place] = kept - 1e-2
        below = loss()
        values[place] = kept
        assert (above - below) / 2e-2 == pytest.approx(gradient[place], rel=0.1, abs=5e-3)


def test_a_network_learns_a_clear_difference_and_the_same_seed_gives_the_same_network() -> None:
    rng = np.random.default_rng(1)
    features = rng.standard_normal((4000, 3)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int8)
    sample = Sample(features, labels)

    one, other = (fit_network([sample], PLAIN, seed=3, steps=400, channels=4, rate=2e-2) for _ in range(2))

    assert (one(features).argmax(axis=1) == labels).mean() > 0.85
    assert (one(features) == other(features)).all()


def test_cars_are_matched_within_five_metres_and_once() -> None:
    true = [(10, 38), (40, 68)]

    assert matched([(11, 39), (42, 70)], true) == 2
    assert matched([(11, 39), (14, 42)], true) == 1
    assert matched([(60, 88)], true) == 0
    assert matched([], true) == 0
