"""The chain of empty and occupied stretches: exact sums, and nothing from what was not seen."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.detector.coarse.occupancy import Chain, Reach, load_model, occupancy
from railwatch.services.detector.coarse.planes import View
from railwatch.services.detector.coarse.strips import ACROSS_M
from railwatch.services.detector.tracks.strips import Layout

CHAIN = Chain(weight=1.0, bias=0.0, enter=-2.0, leave=-1.5)


def tracks(*lengths: int) -> Layout:
    starts = np.cumsum([2, *(length + 2 for length in lengths[:-1])])
    nowhere = np.full((int(starts[-1]) + lengths[-1] + 2, 2), np.nan)
    return Layout(starts, np.array(lengths), nowhere, nowhere, 3.0)


def by_hand(evidence: list[float]) -> tuple[np.ndarray, float]:
    """Posterior of each sample, and variance of their sum, over all chains one by one."""
    step = np.array([[np.log1p(-np.exp(CHAIN.enter)), CHAIN.enter], [CHAIN.leave, np.log1p(-np.exp(CHAIN.leave))]])
    chains = np.array(list(product((0, 1), repeat=len(evidence))))
    weight = np.exp(
        chains @ np.array(evidence)
        + chains[:, 0] * (CHAIN.enter - CHAIN.leave)
        + step[chains[:, :-1], chains[:, 1:]].sum(axis=1)
    )
    weight /= weight.sum()
    total = chains.sum(axis=1)
    return weight @ chains, float(weight @ total**2 - (weight @ total) ** 2)


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=7))
def test_posterior_and_variance_are_those_of_all_chains(evidence: list[float]) -> None:
    layout = tracks(len(evidence), 3)
    log_odds = np.zeros(len(layout.xy_px))
    log_odds[layout.track(0)] = evidence
    found = occupancy(log_odds, np.ones(len(log_odds), dtype=bool), layout, CHAIN)
    posterior, variance = by_hand(evidence)
    assert found.probability[layout.track(0)] == pytest.approx(posterior, abs=1e-9)
    assert found.spread[layout.track(0)].sum() == pytest.approx(variance, abs=1e-3)


@given(st.lists(st.floats(-9, 9), min_size=9, max_size=9))
def test_samples_that_were_not_seen_contribute_nothing(evidence: list[float]) -> None:
    layout = tracks(9)
    log_odds = np.zeros(len(layout.xy_px))
    log_odds[layout.track(0)] = evidence
    seen = np.ones(len(log_odds), dtype=bool)
    seen[layout.track(0).start + 3 : layout.track(0).start + 6] = False
    other = np.where(seen, log_odds, 50.0)
    assert (
        occupancy(log_odds, seen, layout, CHAIN).probability == occupancy(other, seen, layout, CHAIN).probability
    ).all()


@given(st.floats(0, 2000), st.floats(0, 1e4), st.floats(0, 500), st.floats(0, 3000))
def test_an_interval_holds_its_estimate_and_no_more_than_the_track_that_was_seen(
    mean: float, variance: float, doubt: float, beyond: float
) -> None:
    seen = mean + beyond
    low, high = Reach(1.5, 2.0, 0.1, 0.2, 5.0).interval(mean, variance, doubt, seen)
    assert 0 <= low <= mean <= high <= seen


def test_the_shipped_model_takes_a_changed_bar_for_a_train_and_an_unchanged_bed_for_none() -> None:
    layout = tracks(120)
    view = unchanged(len(layout.xy_px))
    train = slice(layout.track(0).start + 40, layout.track(0).start + 90)
    view.tile[train, BODY] = view.change[train, BODY] = 0.3
    model = load_model()
    odds = model.log_odds(view, layout)
    found = occupancy(odds, np.ones(len(odds), dtype=bool), layout, model.chain).probability
    assert found[train][5:-5].min() > 0.8
    assert found[: train.start - 5].max() < 0.2
    assert (odds[:2] == 0).all(), "between tracks there is no evidence"
    assert model.version


BODY = np.abs(ACROSS_M) < 2


def unchanged(samples: int) -> View:
    """A pair of which nothing changed, but for a little noise."""
    rng = np.random.default_rng(0)
    tile, baseline = (rng.normal(0, 0.01, (samples, len(ACROSS_M))).astype(np.float32) for _ in range(2))
    nothing, seen = np.zeros_like(tile), np.ones(tile.shape, dtype=bool)
    return View(tile, baseline, tile - baseline, nothing, nothing, seen, np.zeros(samples), 0.1, 0.02, 3.0)
