"""Lines of a map become tracks on which cars can stand: whole, told apart, named, and on the site's ground."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from shapely import box

from railwatch.shared.sites import Track, read_tracks
from railwatch.siting.layout import lay_out
from tests.support.osm import NODES, geojson, write_osm

# Metres to degrees near 42.4 degrees north.
LON, LAT = 1 / 82_200, 1 / 111_100


def line(name: str, *points_m: tuple[float, float], main: bool = False) -> Track:
    """A line through points in metres east and north of a place."""
    return Track(id=name, coordinates=tuple((130.6 + x * LON, 42.4 + y * LAT) for x, y in points_m), main=main)


def laid(*lines: Track) -> list[tuple[str, bool, int]]:
    return [(track.id, track.main, 10 * round(track.length_m / 10)) for track in lay_out(lines, None, 9.0)]


@pytest.mark.parametrize("suffix", ["osm", "osm.pbf", "geojson"])
def test_a_station_has_its_main_line_its_siding_and_its_spur(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"station.{suffix}"
    if suffix == "geojson":
        path.write_text(geojson())
    else:
        write_osm(path)
    tracks = lay_out(read_tracks(path).tracks, None, 9.0)
    assert [(track.id, track.main) for track in tracks] == [("main-1", True), ("7", False), ("track-1", False)]
    assert tracks[0].coordinates[0] == pytest.approx(NODES[1], abs=1e-7)
    assert tracks[0].coordinates[-1] == pytest.approx(NODES[5], abs=1e-7)


def test_a_track_runs_on_through_a_switch_and_the_branch_begins_there() -> None:
    through = line("way-1", (0, 0), (200, 0), (400, 0))
    branch = line("way-2", (200, 0), (230, 3), (400, 5))
    assert laid(through, branch) == [("track-1", False, 200), ("track-2", False, 400)]


def test_a_line_that_goes_over_from_one_way_to_the_next_is_one_track() -> None:
    ladder = [line(f"way-{n}", (40.0 * n, 0), (40.0 * (n + 1), 0)) for n in range(5)]
    # One of the lines is drawn the other way round.
    ladder[2] = ladder[2].model_copy(update={"coordinates": ladder[2].coordinates[::-1]})
    branches = [line(f"way-{10 + n}", (40.0 * n, 0), (40.0 * n + 30, 3), (40.0 * n + 150, 15)) for n in range(1, 4)]
    lengths = sorted(length for _, _, length in laid(*ladder, *branches))
    assert lengths == [150, 150, 150, 200]


def test_a_crossing_keeps_both_tracks_whole() -> None:
    one = line("way-1", (0, 0), (100, 0), (200, 0))
    other = line("way-2", (100, -80), (100, 0), (100, 80))
    assert laid(one, other) == [("track-1", False, 200), ("track-2", False, 160)]


def test_a_main_line_ends_where_a_siding_goes_on() -> None:
    assert laid(line("way-1", (0, 0), (100, 0), main=True), line("way-2", (100, 0), (250, 0))) == [
        ("main-1", True, 100),
        ("track-1", False, 150),
    ]


def test_a_circle_is_one_track() -> None:
    around = [(100 * math.cos(turn), 100 * math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 25)]
    around[-1] = around[0]
    (track,) = lay_out([line("way-1", *around[:13]), line("way-2", *around[12:])], None, 9.0)
    assert track.length_m == pytest.approx(2 * math.pi * 100, rel=0.01)


def test_names_of_the_map_stay_and_made_ones_count_across_the_yard() -> None:
    south, north = line("way-1", (0, -20), (300, -20)), line("way-2", (0, 20), (300, 20))
    named = line("track-1", (0, 0), (300, 0))
    tracks = lay_out([south, named, north], None, 9.0)
    assert [track.id for track in tracks] == ["track-2", "track-1", "track-3"]
    assert tracks[0].coordinates == north.coordinates


def test_only_what_lies_on_the_ground_and_can_hold_a_car_is_laid() -> None:
    inside, outside = line("way-1", (-500, 0), (500, 0)), line("way-2", (900, 0), (990, 0))
    stub = line("way-3", (0, 10), (5, 10))
    ground = box(130.6 - 100 * LON, 42.39, 130.6 + 100 * LON, 42.41)
    (track,) = lay_out([inside, outside, stub], ground, 9.0)
    assert track.length_m == pytest.approx(200, abs=2)
    assert lay_out([outside], ground, 9.0) == ()


def test_an_export_is_laid_out_the_same_whatever_the_order_of_its_lines(tmp_path: Path) -> None:
    document = json.loads(geojson())
    found = []
    for number in (0, 1):
        path = tmp_path / f"{number}.geojson"
        path.write_text(json.dumps(document))
        found.append([(track.id, round(track.length_m)) for track in lay_out(read_tracks(path).tracks, None, 9.0)])
        document["features"].reverse()
    assert found[0] == found[1]
