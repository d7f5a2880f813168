from dataclasses import replace

import numpy as np
import pytest

from railwatch.services.detector.cars import joined
from railwatch.services.detector.cars.evidence import BODY, GAP, load_models
from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.joined import load_joined
from railwatch.services.detector.cars.looking import Looked, weighed
from railwatch.services.detector.cars.wide import CHANNELS, WIDTH, WITH_BASELINE

SAMPLES = 700


def looked(*, with_baseline: bool, turned: bool = False) -> Looked:
    """Random strips, or the same run from the other end of the track."""
    rng, turn = np.random.default_rng(3), structure(with_baseline=with_baseline)
    planes = rng.standard_normal((CHANNELS, 2 * SAMPLES, WIDTH)).astype(np.float32)
    if not with_baseline:
        planes[list(WITH_BASELINE)] = 0
    features = rng.standard_normal((SAMPLES, len(turn.order))).astype(np.float32)
    if turned:
        planes = planes[:, ::-1, ::-1]
        features = (features[:, turn.order] * (turn.across * turn.along))[::-1]
    seen = np.ones(SAMPLES, dtype=bool)
    return Looked(lambda part: planes[:, 2 * part.start : 2 * part.stop], features, seen, with_baseline)


@pytest.mark.parametrize("with_baseline", [True, False])
def test_a_track_run_from_its_other_end_gives_the_same_evidence(*, with_baseline: bool) -> None:
    there, back = (looked(with_baseline=with_baseline, turned=turned) for turned in (False, True))

    one, other = (load_joined()(s.planes, s.features, with_baseline=with_baseline) for s in (there, back))

    assert other[::-1] == pytest.approx(one, abs=1e-3)


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    strip = looked(with_baseline=True)
    whole = load_joined()(strip.planes, strip.features, with_baseline=True)

    monkeypatch.setattr(joined, "BLOCK", 128)

    assert load_joined()(strip.planes, strip.features, with_baseline=True) == pytest.approx(whole, abs=1e-3)


def test_the_same_strips_give_the_same_evidence() -> None:
    strip = looked(with_baseline=True)

    one, other = (load_joined()(strip.planes, strip.features, with_baseline=True) for _ in range(2))

    assert (one == other).all()


def test_the_two_networks_are_averaged_and_their_disagreement_is_given() -> None:
    strip, models = looked(with_baseline=True), load_models()

    both, alone = weighed(models, strip), weighed(load_models(joined=None), strip)

    assert both.disagreement.max() <= 1
    assert both.disagreement.max() > 0
    assert not alone.disagreement.any()
    assert both.logits.shape == alone.logits.shape == (SAMPLES, 3)


def test_trains_and_the_gaps_between_cars_may_be_told_by_different_networks() -> None:
    strip, models = looked(with_baseline=True), load_models()

    def told(share: float, gap_share: float) -> tuple[np.ndarray, np.ndarray]:
        of_both = weighed(replace(models, pair=replace(models.pair, share=share, gap_share=gap_share)), strip).logits
        return np.logaddexp(of_both[:, BODY], of_both[:, GAP]) - of_both[:, 0], of_both[:, GAP] - of_both[:, BODY]

    mixed, of_features, of_joined = told(0, 1), told(0, 0), told(1, 1)

    assert mixed[0] == pytest.approx(of_features[0], abs=1e-4)
    assert mixed[1] == pytest.approx(of_joined[1], abs=1e-4)
    assert abs(of_features[1] - of_joined[1]).max() > 0.1
