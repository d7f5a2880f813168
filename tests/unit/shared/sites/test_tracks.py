"""Lines straight from OpenStreetMap are tracks: whatever form they come in, and whether or not they have names."""

import json
from pathlib import Path

import numpy as np
import pytest
from shapely import box

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import TrackLines, clipped, load_sites, read_site, read_tracks
from tests.support.osm import NODES, WAYS, geojson, overpass, write_osm
from tests.unit.shared.sites.test_load import GOOD, WEST_EAST, tracks_json, write_site


def station(directory: Path, form: str) -> Path:
    """The station's file in one of its forms."""
    if form.endswith((".osm", ".pbf")):
        return write_osm(directory / form)
    path = directory / form
    texts = {
        "export.geojson": geojson(),
        "answer.json": overpass(geometry=True),
        "nodes.json": overpass(geometry=False),
    }
    path.write_text(texts[form])
    return path


@pytest.mark.parametrize("form", ["export.geojson", "answer.json", "nodes.json", "yard.osm", "yard.osm.pbf"])
def test_a_station_has_the_same_tracks_in_every_form(tmp_path: Path, form: str) -> None:
    lines = read_tracks(station(tmp_path, form))
    assert lines.exported
    assert [(track.id, track.main) for track in lines.tracks] == [
        ("way-101", True),
        ("way-102", True),
        ("way-103", False),
        ("7", False),
    ]
    siding = [NODES[node] for node in WAYS[103][0]]
    assert np.allclose(lines.tracks[2].coordinates, siding, rtol=0, atol=1e-7)
    (remark,) = lines.remarks
    assert "1 railway=platform" in remark


def test_a_point_in_an_export_is_told_and_left_out(tmp_path: Path) -> None:
    (remark,) = read_tracks(station(tmp_path, "export.geojson")).remarks
    assert "1 Point" in remark


def test_lines_without_names_get_their_place_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "drawn.geojson"
    path.write_text(tracks_json(WEST_EAST, WEST_EAST).replace('"track"', '"note"'))
    lines = read_tracks(path)
    assert [track.id for track in lines.tracks] == ["line-1", "line-2"]
    assert not lines.exported


def test_properties_may_be_null(tmp_path: Path) -> None:
    path = tmp_path / "drawn.geojson"
    feature = {"type": "Feature", "properties": None, "geometry": {"type": "LineString", "coordinates": WEST_EAST}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert [track.id for track in read_tracks(path).tracks] == ["line-1"]


@pytest.mark.parametrize(
    ("properties", "name", "main"),
    [
        ({"osm_id": "17", "other_tags": '"usage"=>"main","railway"=>"rail"'}, "way-17", True),
        ({"full_id": "w17", "railway": "rail", "usage": "main", "service": "siding"}, "way-17", False),
        ({"osm_id": 17, "fclass": "rail", "name": "Hongui Line"}, "Hongui Line", False),
        ({"@id": "way/17", "tags": {"railway": "rail", "usage": "branch"}}, "way-17", True),
        ({"track": "3", "railway": "narrow_gauge", "main": True}, "3", True),
    ],
)
def test_tags_are_read_as_other_programs_write_them(
    tmp_path: Path, properties: dict[str, object], name: str, main: bool
) -> None:
    path = tmp_path / "export.geojson"
    geometry = {"type": "LineString", "coordinates": WEST_EAST}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (track,) = read_tracks(path).tracks
    assert (track.id, track.main) == (name, main)


def test_made_names_and_given_ones_never_meet(tmp_path: Path) -> None:
    path = tmp_path / "drawn.geojson"
    text = tracks_json(WEST_EAST, WEST_EAST, WEST_EAST)
    path.write_text(text.replace('"T2"', '"T1"').replace('"T3"', '"T1/2"'))
    assert [track.id for track in read_tracks(path).tracks] == ["T1", "T1/3", "T1/2"]


def test_a_loop_of_an_export_is_cut_where_it_meets_itself(tmp_path: Path) -> None:
    path = tmp_path / "loop.geojson"
    loop = [[0, 0], [0.01, 0.01], [0.01, 0], [0, 0.01]]
    path.write_text(tracks_json(loop).replace('"track": "T1"', '"railway": "rail"'))
    tracks = read_tracks(path).tracks
    assert [track.id for track in tracks] == ["line-1", "line-1/2", "line-1/3"]
    assert all(track.line.is_simple for track in tracks)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.osm.pbf", b"not a PBF", "cannot be read as OpenStreetMap data"),
        ("a.osm", b"<osm version='0.6'><node", "cannot be read as OpenStreetMap data"),
        ("a.osm", b"<osm version='0.6'></osm>", "no way has the tag railway=rail"),
        ("a.json", b'{"elements": [{"type": "way"}]}', r"elements\[0\].id: Field required"),
        ("a.json", b'{"elements": [], "remark": "runtime error: timeout"}', "stopped before the end"),
        ("a.json", b'{"elements": []}', "no way has the tag railway=rail"),
    ],
)
def test_an_export_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"{name}:\d+: .*{fault}"):
        read_tracks(tmp_path / name)


def test_an_export_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_tracks(tmp_path / "nowhere.osm.pbf")


def test_a_way_that_an_extract_cuts_has_several_parts(tmp_path: Path) -> None:
    document = json.loads(overpass(geometry=True))
    document["elements"][1]["geometry"] = [None, *document["elements"][2]["geometry"], None]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(document))
    assert len(read_tracks(path).tracks[1].coordinates) == 4


def test_a_site_may_leave_out_its_main_lines(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD + "count_main: false\n", geojson())
    catalogue = load_sites(tmp_path)
    assert [track.id for track in catalogue.sites["tumangang"].tracks] == ["way-103", "7"]
    assert any("2 main lines are not counted" in remark for remark in catalogue.remarks)


def test_a_site_without_any_track_left_is_refused(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD + "count_main: false\n", tracks_json(WEST_EAST).replace('"T1"', '"T1", "main": true'))
    (fault,) = load_sites(tmp_path).faults
    assert "yard.yaml:3: tracks: no track is left without the main lines" in fault


def test_of_an_export_a_site_has_what_lies_in_its_area(tmp_path: Path) -> None:
    ring = [[130.6125, 42.4149], [130.6155, 42.4149], [130.6155, 42.4151], [130.6125, 42.4151], [130.6125, 42.4149]]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (tmp_path / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    path = write_site(tmp_path, GOOD + "area: area.geojson\n", geojson())
    read = read_site(path)
    assert [track.id for track in read.site.tracks] == ["way-101", "way-102", "way-103"]
    assert any("left out 1 lines outside the area" in remark for remark in read.remarks)


def test_a_retired_site_is_not_monitored(tmp_path: Path) -> None:
    path = write_site(tmp_path, GOOD + "retired: 2026-01-31\n")
    assert load_sites(tmp_path).sites == {}
    assert load_sites(tmp_path).faults == ()
    retired = read_site(path).retired
    assert retired is not None
    assert retired.isoformat() == "2026-01-31T00:00:00+00:00"


def test_tracks_are_cut_to_a_ground(tmp_path: Path) -> None:
    lines: TrackLines = read_tracks(station(tmp_path, "export.geojson"))
    ground = box(130.611, 42.4149, 130.617, 42.4151)
    inside = clipped(lines.tracks, ground, shortest_m=9)
    assert [track.id for track in inside] == ["way-101", "way-102", "way-103"]
    assert all(ground.buffer(1e-9).covers(track.line) for track in inside)
    assert [track.main for track in inside] == [True, True, False]
