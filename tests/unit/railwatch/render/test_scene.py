"""A rendered pair: its truth agrees with its pixels, and the same seed gives the same picture."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import features
from scipy import ndimage
from shapely import STRtree
from shapely.geometry import LineString, Polygon, shape

from railwatch.render import CONDITIONS, random_scene, render_look, render_pair, site_ground, write_pair
from railwatch.render.sensor import Geolocation, Sensor
from railwatch.render.weather import Cloud, Snow

SMALL = 160


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_gives_a_pair_of_the_asked_size(condition: str) -> None:
    spec = random_scene(np.random.default_rng(5), condition, gsd_m=0.5, size_px=SMALL)
    pair = render_pair(spec)
    assert pair.tile.pixels.shape[1:] == pair.baseline.pixels.shape[1:] == (SMALL, SMALL)
    assert pair.tile.pixels.dtype == pair.baseline.pixels.dtype
    assert pair.tile.pixels[:, pair.tile.valid].std() > 2
    if condition.startswith("empty") or condition == "train-left":
        assert pair.tile.count == 0
    if condition == "train-left":
        assert pair.baseline.count > 0


def test_an_unknown_condition_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of: clear"):
        random_scene(np.random.default_rng(0), "sunny")


def test_the_same_seed_gives_the_same_pixels_and_another_seed_does_not() -> None:
    first, again, other = (
        render_pair(random_scene(np.random.default_rng(seed), "any", gsd_m=0.5, size_px=SMALL)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.tile.pixels, again.tile.pixels)
    np.testing.assert_array_equal(first.baseline.pixels, again.baseline.pixels)
    assert first.tile.pixels.shape != other.tile.pixels.shape or (first.tile.pixels != other.tile.pixels).any()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), condition=st.sampled_from(["dense", "throat", "curved", "cars-in-baseline"]))
def test_cars_stand_on_their_track_and_never_in_each_other(seed: int, condition: str) -> None:
    spec = random_scene(np.random.default_rng(seed), condition, gsd_m=0.5, size_px=400, fill=0.9)
    lines = {track.id: LineString(track.points_m) for track in spec.site.tracks}
    for look in (spec.tile, spec.baseline):
        bodies = [Polygon(car.outline_m()) for car in look.cars]
        tree = STRtree(bodies)
        for index, body in enumerate(bodies):
            car = look.cars[index]
            assert lines[car.track].distance(body.centroid) < 0.7
            assert not any(
                other != index and bodies[other].intersection(body).area > 0.02 for other in tree.query(body)
            )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), error_m=st.sampled_from([0.3, 1.0, 3.0]))
def test_a_drawn_centreline_is_no_farther_off_than_asked(seed: int, error_m: float) -> None:
    from railwatch.render.yard import lay_tracks

    tracks = lay_tracks(np.random.default_rng(seed), (200, 200), "ladder", 6, lateral_error_m=error_m)
    for track in tracks:
        assert LineString(track.drawn_m).hausdorff_distance(LineString(track.points_m)) < error_m + 0.5


def test_bodies_differ_from_the_ground_they_stand_on() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5)
    ground = site_ground(spec.site)
    still = replace(spec.tile, sensor=Sensor(snr=1e6), off_nadir_deg=0.0)
    full, empty = (render_look(spec.site, replace(still, cars=cars), ground) for cars in (still.cars, ()))
    changed = np.abs(full.pixels.astype(int) - empty.pixels).max(axis=0)
    outlines = [Polygon(truth.outline_m / 0.5) for truth in full.cars]
    inside = features.rasterize(outlines, (300, 300)).astype(bool)
    near = features.rasterize([outline.buffer(60) for outline in outlines], (300, 300)).astype(bool)
    assert full.count == sum(truth.inside for truth in full.cars) > 3
    assert (changed[inside] > 8).mean() > 0.7
    assert (changed[~near] > 8).mean() < 0.02


def test_cars_that_stay_look_the_same_and_cars_outside_do_not_count() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5)
    moved = [replace(car, x_m=car.x_m + 1e4) for car in spec.tile.cars]
    picture = render_look(spec.site, replace(spec.tile, cars=tuple(moved)), site_ground(spec.site))
    assert picture.count == 0
    assert picture.cars == ()


def test_the_truth_follows_the_geolocation_error() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5)
    error = Geolocation(dx_px=5, dy_px=-3, rotation_deg=1.0)
    ground = site_ground(spec.site)
    look = replace(spec.tile, sensor=Sensor(snr=1e6), off_nadir_deg=0.0)
    straight = render_look(spec.site, look, ground)
    turned = render_look(spec.site, replace(look, sensor=Sensor(snr=1e6, geolocation=error)), ground)
    first = {truth.car.seed: truth.outline_m for truth in straight.cars}
    common = [(first[truth.car.seed], truth.outline_m) for truth in turned.cars if truth.car.seed in first]
    assert len(common) > 3
    for before, after in common:
        np.testing.assert_allclose(after, error.apparent(before, spec.site.frame), atol=1e-6)
    col, row = common[0][0].mean(axis=0) / 0.5
    moved = error.apparent(np.array([[col, row]]) * 0.5, spec.site.frame)[0] / 0.5
    np.testing.assert_allclose(
        moved - (col, row), [5 + np.radians(1) * (row - 150), -3 + np.radians(1) * (150 - col)], atol=0.05
    )
    grid = np.asarray((np.indices((200, 200)).reshape(2, -1)[::-1].T + 50.5) * 0.5, np.float64)
    there = error.apparent(grid, spec.site.frame) / 0.5 - 0.5
    looked_up = ndimage.map_coordinates(turned.pixels[1].astype(float), there[:, ::-1].T, order=1).reshape(200, 200)
    difference = np.abs(looked_up - straight.pixels[1, 50:250, 50:250]).mean()
    assert difference < 0.35 * np.abs(turned.pixels[1].astype(float) - straight.pixels[1]).mean()


def test_cloud_hides_what_it_covers_and_coverage_says_so() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5)
    cloudy = replace(spec.tile, cloud=Cloud(cover=0.5, softness=0.1, scale_m=80), sensor=Sensor())
    picture = render_look(spec.site, cloudy, site_ground(spec.site))
    assert 0.05 < picture.coverage < 0.95
    assert picture.pixels[:, picture.hidden > 0.9].mean() > picture.pixels[:, picture.hidden < 0.1].mean() + 40
    assert any(truth.visible < 1 for truth in picture.cars)


def test_missing_data_is_zero_and_nothing_else_is() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=SMALL)
    look = replace(spec.tile, sensor=Sensor(missing=(30.0, 10.0)))
    picture = render_look(spec.site, look, site_ground(spec.site))
    assert 0.2 < picture.valid.mean() < 0.8
    np.testing.assert_array_equal((picture.pixels == 0).all(axis=0), ~picture.valid)


def test_a_pair_is_written_in_files_that_agree(tmp_path: Path) -> None:
    pair = render_pair(random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5))
    write_pair(pair, tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text())
    cars = json.loads((tmp_path / "cars.geojson").read_text())["features"]
    tracks = json.loads((tmp_path / "tracks.geojson").read_text())["features"]
    with rasterio.open(tmp_path / "tile.tif") as tile, rasterio.open(tmp_path / "baseline.tif") as baseline:
        assert tile.crs == baseline.crs
        assert tile.transform == baseline.transform
        np.testing.assert_array_equal(tile.read(), pair.tile.pixels)
        bounds = rasterio.warp.transform_bounds(tile.crs, "EPSG:4326", *tile.bounds)
    assert truth["count"] == sum(car["properties"]["inside"] for car in cars) == pair.tile.count
    for car in cars:
        x, y = shape(car["geometry"]).centroid.coords[0]
        within = bounds[0] <= x <= bounds[2] and bounds[1] <= y <= bounds[3]
        assert within or not car["properties"]["inside"]
    assert {car["properties"]["track"] for car in cars} <= {track["properties"]["track"] for track in tracks}


def test_a_train_that_left_leaves_bare_ground_in_the_snow() -> None:
    spec = random_scene(np.random.default_rng(8), "clear", gsd_m=0.5, size_px=300, fill=0.5)
    ground = site_ground(spec.site)
    snowed = replace(spec.tile, cars=(), snow=Snow(cover=1.0, swept=0.0), sensor=Sensor(snr=1e6), off_nadir_deg=0.0)
    left = render_look(spec.site, replace(snowed, departed=spec.tile.cars), ground)
    never = render_look(spec.site, snowed, ground)
    stood = features.rasterize([Polygon(car.outline_m() / 0.5).buffer(-1) for car in spec.tile.cars], (300, 300)) == 1
    assert left.pixels[:, stood].mean() < never.pixels[:, stood].mean() - 40
