"""A baseline is found where it lies, to a fraction of a pixel, or the tile is rejected with a reason."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import SimilarityTransform

from railwatch.services.detector.alignment.registration import register
from railwatch.services.detector.alignment.warping import warped_by
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.errors import TileRejectedError
from tests.support.rendered import Rendered, corner_error_px, rendered

TARGET_PX = 0.3
# Rendered baselines are warped as terrain and attitude do it, which no similarity explains.
WITH_WARP_PX = 0.8


def moved(picture: Raster, right: float, down: float, turn_deg: float) -> tuple[Raster, np.ndarray]:
    """A picture as a baseline that lies elsewhere, and the matrix that registration has to find."""
    middle = np.array([picture.shape[1] - 1, picture.shape[0] - 1]) / 2
    turned = SimilarityTransform(rotation=np.deg2rad(turn_deg), translation=middle + np.array([right, down]))
    transform = SimilarityTransform(translation=-middle) + turned
    yx = transform.inverse.params[[1, 0]][:, [1, 0, 2]]
    pixels = [ndimage.affine_transform(band, yx[:, :2], yx[:, 2], order=3, mode="reflect") for band in picture.pixels]
    return replace(picture, pixels=np.array(pixels, dtype=np.float32)), transform.params[:2]


@settings(max_examples=8, deadline=None)
@given(
    right=st.floats(-7, 7),
    down=st.floats(-7, 7),
    turn_deg=st.floats(-1, 1),
)
def test_a_moved_baseline_is_found_and_brought_back(right: float, down: float, turn_deg: float) -> None:
    scene = rendered("clear")
    baseline, matrix = moved(scene.tile, right, down, turn_deg)

    match = register(scene.tile, baseline, scene.corridor)

    assert corner_error_px(match.transform, matrix, scene.tile.shape) < TARGET_PX
    assert match.registration.dx_px == pytest.approx(-right, abs=0.5)
    assert match.registration.rotation_deg == pytest.approx(turn_deg, abs=0.1)
    inside = np.s_[:, 40:-40, 40:-40]
    assert np.abs(match.baseline.pixels[inside] - scene.tile.pixels[inside]).mean() < 0.02


@pytest.mark.parametrize("condition", ["shift", "haze", "season", "low-sun", "train-left", "cloud", "coarse"])
def test_light_haze_season_and_cars_do_not_mislead_it(condition: str) -> None:
    scene = rendered(condition, seed=3, gsd_m=0.8 if condition == "coarse" else 0.5)

    match = register(scene.tile, scene.baseline, scene.corridor)

    assert corner_error_px(match.transform, scene.matrix, scene.tile.shape) < WITH_WARP_PX
    assert match.registration.reliability > 0.3


def test_a_baseline_that_is_already_in_place_is_accepted() -> None:
    scene = rendered("clear")
    blurred = [ndimage.gaussian_filter(band, 0.4) for band in scene.tile.pixels]

    match = register(scene.tile, replace(scene.tile, pixels=np.array(blurred)), scene.corridor)

    assert corner_error_px(match.transform, np.eye(2, 3), scene.tile.shape) < TARGET_PX


def test_reversed_contrast_is_the_same_place() -> None:
    scene = rendered("shift")
    negative = replace(scene.tile, pixels=1 - scene.tile.pixels)

    match = register(negative, scene.baseline, scene.corridor)

    assert corner_error_px(match.transform, scene.matrix, scene.tile.shape) < WITH_WARP_PX


def test_the_edge_of_missing_data_is_ignored() -> None:
    scene = rendered("shift")
    valid = scene.tile.valid & (np.arange(scene.tile.shape[1]) > 130)
    cut = replace(scene.tile, pixels=scene.tile.pixels * valid, valid=valid)

    match = register(cut, scene.baseline, scene.corridor)

    assert corner_error_px(match.transform, scene.matrix, scene.tile.shape) < WITH_WARP_PX


def test_the_warped_baseline_is_not_valid_beyond_its_edge() -> None:
    scene = rendered("clear")
    warped = warped_by(SimilarityTransform(translation=(20, 0)), scene.baseline)

    assert not warped.valid[:, -19:].any()
    assert warped.valid[2:-2, 2:-22].all()
    assert warped.pixels[:, 50, 50] == pytest.approx(scene.baseline.pixels[:, 50, 70], abs=1e-4)


def elsewhere(scene: Rendered) -> Raster:
    return replace(scene.baseline, pixels=np.ascontiguousarray(scene.baseline.pixels[:, ::-1, ::-1]))


@pytest.mark.parametrize("condition", ["clear", "season", "dense", "tarps"])
def test_another_place_is_rejected(condition: str) -> None:
    scene = rendered(condition)

    with pytest.raises(TileRejectedError) as rejected:
        register(scene.tile, elsewhere(scene), scene.corridor)

    assert rejected.value.reason in {"wrong-place", "registration-unreliable"}


def test_a_shift_beyond_the_limit_is_rejected_with_that_reason() -> None:
    scene = rendered("clear")
    baseline, _ = moved(scene.tile, 18.5, 0.0, 0.0)

    with pytest.raises(TileRejectedError, match="shift-too-large"):
        register(scene.tile, baseline, scene.corridor)


def test_fine_pixels_on_smooth_ground_have_no_rival_but_the_flank_of_their_own_peak() -> None:
    """At 0.2 m a pixel, ground that changes over two metres agrees with itself a few pixels away."""
    scene = rendered("clear")
    rng = np.random.default_rng(3)
    ground, now, before = (1.8 * ndimage.gaussian_filter(rng.normal(size=(400, 400)), 9.0) for _ in range(3))
    tile, baseline = (
        replace(scene.tile, gsd_m=0.2, pixels=np.repeat((0.4 + ground + 0.8 * look)[None], 3, 0).astype(np.float32))
        for look in (now, before)
    )

    match = register(tile, baseline, np.zeros((400, 400), dtype=bool))

    assert np.hypot(match.registration.dx_px, match.registration.dy_px) * 0.2 < 0.5


def test_a_pattern_that_repeats_is_rejected() -> None:
    """Only parallel tracks, 4.5 m apart: moved by one track the match is as good."""
    scene = rendered("clear")
    rows = np.arange(400)[:, None]
    rails = np.exp(-(((rows % 9) - 4) ** 2)) * np.ones((400, 400))
    noise = np.random.default_rng(0).normal(0, 0.02, (2, 3, 400, 400))
    tile, baseline = (replace(scene.tile, pixels=(0.4 + 0.3 * rails + n).astype(np.float32)) for n in noise)

    with pytest.raises(TileRejectedError):
        register(tile, baseline, np.zeros((400, 400), dtype=bool))
