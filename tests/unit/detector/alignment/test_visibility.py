"""Cloud hides the ground; snow, tarps, white roofs and cloud shadow do not."""

from dataclasses import replace

import numpy as np
import pytest
from rasterio.transform import Affine
from scipy import ndimage
from skimage.draw import polygon

from railwatch.services.detector.alignment.ground import prepare
from railwatch.services.detector.alignment.visibility import visible_ground
from railwatch.services.detector.imagery.quality import blur, check_quality
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.shared.errors import TileRejectedError
from tests.support.rendered import Rendered, rendered


def seen_share(scene: Rendered, tile: Raster | None = None) -> float:
    return scene.seen_on_tracks(prepare(tile or scene.tile, scene.baseline, scene.centrelines).seen)


def clouded(tile: Raster, share: float, seed: int, thickest: float = 1.0) -> tuple[Raster, np.ndarray]:
    """A tile under soft white cloud, and where it hides more than half of the light."""
    chance = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(chance.normal(size=tile.shape), 25)
    opacity = np.clip((field - np.quantile(field, 1 - share)) / field.std() * 2 + 0.5, 0, thickest)
    shade = 0.9 + chance.normal(0, 0.004, tile.shape)
    pixels = tile.pixels * (1 - opacity) + opacity * shade
    return replace(tile, pixels=pixels.astype(np.float32)), opacity > 0.5


@pytest.mark.parametrize("share", [0.15, 0.4, 0.6])
@pytest.mark.parametrize("condition", ["clear", "tarps"])
def test_coverage_under_cloud_is_near_the_truth(condition: str, share: float) -> None:
    scene = rendered(condition)
    tile, hidden = clouded(scene.tile, share, seed=2)

    assert seen_share(scene, tile) == pytest.approx(scene.seen_on_tracks(~hidden), abs=0.1)


def test_thin_cloud_reaches_as_far_as_it_hides_half_of_the_ground() -> None:
    scene = rendered("clear")
    tile, hidden = clouded(scene.tile, 0.4, seed=2, thickest=0.75)

    assert seen_share(scene, tile) == pytest.approx(scene.seen_on_tracks(~hidden), abs=0.1)


def test_cloud_is_found_even_if_its_gaps_are_too_dark_to_show_the_ground() -> None:
    scene = rendered("clear")
    dark = np.random.default_rng(3).normal(0.1 * scene.tile.pixels, 0.02).astype(np.float32)
    tile, hidden = clouded(replace(scene.tile, pixels=dark), 0.4, seed=2, thickest=0.9)

    seen = visible_ground(tile, replace(scene.tile, pixels=np.float32(0.1) * scene.tile.pixels)).seen

    assert seen.mean() == pytest.approx((~hidden).mean(), abs=0.05)


def test_cloud_over_most_of_a_tile_is_not_taken_for_snow() -> None:
    scene = rendered("clear")
    tile, hidden = clouded(scene.tile, 0.75, seed=4, thickest=0.8)

    assert seen_share(scene, tile) == pytest.approx(scene.seen_on_tracks(~hidden), abs=0.1)


def test_the_shadow_of_a_cloud_hides_nothing() -> None:
    scene = rendered("clear")
    _, under = clouded(scene.tile, 0.4, seed=2)
    shaded = replace(scene.tile, pixels=np.where(under, 0.45 * scene.tile.pixels, scene.tile.pixels))

    assert seen_share(scene, shaded) > 0.98


@pytest.mark.parametrize(
    "condition", ["clear", "tarps", "empty-clutter", "haze", "low-sun", "season", "dense", "brown", "train-left"]
)
def test_clear_scenes_are_fully_seen(condition: str) -> None:
    assert seen_share(rendered(condition, seed=3)) > 0.98


@pytest.mark.parametrize("condition", ["snow", "thaw"])
def test_snow_is_seen_in_tile_and_baseline(condition: str) -> None:
    assert seen_share(rendered(condition, size_px=512)) > 0.98


def test_wagons_on_white_concrete_are_seen_in_a_tile_alone() -> None:
    scene = rendered("dense", seed=3, gsd_m=0.3)
    cars = np.zeros(scene.tile.shape, dtype=bool)
    for truth in scene.pair.tile.cars:
        cols, rows = (np.asarray(truth.outline_m) / scene.tile.gsd_m).T
        cars[polygon(rows, cols, cars.shape)] = True
    concrete = ndimage.binary_dilation(cars, iterations=16) & ~cars
    concrete[:166, :100] = True
    white = np.random.default_rng(6).normal(0.9, 0.004, scene.tile.shape)
    tile = replace(scene.tile, pixels=np.where(concrete, white, scene.tile.pixels).astype(np.float32))

    assert visible_ground(tile, None).seen[cars].mean() > 0.95


def test_identical_pictures_are_fully_seen() -> None:
    scene = rendered("clear")

    visibility = visible_ground(scene.tile, scene.tile)

    assert visibility.seen.all()
    assert visibility.cloud == 0


