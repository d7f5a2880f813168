"""Live recall: known cars painted into a tile, and how many of them are found."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from scipy import ndimage

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.recall import check as recall
from railwatch.services.detector.recall.bodies import RELIEFS, Body, Kind, random_cut
from railwatch.services.detector.recall.check import APART_M, check_recall, is_sampled
from railwatch.services.detector.recall.injection import Setting, paint, setting_of
from railwatch.services.detector.result import Counted
from railwatch.shared.counts import RecallCheck, Sun
from tests.support.rendered import Rendered, rendered

LIGHT = Sun(azimuth_deg=160, elevation_deg=40)


@pytest.fixture(scope="module")
def scene() -> Rendered:
    return rendered("clear")


@pytest.fixture(scope="module")
def counted(scene: Rendered) -> Counted:
    return count_tile(scene.tile, scene.baseline, scene.tracks, sun=LIGHT)


def check(scene: Rendered, counted: Counted, seed: int = 1) -> RecallCheck | None:
    return check_recall(scene.tile, scene.baseline, scene.tracks, counted, seed=seed)


def test_painted_cars_are_found_again_and_a_repetition_finds_the_same(scene: Rendered, counted: Counted) -> None:
    before = scene.tile.pixels.copy()

    found = check(scene, counted)

    assert found is not None
    assert 0 < found.recovered <= found.injected <= recall.MOST_CARS
    assert found.recovered >= found.injected / 2
    assert check(scene, counted) == found
    assert np.array_equal(scene.tile.pixels, before)


def test_cars_that_the_detector_does_not_see_are_not_recovered(scene: Rendered, counted: Counted) -> None:
    with patch.object(recall, "count_tile", return_value=counted):
        found = check(scene, counted)

    assert found is not None
    assert found.recovered == 0


@pytest.mark.parametrize("seed", range(5))
def test_cars_are_painted_on_empty_track_in_sight_apart_from_the_real_ones(
    scene: Rendered, counted: Counted, seed: int
) -> None:
    with (
        patch.object(recall, "paint", wraps=paint) as painted,
        patch.object(recall, "count_tile", return_value=counted),
    ):
        found = check(scene, counted, seed)

    cuts: list[list[Body]] = painted.call_args.args[1]
    bodies = [body for cut in cuts for body in cut]
    assert found is not None
    assert found.injected == len(bodies)
    rows, cols = scene.tile.shape
    real = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    for body in bodies:
        half = body.forward * body.car.length_m / 2 / scene.tile.gsd_m
        ends = np.array([body.centre_px - half, body.centre_px + half])
        assert ((ends > -0.5) & (ends < [cols - 0.5, rows - 0.5])).all()
        away = (real - body.centre_px) * scene.tile.gsd_m
        along, across = away @ body.forward, np.abs(away @ [-body.forward[1], body.forward[0]])
        assert not ((np.abs(along) < body.car.length_m / 2 + APART_M) & (across < 2)).any()


def test_a_tile_that_was_not_counted_is_not_checked(scene: Rendered) -> None:
    grey = replace(scene.tile, pixels=np.full_like(scene.tile.pixels, 0.4))
    rejected = count_tile(grey, None, scene.tracks)

    assert rejected.count.count is None
    assert check_recall(grey, None, scene.tracks, rejected, seed=1) is None


def test_a_tile_without_room_for_a_car_is_not_checked(scene: Rendered, counted: Counted) -> None:
    hidden = replace(counted, seen=np.zeros(scene.tile.shape, dtype=bool))

    assert check(scene, hidden) is None


def test_the_share_of_looks_that_are_checked_is_the_given_share() -> None:
    ids = [f"{number * 0x9E3779B1 % 2**32:08x}{'0' * 24}" for number in range(2000)]

    assert sum(is_sampled(event_id, 0.05) for event_id in ids) == pytest.approx(100, rel=0.1)
    assert all(is_sampled(event_id, 1) for event_id in ids)
    assert not any(is_sampled(event_id, 0) for event_id in ids)


@pytest.mark.parametrize("sigma_px", [0.45, 0.7, 1.0])
def test_blur_and_noise_are_measured_in_the_tile(scene: Rendered, sigma_px: float) -> None:
    rng = np.random.default_rng(4)
    blocks = np.kron(rng.choice([0.2, 0.7], size=(12, 12)), np.ones((8 * 20, 8 * 20)))
    fine = ndimage.gaussian_filter(blocks, 8 * sigma_px)[::8, ::8]
    picture = fine + rng.normal(0, 0.004, fine.shape)
    tile = replace(scene.tile, pixels=picture[None].astype(np.float32), valid=np.ones(picture.shape, dtype=bool))

    setting = setting_of(tile, None)

    assert setting.blur_px == pytest.approx(sigma_px, rel=0.15)
    assert setting.noise[0] == pytest.approx(0.004, rel=0.2)


def flat_ground(gsd_m: float) -> Raster:
    scene = rendered("clear")
    size = round(60 / gsd_m)
    pixels = np.full((3, size, size), 0.5, np.float32)
    return replace(scene.tile, pixels=pixels, valid=np.ones((size, size), dtype=bool), gsd_m=gsd_m)


@pytest.mark.parametrize("gsd_m", [0.25, 0.5])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_painted_car_has_its_size_and_its_shadow_falls_away_from_the_sun(kind: Kind, gsd_m: float) -> None:
    ground = flat_ground(gsd_m)
    middle = np.array([ground.shape[1] / 2, ground.shape[0] / 2])
    car = replace(random_cut(np.random.default_rng(1), 1)[0], kind=kind, length_m=14.0, width_m=3.0, height_m=3.5)
    setting = Setting(np.array([0.0, 1.0]), 0.5, np.zeros(3, np.float32), np.zeros(3, np.float32))
    nothing = np.zeros(ground.shape, dtype=bool)

    cut = [Body(car, middle, np.array([1.0, 0.0]))]
    picture = paint(ground, [cut], setting, nothing, np.random.default_rng(1)).pixels[1]

    changed = np.argwhere(np.abs(picture - 0.5) > 0.1) * gsd_m - middle[::-1] * gsd_m
    assert np.ptp(changed[:, 1]) == pytest.approx(14.0, abs=3 * gsd_m)
    assert changed[:, 0].min() > -1.5 - 2 * gsd_m
    assert 1.5 + 0.9 < changed[:, 0].max() < 1.5 + 3.9 + 2 * gsd_m
    below = picture[round(middle[1] + 2.1 / gsd_m), round(middle[0])]
    assert below < 0.2


def test_every_kind_of_car_is_painted() -> None:
    cars = [car for seed in range(200) for car in random_cut(np.random.default_rng(seed), 3)]

    assert {car.kind for car in cars} == set(RELIEFS)
    assert all(7 < car.length_m < 20 and 2.4 < car.width_m < 3.4 and 1 < car.height_m < 5 for car in cars)
