from dataclasses import replace

import numpy as np
import pytest

from railwatch.services.detector.tracks.across import ACROSS_M, PLANES, planes_of, section_of
from railwatch.services.detector.tracks.axes import OFFSETS_M, axis_scores, knots_of, load_axes
from railwatch.services.detector.tracks.strips import lay_out
from tests.unit.detector.tracks.test_refinement import GSD_M, bed

LINE = np.array([[0.0, 100.0], [239.0, 100.0]])


def test_what_is_not_seen_says_nothing() -> None:
    rng = np.random.default_rng(0)
    light = rng.random((40, len(ACROSS_M)), dtype=np.float32)
    seen = rng.random(light.shape) < 0.7

    planes = planes_of(section_of(light, seen), section_of(light, seen), GSD_M)

    assert planes.shape == (PLANES, *light.shape)
    assert (planes[:-1, ~seen] == 0).all()


def test_light_that_is_twice_as_strong_looks_the_same() -> None:
    light = np.random.default_rng(0).random((40, len(ACROSS_M)), dtype=np.float32) * 0.4
    seen = np.ones(light.shape, dtype=bool)

    one, two = (planes_of(section_of(light * gain, seen), None, GSD_M) for gain in (1, 2))

    assert np.allclose(one, two, atol=1e-3)


def test_the_axis_scores_highest_where_the_rails_are() -> None:
    picture = bed(-0.1, -0.12, 104)

    scores = axis_scores(lay_out([LINE], GSD_M), picture, None, load_axes())

    assert scores.shape == (len(knots_of(lay_out([LINE], GSD_M))), len(OFFSETS_M))
    assert abs(abs(OFFSETS_M[scores.sum(axis=0).argmax()]) - 2.0) < 0.3


def test_a_baseline_that_shows_nothing_changes_nothing() -> None:
    picture, layout, network = bed(-0.1, -0.12, 104), lay_out([LINE], GSD_M), load_axes()
    hidden = replace(bed(-0.1, -0.12, 96), valid=np.zeros_like(picture.valid))

    assert axis_scores(layout, picture, hidden, network) == pytest.approx(axis_scores(layout, picture, None, network))


def test_a_baseline_that_shows_the_rails_elsewhere_does_not_outvote_the_tile() -> None:
    picture, elsewhere = bed(-0.1, -0.12, 104), bed(-0.1, -0.12, 103)

    scores = axis_scores(lay_out([LINE], GSD_M), picture, elsewhere, load_axes())

    assert 1.4 < abs(OFFSETS_M[scores.sum(axis=0).argmax()]) < 2.3


def test_a_line_scores_alike_among_many_and_alone() -> None:
    picture = bed(-0.1, -0.12, 100)

    together = axis_scores(lay_out([LINE] * 30, GSD_M), picture, None, load_axes())
    alone = axis_scores(lay_out([LINE], GSD_M), picture, None, load_axes())

    inner = slice(5, -5)
    assert (together[-len(alone) :][inner].argmax(axis=1) == alone[inner].argmax(axis=1)).all()
