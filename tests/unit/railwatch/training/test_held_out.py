import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from railwatch.services.detector.tracks.centrelines import project
from railwatch.training.held_out import STYLES, Pair, case, make, rays, write
from railwatch.training.held_out.field import blank
from railwatch.training.held_out.layout import DRAWN_WITHIN_M

SIZE_PX = 200
SMALL_PX = 96


@cache
def pair(style: str, seed: int = 1) -> Pair:
    return make(style, seed, SIZE_PX)


@pytest.mark.parametrize("style", STYLES)
def test_a_case_of_every_style_has_what_the_detector_needs(style: str) -> None:
    made = case(style, 4, SMALL_PX)

    assert made.baseline is not None
    assert made.tile.shape == made.baseline.shape == (SMALL_PX, SMALL_PX)
    assert STYLES[style].gsd_m[0] * 0.99 < made.tile.gsd_m < STYLES[style].gsd_m[1] * 1.01
    assert made.tile.valid.all()
    assert made.tile.luminance().std() > 0.01
    assert len(made.cars) == len(made.on)
    assert set(made.on) <= {track.id for track in made.tracks}


def test_the_same_seed_gives_the_same_pair_and_another_another() -> None:
    one, same, other = (make("american", seed, SMALL_PX) for seed in (7, 7, 8))

    assert np.array_equal(one.tile.pixels, same.tile.pixels)
    assert np.array_equal(one.baseline.pixels, same.baseline.pixels)
    assert one.tile.pixels.shape != other.tile.pixels.shape or not np.array_equal(one.tile.pixels, other.tile.pixels)


@pytest.mark.parametrize("style", ["full-yard", "cement", "oblique"])
def test_cars_lie_on_their_tracks(style: str) -> None:
    made = pair(style)
    axes = {way.id: shapely.LineString(way.line) for way in made.site.ways}

    assert made.tile.cars
    for car in made.tile.cars:
        line = axes[car.standing.track]
        for middle, turn in car.standing.bodies:
            assert line.distance(shapely.Point(middle)) < 0.4
            near = line.project(shapely.Point(middle))
            ahead = np.subtract(*(line.interpolate(near + step).coords[0] for step in (1, -1)))
            assert abs(np.cos(turn) * ahead[0] + np.sin(turn) * ahead[1]) > 0.98 * np.hypot(*ahead)


@pytest.mark.parametrize("style", ["full-yard", "coal", "metre-gauge"])
def test_no_two_cars_overlap(style: str) -> None:
    cars = [shapely.Polygon(car.standing.outline()) for car in pair(style).tile.cars]
    tree = shapely.STRtree(cars)

    for number, car in enumerate(cars):
        others = [cars[k] for k in tree.query(car) if k != number]
        assert sum(car.intersection(other).area for other in others) < 0.05 * car.area


def test_tracks_are_drawn_near_where_they_lie() -> None:
    made = case("american", 1, SIZE_PX)
    ways = pair("american").site.ways

    for line, way in zip(project(made.tracks, made.tile), ways, strict=True):
        off = shapely.LineString((line.xy_px + 0.5) * made.tile.gsd_m).hausdorff_distance(shapely.LineString(way.line))
        assert off < DRAWN_WITHIN_M * 1.8


def test_what_is_true_is_what_is_drawn() -> None:
    """With the cars left out, the picture differs where cars were, and nowhere far from them."""
    made = pair("full-yard")
    bare = make_without_cars("full-yard")

    apart = np.abs(made.tile.pixels.astype(float) - bare.tile.pixels).mean(axis=0)
    outlines = shapely.union_all([shapely.Polygon(car.outline_m / made.site.gsd_m) for car in made.tile.cars])
    rows, cols = np.indices(apart.shape) + 0.5
    on_car = shapely.contains_xy(outlines.buffer(-1), cols, rows)
    far = ~shapely.contains_xy(outlines.buffer(30 / made.site.gsd_m), cols, rows)
    assert np.median(apart[on_car]) > 4 * np.median(apart[far]) if far.any() else np.median(apart[on_car]) > 5


def make_without_cars(style: str) -> Pair:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("railwatch.training.held_out.trains.paint", lambda _field, _cars: None)
        return make(style, 1, SIZE_PX)


def test_cars_under_a_roof_are_not_asked_for() -> None:
    pairs = [make("passenger", seed, SIZE_PX) for seed in range(3)]

    asked = [car.visible for made in pairs for car in made.asked]
    assert min(asked) > 0.5
    assert all(made.inside(car) for made in pairs for car in made.asked)


def test_both_dates_show_the_same_ground() -> None:
    made = pair("empty", 2)
    camera = made.baseline.camera
    there, back = made.tile.pixels[0].astype(float), made.baseline.pixels[0].astype(float)
    turn = np.radians(camera.turn_deg)
    matrix = np.linalg.inv(camera.stretch * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))
    y, x = np.mgrid[40 : SIZE_PX - 40 : 2, 40 : SIZE_PX - 40 : 2]
    centred = np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5 - SIZE_PX / 2

    def likeness(more_px: float) -> float:
        at = centred @ np.linalg.inv(matrix).T + SIZE_PX / 2 + np.array(camera.shift_m) / made.site.gsd_m + more_px
        col, row = np.floor(at).astype(int).clip(0, SIZE_PX - 1).T
        return float(np.corrcoef(there[y.ravel(), x.ravel()], back[row, col])[0, 1])

    assert likeness(0.0) > 0.3
    assert likeness(0.0) > max(likeness(8.0), likeness(-8.0))


def test_a_post_throws_its_shadow_away_from_the_sun_as_far_as_it_is_high() -> None:
    height = np.zeros((101, 101), np.float32)
    height[50, 50] = 8.0

    lit = rays.sunlit(height, 0.5, 90.0, 45.0)

    assert (lit[50, 35:50] < 0.1).all()
    assert (lit[50, 52:] == 1).all()
    assert (lit[50, :33] == 1).all()
    assert lit[:48].min() == 1


def test_a_block_leans_away_from_the_sensor_and_hides_what_is_behind() -> None:
    field = blank(40.0, 0.5, 0.0)
    field.colour[:] = 0.2
    field.height[36:44, 36:44] = 5.0
    field.owner[36:44, 36:44] = 1

    _, seen = rays.oblique(field, field.colour, 45.0, 270.0, 0.5)

    rows, cols = np.nonzero(seen)
    assert (rows.min(), rows.max()) == (36, 43)
    # Its near wall begins where it stands, its top ends 5 m further east.
    assert (cols.min(), cols.max()) == (36, 53)


def test_a_pair_is_written_as_files_that_agree(tmp_path: Path) -> None:
    made = pair("coal")

    write(made, tmp_path)

    cars = json.loads((tmp_path / "cars.geojson").read_text())["features"]
    assert len(cars) == json.loads((tmp_path / "truth.json").read_text())["count"] == len(made.asked)
    with rasterio.open(tmp_path / "tile.tif") as tile, rasterio.open(tmp_path / "baseline.tif") as baseline:
        assert tile.transform == baseline.transform
        assert tile.crs == baseline.crs
        assert np.array_equal(tile.read(), made.tile.pixels)
