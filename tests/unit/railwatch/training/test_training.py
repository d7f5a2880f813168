import numpy as np

from railwatch.services.detector.tracks.strips import lay_out
from railwatch.training.examples import BODY, EMPTY, GAP, UNKNOWN, Box, label
from railwatch.training.weights import matched


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


def test_cars_are_matched_within_five_metres_and_once() -> None:
    true = [(10, 38), (40, 68)]

    assert matched([(11, 39), (42, 70)], true) == 2
    assert matched([(11, 39), (14, 42)], true) == 1
    assert matched([(60, 88)], true) == 0
    assert matched([], true) == 0
