"""Tracks laid onto a tile."""

import numpy as np
import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import corridor, distance_m, project
from railwatch.shared.sites import Track
from tests.support.geotiff import NoiseScene

TILE = read_raster(NoiseScene().geotiff())


def track(tile: Raster, *xy_px: tuple[float, float], name: str = "T1") -> Track:
    lonlat = tile.to_lonlat(np.array(xy_px, dtype=float))
    return Track(id=name, coordinates=tuple((float(lon), float(lat)) for lon, lat in lonlat))


def test_a_track_lies_where_it_was_drawn() -> None:
    (line,) = project([track(TILE, (10, 20), (300, 200))], TILE)

    assert line.id == "T1"
    assert line.xy_px == pytest.approx(np.array([[10, 20], [300, 200]]), abs=1e-3)


def test_tracks_beside_the_tile_are_left_out() -> None:
    crossing = track(TILE, (-100, 200), (700, 210), name="through")
    beside = track(TILE, (600, 0), (600, 300), name="beside")

    assert [line.id for line in project([crossing, beside], TILE)] == ["through"]
    assert distance_m(crossing, TILE) == 0
    assert distance_m(beside, TILE) == pytest.approx(0.5 * (600 - 499.5), abs=0.1)


def test_the_other_side_of_the_earth_is_far_away() -> None:
    antipode = Track(id="T1", coordinates=((-51.4, -42.4), (-51.5, -42.4)))

    assert distance_m(antipode, TILE) > 1e6
    assert project([antipode], TILE) == ()


def test_the_corridor_has_the_given_width() -> None:
    mask = corridor(project([track(TILE, (0, 200), (499, 200))], TILE), TILE, half_width_m=4)

    assert mask.shape == TILE.shape
    assert mask[:, 250].sum() == pytest.approx(16, abs=1)
    assert mask[200].all()
    assert not mask[180].any()
