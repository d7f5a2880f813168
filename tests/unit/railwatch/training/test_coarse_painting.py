"""Trains that are painted onto pairs with coarse pixels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.detector.coarse.planes import View
from railwatch.services.detector.coarse.strips import ACROSS_M
from railwatch.training.coarse.painting import painted

SAMPLES = 128
BESIDE_M = 4.5


def empty(*, beside: bool) -> View:
    """Nothing but bed, with a track beside it or alone."""
    shape = SAMPLES, len(ACROSS_M)
    nothing = np.zeros(shape, np.float32)
    neighbour = np.tile(np.exp(-(((ACROSS_M - BESIDE_M) / 1.2) ** 2) / 2) * beside, (SAMPLES, 1)).astype(np.float32)
    seen = np.ones(shape, dtype=bool)
    return View(nothing, nothing, nothing, nothing, neighbour, seen, np.full(SAMPLES, 0.8), 0.1, 0.02, 3.0)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_change_is_what_the_tile_gained_over_the_baseline(seed: int) -> None:
    view, _ = painted(empty(beside=True), np.zeros(SAMPLES, np.int8), np.random.default_rng(seed))
    assert np.allclose(view.change, view.tile - view.baseline, atol=1e-5)


def test_a_train_counts_only_on_its_own_track_and_only_if_it_stands_there_now() -> None:
    """Of many tries some paint only the neighbour or a train that left: these leave the truth as it was."""
    outcomes = set()
    for seed in range(60):
        view, under = painted(empty(beside=True), np.zeros(SAMPLES, np.int8), np.random.default_rng(seed))
        outcomes.add((bool(np.abs(view.change).max() > 0.01), bool(under.any())))
    assert (True, False) in outcomes
    assert (True, True) in outcomes


def test_what_stood_there_still_stands_after_painting() -> None:
    for seed in range(20):
        _, under = painted(empty(beside=False), np.ones(SAMPLES, np.int8), np.random.default_rng(seed))
        assert under.all()
