"""Metres of track under trains on coarse rendered pairs: mechanisms, not accuracy."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from railwatch.render import geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.pictures import Caption, evidence_pictures
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import project
from railwatch.shared.counts import Quality
from railwatch.shared.sites import Track


@dataclass(frozen=True)
class Pair:
    tile: Raster
    baseline: Raster
    tracks: tuple[Track, ...]

    def count(self, **changes: object) -> Counted:
        seen = replace(self, **changes)  # type: ignore[arg-type]
        return count_tile(seen.tile, seen.baseline, seen.tracks, car_lengths_m=(12.0, 16.0))


@pytest.fixture(scope="module")
def pair() -> Pair:
    rendered = render_pair(random_scene(np.random.default_rng(910_003), "clear", gsd_m=2.5, size_px=180, fill=0.4))
    tracks = tuple(
        Track(id=feature["properties"]["track"], coordinates=tuple(map(tuple, feature["geometry"]["coordinates"])))
        for feature in tracks_geojson(rendered.spec.site)["features"]
    )
    return Pair(read_raster(geotiff(rendered.tile)), read_raster(geotiff(rendered.baseline)), tracks)


@pytest.fixture(scope="module")
def measured(pair: Pair) -> Counted:
    return pair.count()


def test_coarse_pixels_give_metres_and_no_count(measured: Counted) -> None:
    count = measured.count
    assert (count.count, count.quality, count.reasons[-1]) == (None, Quality.REJECTED, "metres-only")
    assert count.occupied is not None
    assert 0 < count.occupied.low_m <= count.occupied.occupied_m <= count.occupied.high_m
    assert count.algorithm.startswith("railwatch-metres-")


def test_the_parts_of_the_metres_agree(measured: Counted) -> None:
    count = measured.count
    assert count.occupied is not None
    of_tracks = [track.occupied.occupied_m for track in count.tracks if track.occupied]
    assert sum(of_tracks) == pytest.approx(count.occupied.occupied_m, abs=0.1 * len(of_tracks))
    assert count.occupied.high_m <= sum(track.length_m for track in count.tracks)
    assert count.occupied.cars_low == pytest.approx(count.occupied.low_m / 17.2, abs=0.1)
    assert count.occupied.cars_high == pytest.approx(count.occupied.high_m / 13.2, abs=0.1)


def test_the_same_place_without_change_has_next_to_no_train(pair: Pair) -> None:
    count = pair.count(tile=pair.baseline).count
    assert count.occupied is not None
    assert count.occupied.occupied_m < 0.05 * sum(track.length_m for track in count.tracks)


def test_without_a_baseline_nothing_is_measured_and_the_reason_says_so(pair: Pair) -> None:
    count = pair.count(baseline=None).count
    assert (count.occupied, count.reasons[-1]) == (None, "metres-need-baseline")


def test_pixels_that_are_coarser_still_are_rejected(pair: Pair) -> None:
    count = pair.count(tile=replace(pair.tile, gsd_m=4.5)).count
    assert (count.occupied, count.reasons) == (None, ("gsd-too-coarse",))


def test_a_part_that_was_not_seen_is_said_and_not_filled_in(pair: Pair) -> None:
    valid = pair.tile.valid.copy()
    valid[:, : valid.shape[1] // 2] = False
    count = pair.count(tile=replace(pair.tile, valid=valid, pixels=pair.tile.pixels * valid)).count
    assert 0.3 < count.coverage < 0.8
    assert count.occupied is not None
    assert count.occupied.high_m <= 0.8 * sum(track.length_m for track in count.tracks)
    assert {"partly-hidden", "metres-only"} <= set(count.reasons)


def test_the_evidence_picture_shows_the_metres(pair: Pair, measured: Counted) -> None:
    pictures = evidence_pictures(pair.tile, measured, project(pair.tracks, pair.tile), Caption("yard"))
    plain = evidence_pictures(pair.tile, replace(measured, stretches=()), project(pair.tracks, pair.tile), Caption("y"))
    assert pictures.keys() == {"tile", "cars", "baseline", "difference"}
    assert pictures["cars"] != plain["cars"]
    assert measured.stretches
