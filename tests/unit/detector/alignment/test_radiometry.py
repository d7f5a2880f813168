"""The baseline takes on the tile's light, whatever has changed beside and on the tracks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.detector.alignment.radiometry import fit_radiometry
from tests.support.rendered import rendered


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.3, 3), offset=st.floats(-0.3, 0.3))
def test_a_gain_and_an_offset_are_found(gain: float, offset: float) -> None:
    scene = rendered("clear")
    baseline = replace(scene.tile, pixels=((scene.tile.pixels - offset) / gain).astype(np.float32))

    fit = fit_radiometry(scene.tile, baseline, scene.corridor)

    assert fit.gain == pytest.approx(np.full(3, gain), rel=0.01)
    assert fit.offset == pytest.approx(np.full(3, offset), abs=0.01)
    assert np.abs(fit.apply(baseline).pixels - scene.tile.pixels).max() < 0.02


def test_each_band_has_its_own_line() -> None:
    scene = rendered("clear")
    gains = np.array([0.5, 1.0, 2.0], dtype=np.float32)
    baseline = replace(scene.tile, pixels=scene.tile.pixels / gains[:, None, None])

    assert fit_radiometry(scene.tile, baseline, scene.corridor).gain == pytest.approx(gains, rel=0.01)


def test_ground_that_changed_its_tone_does_not_influence_the_fit() -> None:
    scene = rendered("clear")
    baseline = replace(scene.tile, pixels=scene.tile.pixels.copy())
    baseline.pixels[:, :150] *= 0.4

    assert fit_radiometry(scene.tile, baseline, scene.corridor).gain == pytest.approx(np.ones(3), rel=0.02)


def test_cloud_does_not_influence_the_fit() -> None:
    scene = rendered("clear")
    clouded = replace(scene.tile, pixels=scene.tile.pixels.copy())
    noise = np.random.default_rng(1).normal(0.9, 0.01, (3, 240, 400))
    clouded.pixels[:, :240] = noise

    fit = fit_radiometry(clouded, scene.tile, scene.corridor)

    assert fit.gain == pytest.approx(np.ones(3), rel=0.05)


def test_missing_data_stays_missing() -> None:
    scene = rendered("clear")
    half = replace(scene.tile, valid=scene.tile.valid & (np.arange(400) < 200))

    fitted = fit_radiometry(scene.tile, half, scene.corridor).apply(half)

    assert (fitted.pixels[:, :, 200:] == 0).all()
    assert np.array_equal(fitted.valid, half.valid)
