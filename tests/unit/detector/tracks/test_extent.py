"""How much of the track a picture leaves out."""

import pytest

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.extent import share_on_picture
from railwatch.shared.sites import Cell, Track
from tests.support.geotiff import ORIGIN, UTM, NoiseScene, lon_lat


@pytest.fixture(scope="module")
def tile() -> Raster:
    return read_raster(NoiseScene(width=400, height=200, gsd=0.5).geotiff())


def track(*places: tuple[float, float], name: str = "T1") -> Track:
    return Track(id=name, coordinates=tuple((lon, lat) for lon, lat in (lon_lat(*place) for place in places)))


def cell(left: float, right: float) -> Cell:
    return Cell(id="r0c0", crs=UTM, bounds_m=(ORIGIN[0] + left, ORIGIN[1] - 300, ORIGIN[0] + right, ORIGIN[1] + 300))


def test_the_picture_ends_inside_the_tracks(tile: Raster) -> None:
    assert share_on_picture([track((100, 50), (500, 50))], tile, None) == pytest.approx(0.25, abs=0.001)
    assert share_on_picture([track((10, 50), (190, 50))], tile, None) == 1


def test_tracks_that_the_picture_does_not_show_count_as_well(tile: Raster) -> None:
    tracks = [track((0, 50), (200, 50)), track((300, 50), (900, 50), name="T2")]

    assert share_on_picture(tracks, tile, None) == pytest.approx(0.25, abs=0.001)


def test_only_track_inside_the_cell_counts(tile: Raster) -> None:
    tracks = [track((100, 50), (500, 50))]

    assert share_on_picture(tracks, tile, cell(0, 200)) == 1
    assert share_on_picture(tracks, tile, cell(0, 300)) == pytest.approx(0.5, abs=0.001)


def test_a_track_given_twice_has_its_length_once(tile: Raster) -> None:
    ends = (100, 50), (500, 50)
    tracks = [track(*ends), track(*ends, name="again"), track((0, 20), (200, 20), name="T3")]

    assert share_on_picture(tracks, tile, None) == pytest.approx(0.5, abs=0.001)


def test_a_line_drawn_a_little_beyond_the_picture_ends_with_it(tile: Raster) -> None:
    tracks = [track((-12, 50), (215, 50))]

    assert share_on_picture(tracks, tile, None) == 1
    assert share_on_picture(tracks, tile, cell(-300, 600)) == pytest.approx(200 / 227, abs=0.001)


def test_a_cell_without_track_is_not_partly_outside(tile: Raster) -> None:
    assert share_on_picture([track((100, 50), (500, 50))], tile, cell(-300, 0)) == 1
