import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import Track, load_sites, load_tracks

# About 820 m of track near Tumangang, running west to east.
WEST_EAST = [[130.610, 42.415], [130.620, 42.415]]


def tracks_json(*lines: list[Any], **members: Any) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {"track": f"T{index}"},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for index, line in enumerate(lines, start=1)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features, **members}, indent=1)


def write_site(directory: Path, yaml: str, tracks: str | None = None, name: str = "yard") -> Path:
    (directory / "tracks.geojson").write_text(tracks or tracks_json(WEST_EAST))
    path = directory / f"{name}.yaml"
    path.write_text(yaml)
    return path


GOOD = """\
id: tumangang
name: Tumangang Rail Facility
tracks: tracks.geojson
events:
  - title: Kim-Putin meeting
    at: 2023-09-13
"""


def the_fault(directory: Path) -> str:
    catalogue = load_sites(directory)
    assert len(catalogue.faults) == 1, catalogue.faults
    return catalogue.faults[0].removeprefix(f"{directory}/")


def test_a_site_is_its_yaml_and_its_tracks(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD)
    catalogue = load_sites(tmp_path)
    assert catalogue.faults == ()
    site = catalogue.sites["tumangang"]
    assert site.name == "Tumangang Rail Facility"
    assert [track.id for track in site.tracks] == ["T1"]
    assert site.track_length_m == pytest.approx(823, abs=1)
    assert site.events[0].at.isoformat() == "2023-09-13T00:00:00+00:00"
    assert site.polygon.contains(site.lines)


def test_a_small_site_has_one_cell_that_holds_its_tracks(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD)
    (cell,) = load_sites(tmp_path).sites["tumangang"].cells()
    assert (cell.id, cell.crs) == ("r0c0", "EPSG:32652")
    assert cell.contains(*np.transpose(WEST_EAST)).all()
    assert not cell.contains(np.array([130.63]), np.array([42.415])).any()
    assert cell.tile_polygon.contains(cell.polygon)


def test_the_southern_hemisphere_has_its_own_zones(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD, tracks_json([[151.05, -33.88], [151.06, -33.88]]))
    assert load_sites(tmp_path).sites["tumangang"].cells()[0].crs == "EPSG:32756"


def test_a_cell_without_track_is_left_out(tmp_path: Path) -> None:
    # An L of two tracks: of four cells the one in the open corner has none.
    corner = tracks_json(WEST_EAST, [[130.6101, 42.415], [130.6101, 42.421]])
    write_site(tmp_path, GOOD + "tile_size_m: 450\n", corner)
    assert [cell.id for cell in load_sites(tmp_path).sites["tumangang"].cells()] == ["r0c0", "r1c0", "r1c1"]


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        (GOOD.replace("name: Tumangang Rail Facility\n", ""), "yard.yaml:1: name: Field required"),
        (GOOD.replace("tracks:", "track:"), "yard.yaml:3: track: Extra inputs are not permitted"),
        (GOOD + "car_lengths_m: [30, 12]\n", "yard.yaml:7: car_lengths_m: the shortest length must come first"),
        (GOOD + "tile_size_m: big\n", "yard.yaml:7: tile_size_m: Input should be a valid number"),
        (GOOD.replace("2023-09-13", "2023-09-13 09:00:00"), "yard.yaml:6: events[0].at: Input should have timezone"),
        (GOOD.replace("id: tumangang", "id: Tuman gang"), "yard.yaml:1: id: String should match pattern"),
        (GOOD + "name: Another\n", "yard.yaml:7: name: given twice"),
        (GOOD + "area: [1, 2\n", "yard.yaml:8: not valid YAML"),
        (GOOD.replace("tracks.geojson", "nowhere.geojson"), "nowhere.geojson:1: cannot be read: No such file"),
        ("- a list\n", "yard.yaml:1: Input should be a valid dictionary"),
        (GOOD + "car_lengths_m: [9]\n", "yard.yaml:7: car_lengths_m[1]: Field required"),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path: Path, yaml: str, fault: str) -> None:
    write_site(tmp_path, yaml)
    found = [message.removeprefix(f"{tmp_path}/") for message in load_sites(tmp_path).faults]
    assert any(message.startswith(fault) for message in found), found


