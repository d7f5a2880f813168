from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.detector.cars import evidence
from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.levelling import levelled
from railwatch.services.detector.cars.looking import look
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import ACROSS_M, Layout, lay_out
from tests.unit.detector.tracks.test_strips import UTM, ramp

LINES = [np.array([[10.0, 60.0], [230.0, 60.0]]), np.array([[10.0, 120.0], [120.0, 110.0], [230.0, 130.0]])]


def picture(seed: int, gain: float = 1.0, offset: float = 0.0) -> Raster:
    """Rough ground with a block on the first track that only odd seeds have."""
    flat = ramp(0, 0)
    rng = np.random.default_rng(seed // 2)
    pixels = (0.3 + 0.03 * rng.standard_normal((3, *flat.shape))).astype(np.float32)
    pixels[:, :8] = 0.02
    if seed % 2:
        pixels[:, 57:64, 80:110] = np.array([0.5, 0.2, 0.15], np.float32)[:, None, None]
    return Raster(gain * pixels + offset, flat.valid, flat.transform, UTM, flat.gsd_m)


def features(tile: Raster, baseline: Raster | None, layout: Layout) -> np.ndarray:
    return look(tile, baseline, tile.valid, layout, None).features


@given(st.floats(0.4, 1.6), st.floats(-0.01, 0.1))
@settings(max_examples=10, deadline=None)
def test_features_do_not_depend_on_the_scenes_gain_and_offset(gain: float, offset: float) -> None:
    layout = lay_out(LINES, 0.5)
    plain = features(picture(1), picture(0), layout)
    toned = features(picture(1, gain, offset), picture(0, gain, offset), layout)

    assert np.abs(toned - plain)[layout.on_track].mean() < 0.01


@given(st.floats(0.5, 1.5), st.floats(-0.05, 0.1))
@settings(max_examples=10, deadline=None)
def test_features_do_not_depend_on_the_gain_and_offset_of_the_baseline_alone(gain: float, offset: float) -> None:
    layout = lay_out(LINES, 0.5)
    plain = features(picture(1), picture(0), layout)
    toned = features(picture(1), picture(0, gain, offset), layout)

    assert np.abs(toned - plain)[layout.on_track].mean() < 0.05


def test_ground_under_cloud_does_not_influence_the_ground_in_sight() -> None:
    layout = lay_out(LINES, 0.5)
    clear, clouded = picture(1), picture(1)
    clouded.pixels[:, :, 150:] = 0.9
    seen = clear.valid.copy()
    seen[:, 150:] = False
    cut = replace(clear, valid=seen)

    under_cloud = look(clouded, picture(0), seen, layout, None)
    cut_away = look(cut, picture(0), seen, layout, None)

    in_sight = layout.on_track & (layout.xy_px[:, 0] < 130)
    assert under_cloud.features[in_sight] == pytest.approx(cut_away.features[in_sight], abs=0.05)
    assert not under_cloud.seen[layout.on_track & (layout.xy_px[:, 0] > 151)].any()


@pytest.mark.parametrize("with_baseline", [True, False])
def test_evidence_is_the_same_from_either_end_of_a_track(with_baseline: bool) -> None:
    models = evidence.load_models()
    network = (models.pair if with_baseline else models.single).network
    there, back = lay_out(LINES[1:], 0.5), lay_out([LINES[1][::-1]], 0.5)
    baseline = picture(0) if with_baseline else None

    one, other = (
        evidence.weigh(network, features(picture(1), baseline, layout), with_baseline=with_baseline)[layout.on_track]
        for layout in (there, back)
    )

    assert other[::-1] == pytest.approx(one, abs=0.02)


@pytest.mark.parametrize("with_baseline", [True, False])
def test_the_structure_fits_the_features_and_mirroring_twice_changes_nothing(with_baseline: bool) -> None:
    layout = lay_out(LINES, 0.5)
    parts = structure(with_baseline=with_baseline)

    assert features(picture(1), picture(0) if with_baseline else None, layout).shape[1] == len(parts.order)
    assert parts.order[parts.order].tolist() == list(range(len(parts.order)))
    assert set(parts.across) == set(parts.along) == {-1.0, 1.0}


def test_a_baseline_is_levelled_on_the_bed_even_where_cars_hide_most_of_it() -> None:
    rng = np.random.default_rng(0)
    bed = (0.3 + 0.05 * rng.standard_normal((400, len(ACROSS_M), 3))).astype(np.float32)
    tile = bed.copy()
    tile[:240] = rng.uniform(0.0, 0.9, (240, 1, 3))
    foreign = 0.5 * bed + np.array([0.3, 0.1, 0.2], np.float32)

    brought = levelled(foreign, tile, np.ones(bed.shape[:2], dtype=bool))

    assert brought.mean(axis=(0, 1)) == pytest.approx(bed.mean(axis=(0, 1)), abs=0.02)
    assert np.abs(brought - bed).mean() < 0.03


def test_a_sample_under_cloud_or_outside_the_picture_is_not_seen() -> None:
    tile = picture(1)
    mask = np.ones(tile.shape, dtype=bool)
    mask[:, :100] = False
    layout = lay_out([np.array([[40.0, 60.0], [300.0, 60.0]])], 0.5)

    seen = look(tile, None, mask, layout, None).seen

    x = np.nan_to_num(layout.xy_px[:, 0])
    assert not seen[x < 99].any()
    assert seen[(x > 101) & (x < 238)].all()
    assert not seen[x > 241].any()


def test_between_tracks_there_is_no_evidence() -> None:
    layout = lay_out(LINES, 0.5)
    logits = np.ones((len(layout.xy_px), 3), np.float32)
    along = evidence.by_track(logits, layout.on_track, layout.on_track, layout)

    assert along.seen.sum(axis=1).tolist() == layout.lengths.tolist()
    assert (along.train[~along.seen] == 0).all()
    assert not along.counts[~along.seen].any()