def test_missing_data_is_not_seen() -> None:
    scene = rendered("clear")
    cut = replace(scene.tile, valid=scene.tile.valid & (np.arange(400) < 300))

    seen = visible_ground(cut, None).seen

    assert not seen[:, 300:].any()
    assert seen[:, :300].all()


def prepared(tile: Raster, baseline: Raster | None, lines: tuple[Centreline, ...]) -> str:
    with pytest.raises(TileRejectedError) as rejected:
        prepare(tile, baseline, lines)
    return rejected.value.reason


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (lambda p: np.zeros_like(p), "constant-image"),
        (lambda p: np.full_like(p, 0.5), "constant-image"),
        (lambda p: np.where(np.random.default_rng(0).random(p.shape) < 0.01, 0.5, 1).astype(np.float32), "saturated"),
        (lambda p: np.random.default_rng(0).random(p.shape, dtype=np.float32), "wrong-place"),
        (lambda p: np.random.default_rng(0).normal(0.8, 0.004, p.shape).astype(np.float32), "ground-hidden"),
    ],
)
def test_pictures_that_cannot_be_counted_are_rejected_with_a_reason(pixels: object, reason: str) -> None:
    scene = rendered("clear")
    tile = replace(scene.tile, pixels=pixels(scene.tile.pixels))  # type: ignore[operator]

    assert prepared(tile, scene.baseline, scene.centrelines) == reason


def test_missing_data_coarse_pixels_and_blur_are_rejected_with_a_reason() -> None:
    scene = rendered("clear")
    nothing = replace(scene.tile, valid=np.zeros_like(scene.tile.valid))
    coarse = replace(scene.tile, gsd_m=2.0)
    blurred = replace(scene.tile, pixels=ndimage.gaussian_filter(scene.tile.pixels, (0, 7, 7)))

    assert prepared(nothing, None, ()) == "no-data"
    assert prepared(coarse, None, ()) == "gsd-too-coarse"
    assert prepared(blurred, None, ()) == "blurred"


def test_a_baseline_of_another_place_is_rejected() -> None:
    scene = rendered("clear")
    away = replace(scene.baseline, transform=Affine.translation(10_000, 0) @ scene.baseline.transform)
    empty = replace(scene.baseline, valid=np.zeros_like(scene.baseline.valid))

    assert prepared(scene.tile, away, scene.centrelines) == "wrong-place"
    assert prepared(scene.tile, empty, scene.centrelines) == "baseline-no-data"


def test_blur_grows_with_the_point_image() -> None:
    scene = rendered("clear")
    light = scene.tile.luminance()
    widths = [blur(replace(scene.tile, pixels=ndimage.gaussian_filter(light, sigma)[None])) for sigma in (0, 1, 2, 4)]

    assert widths == sorted(widths)
    assert widths[-1] == pytest.approx(4, rel=0.4)


def test_a_tile_without_a_baseline_has_the_reason_no_baseline() -> None:
    scene = rendered("clear")

    ground = prepare(scene.tile, None, scene.centrelines)

    assert ground.reasons == ("no-baseline",)
    assert ground.registration is None


def test_white_ground_has_the_remark_saturated() -> None:
    scene = rendered("clear")
    pixels = scene.tile.pixels.copy()
    pixels[:, :200] = 1

    assert check_quality(replace(scene.tile, pixels=pixels)) == ("saturated",)


def test_a_tile_that_fits_its_baseline_in_several_ways_is_counted_without_it_and_says_so() -> None:
    """Parallel tracks and nothing else fit one spacing further as well."""
    scene = rendered("clear")
    rows = np.arange(scene.tile.shape[0])[:, None]
    rails = np.exp(-(((rows % 9) - 4) ** 2)) * np.ones(scene.tile.shape)
    noise = np.random.default_rng(0).normal(0, 0.02, (2, 3, *scene.tile.shape))
    tile, baseline = (replace(scene.tile, pixels=(0.4 + 0.3 * rails + n).astype(np.float32)) for n in noise)

    ground = prepare(tile, baseline, scene.centrelines)

    assert ground.baseline is None
    assert ground.registration is None
    assert ground.reasons == ("registration-unreliable", "no-baseline")


def test_tracks_that_a_baseline_leaves_out_are_not_taken_for_cloud() -> None:
    """A composite shows nothing under cars that always stood there. The bed is as bright and smooth as a cloud."""
    tile = rendered("clear").tile
    rough = np.random.default_rng(5).normal(0.3, 0.08, (100, 100)).repeat(4, axis=0).repeat(4, axis=1)
    rough[170:230] = 0.6
    yard = replace(tile, pixels=np.repeat(rough[None].astype(np.float32), 3, axis=0), valid=np.ones((400, 400), bool))
    shown = np.ones((400, 400), bool)
    shown[184:216] = False

    assert visible_ground(yard, replace(yard, pixels=yard.pixels * shown, valid=shown)).seen.all()