@pytest.mark.parametrize(
    ("tracks", "fault"),
    [
        (
            tracks_json(WEST_EAST).replace("130.62", "2615959.1"),
            r"tracks.geojson:\d+: features\[0\].*track `T1`: .* must be WGS 84",
        ),
        (tracks_json(WEST_EAST).replace('"T1"', '""'), r"tracks.geojson:\d+: features\[0\].properties.track: "),
        (tracks_json(WEST_EAST, crs={"properties": {"name": "EPSG:2056"}}), "tracks.geojson:1: `crs` must be left out"),
        (
            tracks_json(WEST_EAST).replace("LineString", "Point"),
            r"tracks.geojson:\d+: features\[0\].geometry: track `T1`: Input tag 'Point'",
        ),
        (tracks_json([[130.61, 42.415], [130.61, 42.415]]), r"tracks.geojson:\d+: .*track `T1` has no length"),
        (tracks_json([[0, 0], [0.01, 0.01], [0.01, 0], [0, 0.01]]), r"track `T1` crosses itself"),
        (tracks_json(WEST_EAST, [[130.61, 42.4], [130.61001, 42.4]]), r"yard.yaml:3: tracks: track `T2` is 0.8 m long"),
        (tracks_json(WEST_EAST, [[30.61, 42.4], [30.62, 42.4]]), r"yard.yaml:3: tracks: the site is \d+ km long"),
        (tracks_json(), r"tracks.geojson:3: features: there is no track in it"),
        ('{"type": "FeatureCollection",\n "features": [}', "tracks.geojson:2: not valid JSON"),
    ],
)
def test_a_fault_in_the_tracks_names_line_and_track(tmp_path: Path, tracks: str, fault: str) -> None:
    write_site(tmp_path, GOOD, tracks)
    assert re.search(fault, the_fault(tmp_path))


def test_a_fault_deep_in_a_file_has_its_own_line(tmp_path: Path) -> None:
    text = tracks_json(WEST_EAST).replace("42.415", "142.415")
    line = next(number for number, row in enumerate(text.splitlines(), start=1) if "130.61" in row)
    write_site(tmp_path, GOOD, text)
    (first, *_) = load_sites(tmp_path).faults
    assert f"tracks.geojson:{line - 1}: features[0].geometry.coordinates[0]" in first


def test_lines_of_one_name_become_parts_of_a_track(tmp_path: Path) -> None:
    twice = tracks_json(WEST_EAST, [[130.61, 42.416], [130.62, 42.416]]).replace("T2", "T1")
    write_site(tmp_path, GOOD, twice)
    assert [track.id for track in load_sites(tmp_path).sites["tumangang"].tracks] == ["T1", "T1/2"]


def test_a_line_of_several_parts_is_several_tracks(tmp_path: Path) -> None:
    parts = tracks_json([WEST_EAST, [[130.61, 42.416], [130.62, 42.416]]]).replace("LineString", "MultiLineString")
    (tmp_path / "tracks.geojson").write_text(parts)
    assert [track.id for track in load_tracks(tmp_path / "tracks.geojson")] == ["T1", "T1/2"]


def test_a_track_outside_the_area_is_refused(tmp_path: Path) -> None:
    ring = [[130.7, 42.4], [130.71, 42.4], [130.71, 42.41], [130.7, 42.4]]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (tmp_path / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    write_site(tmp_path, GOOD + "area: area.geojson\n")
    assert "yard.yaml:3: tracks: track `T1` lies outside the area" in the_fault(tmp_path)


@pytest.mark.parametrize("line", [[[179.99, 52], [-179.99, 52]], [[179.9, 52], [179.9999, 52]]])
def test_a_site_across_the_antimeridian_is_refused_with_what_to_do(tmp_path: Path, line: list[list[float]]) -> None:
    write_site(tmp_path, GOOD, tracks_json(line))
    fault = the_fault(tmp_path)
    assert "tracks: the site crosses the antimeridian" in fault
    assert "two sites" in fault


def test_a_broken_site_does_not_stop_the_others(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD, name="a")
    write_site(tmp_path, "id: [", name="b")
    write_site(tmp_path, GOOD.replace("id: tumangang", "id: other"), name="c")
    catalogue = load_sites(tmp_path)
    assert sorted(catalogue.sites) == ["other", "tumangang"]
    assert len(catalogue.faults) == 1


def test_an_id_used_twice_names_the_other_file(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD, name="a")
    write_site(tmp_path, GOOD, name="b")
    assert the_fault(tmp_path) == "b.yaml:1: id: `tumangang` is already the id of a.yaml"


def test_a_missing_directory_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a directory"):
        load_sites(tmp_path / "nowhere")


def test_sites_are_found_by_ground(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD)
    catalogue = load_sites(tmp_path)
    site = catalogue.sites["tumangang"]
    assert catalogue.touching(site.polygon.centroid.buffer(0.001)) == [site]
    assert catalogue.touching(site.polygon.centroid.buffer(0.001).buffer(-1)) == []


def test_altitudes_and_numeric_track_names_are_accepted(tmp_path: Path) -> None:
    text = tracks_json([[130.61, 42.415, 12.0], [130.62, 42.415, 13.0]]).replace('"T1"', "7")
    write_site(tmp_path, GOOD, text)
    assert load_tracks(tmp_path / "tracks.geojson")[0] == Track(
        id="7", coordinates=((130.61, 42.415), (130.62, 42.415))
    )
