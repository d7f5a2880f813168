"""`railwatch site` and `railwatch check`: from an extract of OpenStreetMap to a site that ingest takes scenes for."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.shared.errors import RailwatchError
from railwatch.shared.sites import load_sites, read_site
from tests.support.geotiff import NoiseScene
from tests.support.geotiff import write_site as write_test_site
from tests.support.http_server import LOOPBACK, Quiet, serving
from tests.support.osm import overpass, write_osm

AREA = "130.6110,42.4145,130.6210,42.4165"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def made(directory: Path, *options: object) -> Path:
    """A site of the small station."""
    extract = write_osm(directory / "region.osm.pbf")
    done = run("site", "init", "Tuman Gang", "--osm", extract, "--sites", directory / "sites", *options)
    assert done.exit_code == 0, done.output
    return directory / "sites" / "tuman-gang.yaml"


def test_an_extract_becomes_a_site_whose_main_line_is_left_out(tmp_path: Path) -> None:
    read = read_site(made(tmp_path, "--bbox", AREA))
    assert (read.site.id, read.site.name) == ("tuman-gang", "Tuman Gang")
    assert [track.id for track in read.site.tracks] == ["7", "track-1"]
    assert read.site.polygon.bounds == pytest.approx([float(number) for number in AREA.split(",")])
    assert load_sites(tmp_path / "sites").faults == ()
    document = json.loads((tmp_path / "sites/tuman-gang-tracks.geojson").read_text())
    assert "OpenStreetMap contributors" in document["attribution"]
    assert [feature["properties"].get("main", False) for feature in document["features"]] == [True, False, False]


def test_a_circle_around_a_place_is_the_sites_area(tmp_path: Path) -> None:
    read = read_site(made(tmp_path, "--around", "42.4150,130.6140", "--radius-m", "300"))
    west, _, east, _ = read.site.polygon.bounds
    assert (east - west) * 82_200 == pytest.approx(600, rel=0.02)
    assert [track.id for track in read.site.tracks] == ["track-1"]


def test_a_whole_extract_is_a_site_without_an_area(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert "area" not in path.read_text()
    assert len(read_site(path).site.tracks) == 2


def test_an_overpass_api_is_asked_where_there_is_no_file(tmp_path: Path, api: "Api") -> None:
    done = run("site", "init", "Station", "--bbox", AREA, "--overpass", api.url, "--sites", tmp_path)
    assert done.exit_code == 0, done.output
    assert [track.id for track in read_site(tmp_path / "station.yaml").site.tracks] == ["7", "track-1"]
    assert 'way["railway"](42.414500,130.611000,42.416500,130.621000)' in api.asked[0]


def test_an_overpass_api_that_refuses_is_named(tmp_path: Path, api: "Api") -> None:
    api.status = 429
    done = run("site", "init", "Station", "--bbox", AREA, "--overpass", api.url, "--sites", tmp_path)
    assert isinstance(done.exception, RailwatchError)
    assert "answers 429" in str(done.exception)
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--bbox", "10,50,11,51"), "None of the 4 lines lies on this ground"),
        (("--bbox", "131,42,130,43"), "is not a box"),
        (("--around", "142,130"), "is not a place on Earth"),
    ],
)
def test_a_place_that_is_none_is_told(tmp_path: Path, options: tuple[str, str], problem: str) -> None:
    extract = write_osm(tmp_path / "region.osm")
    done = run("site", "init", "Station", "--osm", extract, "--sites", tmp_path / "sites", *options)
    assert isinstance(done.exception, RailwatchError)
    assert problem in str(done.exception)
    assert not list(tmp_path.glob("sites/*"))


@pytest.mark.parametrize(
    "options", [(), ("--bbox", "1,2,3"), ("--bbox", AREA, "--around", "42,130"), ("--around", "here")]
)
def test_a_place_that_is_not_said_is_wrong_use(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run("site", "init", "Station", "--sites", tmp_path, *options).exit_code == 2


def test_a_site_is_never_written_over(tmp_path: Path) -> None:
    path = made(tmp_path)
    before = path.read_bytes()
    done = run("site", "init", "Tuman  gang!", "--osm", tmp_path / "region.osm.pbf", "--sites", tmp_path / "sites")
    assert "There is a site tuman-gang" in str(done.exception)
    assert path.read_bytes() == before


def test_check_says_what_is_missing_and_draws_the_site(tmp_path: Path) -> None:
    made(tmp_path, "--bbox", AREA)
    picture = tmp_path / "site.png"
    done = run("site", "check", "tuman-gang", "--sites", tmp_path / "sites", "-o", picture)
    assert done.exit_code == 0, done.output
    assert "2 tracks, 0.5 km, 1 cell" in done.output
    assert "It has no `events`" in done.output
    assert "1 main lines are not counted" in done.output
    colours = np.array(Image.open(picture).convert("RGB")).reshape(-1, 3)
    assert {(230, 159, 0), (86, 180, 233)} <= {(int(r), int(g), int(b)) for r, g, b in np.unique(colours, axis=0)}


def test_check_draws_the_site_where_it_lies_on_an_image(tmp_path: Path) -> None:
    write_test_site(tmp_path)
    scene = NoiseScene(width=2000, height=1600)
    (tmp_path / "scene.tif").write_bytes(scene.geotiff(np.full((3, 1600, 2000), 40, np.uint8)))
    done = run(
        "site", "check", "yard", "--sites", tmp_path, "--image", tmp_path / "scene.tif", "-o", tmp_path / "o.png"
    )
    assert done.exit_code == 0, done.output
    picture = np.array(Image.open(tmp_path / "o.png").convert("RGB"))
    # The one track is 100 m of an area of 120 m, drawn over its whole width with a margin.
    drawn = np.nonzero((picture == (230, 159, 0)).all(axis=2))[1]
    assert np.ptp(drawn) / picture.shape[1] == pytest.approx(100 / 130, abs=0.05)


def test_check_names_lines_that_lie_on_each_other_and_beyond_the_area(tmp_path: Path) -> None:
    write_test_site(tmp_path, ((75, 100), (175, 100)), ((75, 101), (175, 101)), ((75, 140), (175, 140)))
    done = run("site", "check", "yard", "--sites", tmp_path, "-o", tmp_path / "site.png")
    assert "The tracks T1 and T2 lie on each other" in done.output
    assert "T3" not in done.output


def test_a_site_is_listed_shown_and_retired(tmp_path: Path) -> None:
    path = made(tmp_path, "--bbox", AREA)
    (path.parent / "broken.yaml").write_text("id: [")
    listed = run("site", "list", "--sites", path.parent)
    assert listed.exit_code == 1
    assert "watched" in listed.output
    assert "broken.yaml:2: not valid YAML" in listed.output
    shown = run("site", "show", "tuman-gang", "--sites", path.parent)
    assert "no: main line" in shown.output
    done = run("site", "retire", path, "--on", "2026-01-31")
    assert done.exit_code == 0, done.output
    assert "retired since 2026-01-31" in run("site", "list", "--sites", path.parent).output
    assert load_sites(path.parent).sites == {}
    assert "is retired since 2026-01-31" in str(run("site", "retire", path).exception)


def test_a_site_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "There is no site nowhere" in str(run("site", "show", "nowhere", "--sites", tmp_path).exception)


def test_a_site_whose_file_is_no_yaml_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("id: [")
    assert "broken.yaml:2: not valid YAML" in str(run("site", "show", "broken", "--sites", tmp_path).exception)


def test_check_says_that_ingest_would_take_a_scene(tmp_path: Path) -> None:
    write_test_site(tmp_path)
    (tmp_path / "scene.tif").write_bytes(NoiseScene().geotiff())
    (tmp_path / "scene.json").write_text('{"observed_at": "2023-10-05T02:11:00Z", "role": "baseline"}')
    done = run("check", tmp_path / "scene.tif", "--sites", tmp_path)
    assert done.exit_code == 0, done.output
    assert "Ingest would take it as baseline scene-" in done.output
    assert "yard: r0c0; the scene reaches over 100% of its track, 0.50 m a pixel: cars are counted." in done.output


@pytest.mark.parametrize(
    ("scene", "time", "reason"),
    [
        (NoiseScene(), "2023-10-05T14:11:00Z", "timestamp-at-night"),
        (NoiseScene(), "2023-10-05T02:11:00", "timestamp-without-zone"),
        (NoiseScene(origin=(477_900.0, 4_696_100.0)), "2023-10-05T02:11:00Z", "no-site-overlap"),
        (NoiseScene(gsd=8.0), "2023-10-05T02:11:00Z", "gsd-out-of-range"),
    ],
)
def test_check_says_why_ingest_would_refuse_a_scene(tmp_path: Path, scene: NoiseScene, time: str, reason: str) -> None:
    write_test_site(tmp_path)
    (tmp_path / "scene.tif").write_bytes(scene.geotiff())
    done = run("check", tmp_path / "scene.tif", "--observed-at", time, "--sites", tmp_path)
    assert done.exit_code == 1
    assert f"Ingest would refuse it: 422 {reason}: " in done.output
    assert ("The nearest site is yard, 9.8 km away." in done.output) == (reason == "no-site-overlap")


def test_check_of_a_scene_without_metadata_says_where_it_looked(tmp_path: Path) -> None:
    write_test_site(tmp_path)
    (tmp_path / "scene.tif").write_bytes(NoiseScene().geotiff())
    assert "There is no metadata" in str(run("check", tmp_path / "scene.tif", "--sites", tmp_path).exception)


class Api:
    """An Overpass API."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.url = ""


@pytest.fixture
def api() -> Iterator[Api]:
    told = Api()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.asked.append(parse_qs(body)["data"][0])
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(overpass(geometry=True).encode())

    with serving(ThreadingHTTPServer(LOOPBACK, Handler)) as url:
        told.url = f"{url}/api/interpreter"
        yield told


@pytest.mark.parametrize("command", ["list", "show x", "check x", "retire x", "confirm x"])
@pytest.mark.parametrize(
    ("sites", "said"), [("/nowhere", "/nowhere is not a folder"), ("s3://sites/here", "s3://sites/here is a bucket")]
)
def test_sites_that_cannot_be_worked_on_there_are_named(command: str, sites: str, said: str) -> None:
    result = CliRunner().invoke(app, ["site", *command.split(), "--sites", sites], env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"
