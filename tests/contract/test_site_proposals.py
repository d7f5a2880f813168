"""`railwatch site propose` and `confirm`: tracks from a clear image, which a person confirms before they count."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.render import geotiff, random_scene, render_pair, tracks_geojson
from railwatch.shared.errors import RailwatchError
from railwatch.shared.geography import from_lon_lat, utm_zone
from railwatch.shared.sites import load_sites, read_site, read_tracks

# Metres within which a proposed line lies on a true one.
NEAR_M = 2.0


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@cache
def yard() -> tuple[bytes, tuple[shapely.LineString, ...]]:
    """A rendered picture, and its tracks."""
    pair = render_pair(random_scene(np.random.default_rng(44), "clear", size_px=512))
    features = tracks_geojson(pair.spec.site, drawn=False)["features"]
    return geotiff(pair.tile), tuple(metric(feature["geometry"]["coordinates"]) for feature in features)


def metric(lonlat: list[list[float]]) -> shapely.LineString:
    lon, lat = np.array(lonlat).T
    return shapely.LineString(np.column_stack(from_lon_lat(utm_zone(lon[0], lat[0]), lon, lat)))


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    """A folder with a site that was proposed from the picture."""
    (tmp_path / "look.tif").write_bytes(yard()[0])
    done = run("site", "propose", "West Yard", tmp_path / "look.tif", "--sites", tmp_path / "sites")
    assert done.exit_code == 0, done.output
    return tmp_path / "sites"


def test_most_of_the_tracks_are_proposed_and_lie_where_they_are(sites: Path) -> None:
    proposed = read_tracks(sites / "west-yard-tracks.geojson").proposed
    lines = shapely.union_all([metric([list(place) for place in track.coordinates]) for track in proposed])
    truth = shapely.union_all(yard()[1]).intersection(lines.envelope.buffer(20))
    assert truth.intersection(lines.buffer(NEAR_M)).length > 0.5 * truth.length
    assert lines.intersection(truth.buffer(NEAR_M)).length > 0.6 * lines.length


def test_nothing_is_counted_on_proposed_tracks(sites: Path, tmp_path: Path) -> None:
    catalogue = load_sites(sites)
    assert catalogue.sites == {}
    assert "proposed tracks is confirmed: `railwatch site confirm west-yard`" in catalogue.faults[0]
    done = run("count", tmp_path / "look.tif", "--tracks", sites / "west-yard-tracks.geojson")
    assert "no track in it is confirmed" in str(done.exception)


def test_check_says_that_they_are_proposed_and_draws_them(sites: Path, tmp_path: Path) -> None:
    output = tmp_path / "drawn.png"
    done = run("site", "check", "west-yard", "--sites", sites, "--image", tmp_path / "look.tif", "--output", output)
    assert "Services do not take it: none of its tracks is confirmed" in done.output
    assert Image.open(output).width > 1000


def test_a_person_confirms_some_and_removes_others(sites: Path) -> None:
    names = [track.id for track in read_tracks(sites / "west-yard-tracks.geojson").proposed]
    assert len(names) >= 3
    done = run("site", "confirm", "west-yard", names[0], "--without", names[1], "--sites", sites)
    assert f"1 tracks are counted; {len(names) - 2} are still proposed" in done.output
    assert [track.id for track in load_sites(sites).sites["west-yard"].tracks] == names[:1]
    assert run("site", "confirm", "west-yard", "--sites", sites).exit_code == 0
    read = read_site(sites / "west-yard.yaml")
    assert [track.id for track in read.site.tracks] == [names[0], *names[2:]]
    assert read.proposed == ()


def test_where_nothing_is_proposed_there_is_nothing_to_confirm(sites: Path) -> None:
    assert run("site", "confirm", "west-yard", "--sites", sites).exit_code == 0
    before = (sites / "west-yard-tracks.geojson").read_text()
    done = run("site", "confirm", "west-yard", "--sites", sites)
    assert isinstance(done.exception, RailwatchError)
    assert str(done.exception) == "No track is proposed in west-yard.yaml: there is nothing to confirm."
    assert (sites / "west-yard-tracks.geojson").read_text() == before


def test_a_name_that_is_not_proposed_changes_nothing(sites: Path) -> None:
    before = (sites / "west-yard-tracks.geojson").read_text()
    done = run("site", "confirm", "west-yard", "nonsense", "--sites", sites)
    assert isinstance(done.exception, RailwatchError)
    assert "No track nonsense is proposed" in str(done.exception)
    assert (sites / "west-yard-tracks.geojson").read_text() == before


def test_a_picture_that_is_too_coarse_is_refused(tmp_path: Path) -> None:
    pair = render_pair(random_scene(np.random.default_rng(1), "coarse", size_px=128))
    (tmp_path / "look.tif").write_bytes(geotiff(pair.tile))
    done = run("site", "propose", "West Yard", tmp_path / "look.tif", "--sites", tmp_path / "sites")
    assert "tracks can be made out where it is" in str(done.exception)
    assert not list(tmp_path.glob("sites/*.yaml"))


def test_drawn_tracks_may_lie_beside_proposed_ones(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[7.0, 47.0], [7.002, 47.0]]}
    other = {"type": "LineString", "coordinates": [[7.0, 47.0001], [7.002, 47.0001]]}
    features = [
        {"type": "Feature", "properties": {"track": "1"}, "geometry": line},
        {"type": "Feature", "properties": {"track": "2", "proposed": True}, "geometry": other},
    ]
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "s.yaml").write_text("id: s\nname: S\ntracks: t.geojson\n")
    read = read_site(tmp_path / "s.yaml")
    assert [track.id for track in read.site.tracks] == ["1"]
    assert read.proposed == ("2",)
    assert "1 proposed tracks are not counted until somebody confirms them" in read.remarks[0]
