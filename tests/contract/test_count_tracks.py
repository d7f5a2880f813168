"""`railwatch count` on lines straight from OpenStreetMap, and on a site's own file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from railwatch.render import random_scene, render_pair, write_pair
from tests.contract.test_count_command import count
from tests.support.rendered import rendered


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("yard")
    write_pair(rendered("clear").pair, directory)
    return directory


def retold(yard: Path, path: Path, *more: dict[str, Any], **properties: object) -> Path:
    """The yard's lines with other properties, and more features."""
    document = json.loads((yard / "tracks.geojson").read_text())
    for number, feature in enumerate(document["features"], start=1):
        feature["properties"] = {**properties, "@id": f"way/{number}"} if properties else {}
    document["features"] += more
    path.write_text(json.dumps(document))
    return path


def line(*points: list[float], **properties: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "LineString", "coordinates": list(points)},
    }


def found(*arguments: object) -> dict[str, Any]:
    (tile,) = count(*arguments, "--json").tiles
    return tile


def test_lines_without_names_give_the_same_count(yard: Path, tmp_path: Path) -> None:
    named = found(yard / "tile.tif", "--tracks", yard / "tracks.geojson")
    nameless = found(yard / "tile.tif", "--tracks", retold(yard, tmp_path / "drawn.geojson"))
    assert named["count"] > 0
    assert (nameless["count"], nameless["low"], nameless["high"]) == (named["count"], named["low"], named["high"])
    assert nameless["tracks"][0]["track"] == "line-1"


def test_an_export_of_a_whole_region_is_counted_on_the_tile(yard: Path, tmp_path: Path) -> None:
    far = line([11.0, 48.0], [11.1, 48.0], railway="rail", **{"@id": "way/900"})
    platform = line([11.0, 48.0], [11.1, 48.0], railway="platform")
    switch = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [11.0, 48.0]}}
    export = retold(yard, tmp_path / "export.geojson", far, platform, switch, railway="rail", service="yard")
    named = found(yard / "tile.tif", "--tracks", yard / "tracks.geojson")
    done = count(yard / "tile.tif", "--tracks", export, "--json")
    assert done.tiles[0]["count"] == named["count"]
    assert {track["track"] for track in done.tiles[0]["tracks"]} <= {f"way-{number}" for number in range(1, 20)}
    assert done.tiles[0]["coverage"] > 0.9
    assert "left out what is no track in use: 1 railway=platform, 1 Point" in done.errors


def test_an_export_of_another_place_says_how_far_it_is(yard: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.geojson"
    (lon, lat), _ = rendered("clear").tile.to_lonlat(np.array([[200.0, 200.0], [0.0, 0.0]])).tolist()
    elsewhere = line([lon + 0.5, lat], [lon + 0.6, lat], railway="rail")
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [elsewhere]}))
    done = count(yard / "tile.tif", "--tracks", path, "--json")
    assert done.code == 1
    assert "no track crosses the tile; the nearest is" in done.errors


def test_a_sites_file_gives_its_tracks_within_its_area(yard: Path, tmp_path: Path) -> None:
    document = json.loads((yard / "tracks.geojson").read_text())
    document["features"][0]["properties"]["main"] = True
    (tmp_path / "tracks.geojson").write_text(json.dumps(document))
    corners = np.array([[0, 0], [399, 0], [399, 399], [0, 399], [0, 0]], dtype=float)
    ring = rendered("clear").tile.to_lonlat(corners).tolist()
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (tmp_path / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    site = tmp_path / "yard.yaml"
    site.write_text("id: yard\nname: Yard\ntracks: tracks.geojson\narea: area.geojson\ncount_main: false\n")

    done = count(yard / "tile.tif", "--site", site, "--json")

    main = document["features"][0]["properties"]["track"]
    names = {track["track"] for track in done.tiles[0]["tracks"]}
    assert names
    assert main not in names
    assert "1 main lines are not counted" in done.errors


def test_a_sites_car_lengths_make_its_metres_cars(tmp_path: Path) -> None:
    write_pair(render_pair(random_scene(np.random.default_rng(3), "clear", gsd_m=2.5, size_px=160)), tmp_path)
    pair = tmp_path / "tile.tif", "--baseline", tmp_path / "baseline.tif"
    site = tmp_path / "yard.yaml"
    cars = {}
    for name, lengths in (("short", "[8, 9]"), ("long", "[25, 27]")):
        site.write_text(f"id: yard\nname: Yard\ntracks: tracks.geojson\ncar_lengths_m: {lengths}\n")
        cars[name] = found(*pair, "--site", site)["occupied"]["cars_high"]
    assert cars["short"] > 2 * cars["long"] > 0


def test_tracks_and_site_exclude_each_other(yard: Path) -> None:
    done = count(yard / "tile.tif", "--tracks", yard / "tracks.geojson", "--site", yard / "tracks.geojson")
    assert done.code == 2
    assert "either a file of tracks" in done.errors


def test_car_lengths_may_be_said_without_a_site(tmp_path: Path) -> None:
    write_pair(render_pair(random_scene(np.random.default_rng(3), "clear", gsd_m=2.5, size_px=160)), tmp_path)
    pair = tmp_path / "tile.tif", "--baseline", tmp_path / "baseline.tif", "--tracks", tmp_path / "tracks.geojson"

    short, long = (found(*pair, "--car-lengths", *lengths)["occupied"] for lengths in (("8", "9"), ("25", "27")))

    assert short["cars_high"] > 2 * long["cars_high"] > 0


def test_car_lengths_that_cannot_be_are_refused(yard: Path) -> None:
    done = count(yard / "tile.tif", "--tracks", yard / "tracks.geojson", "--car-lengths", "9", "7")
    assert done.code == 2
    assert "the shortest length comes first" in done.errors
