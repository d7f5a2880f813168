"""The count as a whole, on rendered pairs: mechanisms, not accuracy."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from railwatch.render import RenderedPair, cars_geojson, geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.cars.evidence import load_models
from railwatch.services.detector.counting import algorithm, count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.counts import Quality
from railwatch.shared.sites import Track


@dataclass(frozen=True)
class Case:
    pair: RenderedPair
    tile: Raster
    baseline: Raster
    tracks: tuple[Track, ...]


def case(condition: str, seed: int, fill: float | None = None) -> Case:
    spec = random_scene(np.random.default_rng(seed), condition, gsd_m=0.4, size_px=400, fill=fill)
    pair = render_pair(spec)
    tracks = tuple(
        Track(id=feature["properties"]["track"], coordinates=tuple(map(tuple, feature["geometry"]["coordinates"])))
        for feature in tracks_geojson(spec.site)["features"]
    )
    return Case(pair, read_raster(geotiff(pair.tile)), read_raster(geotiff(pair.baseline)), tracks)


@pytest.fixture(scope="module")
def clear() -> Case:
    return case("clear", 910_003, fill=0.4)


def test_cars_are_found_where_they_stand(clear: Case) -> None:
    counted = count_tile(clear.tile, clear.baseline, clear.tracks)

    true = np.array(
        [
            clear.tile.to_pixels(np.array(feature["geometry"]["coordinates"][0][:4])).mean(axis=0)
            for feature in cars_geojson(clear.pair.tile)["features"]
            if feature["properties"]["inside"]
        ]
    )
    found = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines])
    near_m = np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)).min(axis=1) * clear.tile.gsd_m
    assert counted.count.quality is Quality.OK
    assert counted.count.count == pytest.approx(len(true), rel=0.25)
    assert (near_m < 5).mean() > 0.75


def test_the_parts_of_a_count_agree(clear: Case) -> None:
    counted = count_tile(clear.tile, clear.baseline, clear.tracks)
    count = counted.count

    cars = [car for track in count.tracks for car in track.cars]
    assert count.count == len(cars) == len(counted.outlines) == sum(track.count or 0 for track in count.tracks)
    assert count.low is not None
    assert count.high is not None
    assert count.low <= len(cars) <= count.high
    assert all(track.occupied_m == pytest.approx(sum(car.length_m for car in track.cars)) for track in count.tracks)
    places = np.array([[car.lon, car.lat] for car in cars])
    middles = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines])
    assert clear.tile.to_pixels(places) == pytest.approx(middles, abs=0.01)
    assert count.algorithm == algorithm(load_models())
    assert {"registration", "radiometry", "visibility", "tracks", "strips", "evidence", "segmentation"} <= set(
        count.timings_ms
    )


def test_the_count_does_not_depend_on_which_end_a_track_begins_at(clear: Case) -> None:
    turned = tuple(Track(id=track.id, coordinates=track.coordinates[::-1]) for track in clear.tracks)

    there, back = (count_tile(clear.tile, clear.baseline, tracks).count.count for tracks in (clear.tracks, turned))

    assert back == there


def test_a_track_given_twice_counts_once(clear: Case) -> None:
    again = tuple(Track(id=f"{track.id}-again", coordinates=track.coordinates) for track in clear.tracks)

    once, twice = (
        count_tile(clear.tile, clear.baseline, tracks).count.count for tracks in (clear.tracks, clear.tracks + again)
    )

    assert twice == once


def test_an_empty_yard_has_no_cars_also_against_itself() -> None:
    empty = case("empty-clutter", 910_001)

    assert count_tile(empty.tile, empty.tile, empty.tracks).count.count == 0
    assert count_tile(empty.tile, empty.baseline, empty.tracks).count.count == 0


def test_a_pair_unlike_what_was_learned_is_read_by_its_tile_alone_too_and_doubted_by_the_difference(
    clear: Case,
) -> None:
    shipped = load_models()
    strange = replace(shipped.pair, calibration=replace(shipped.pair.calibration, familiar=0.0))
    # Where cars stood on both dates, a pair shows fewer than the tile.
    seen_twice = replace(clear.tile, pixels=0.97 * clear.tile.pixels)

    familiar = count_tile(clear.tile, seen_twice, clear.tracks).posterior
    doubted = count_tile(clear.tile, seen_twice, clear.tracks, models=replace(shipped, pair=strange))

    assert familiar is not None
    assert familiar.apart == 0
    assert doubted.posterior is not None
    assert doubted.posterior.mean > familiar.mean
    assert doubted.posterior.apart != 0
    assert "unfamiliar" in doubted.count.reasons


def test_a_count_without_a_baseline_has_the_reason_no_baseline(clear: Case) -> None:
    count = count_tile(clear.tile, None, clear.tracks).count

    assert "no-baseline" in count.reasons
    assert count.registration is None
    assert count.count == pytest.approx(clear.pair.tile.count, rel=0.5)


def test_hidden_ground_is_left_out_of_the_count_and_of_the_coverage(clear: Case) -> None:
    valid = clear.tile.valid.copy()
    valid[:, : valid.shape[1] // 3] = False
    torn = replace(clear.tile, pixels=clear.tile.pixels * valid, valid=valid)

    counted = count_tile(torn, clear.baseline, clear.tracks)

    assert counted.count.quality is Quality.PARTIAL
    assert "partly-outside" in counted.count.reasons
    assert counted.count.coverage == pytest.approx(2 / 3, abs=0.15)
    assert all(corners[:, 0].mean() > valid.shape[1] / 3 - 1 for _, _, corners in counted.outlines)


def test_a_tile_that_shows_little_track_is_not_counted(clear: Case) -> None:
    valid = clear.tile.valid.copy()
    tenth = valid.shape[1] // 10
    valid[2:-2, tenth:-tenth] = False
    torn = replace(clear.tile, pixels=clear.tile.pixels * valid, valid=valid)

    count = count_tile(torn, None, clear.tracks).count

    assert count.quality is Quality.REJECTED
    assert count.count is None
    assert "coverage-too-low" in count.reasons


def test_tracks_of_another_place_are_not_counted(clear: Case) -> None:
    elsewhere = Track(id="far", coordinates=((10.0, 50.0), (10.01, 50.0)))

    count = count_tile(clear.tile, clear.baseline, [elsewhere]).count

    assert count.quality is Quality.REJECTED
    assert "no-track" in count.reasons
