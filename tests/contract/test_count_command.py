"""`railwatch count`: what it prints, what it refuses, and how it ends."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from railwatch.cli import main
from railwatch.render import random_scene, render_pair, write_pair
from tests.support.geotiff import NoiseScene
from tests.support.rendered import rendered

FIELDS = {
    "tile",
    "count",
    "low",
    "high",
    "coverage",
    "quality",
    "reasons",
    "registration",
    "tracks",
    "timings_ms",
    "algorithm",
    "occupied",
}
TRACK_FIELDS = {"track", "count", "low", "high", "length_m", "occupied_m", "shift_m", "cars", "seen_m", "occupied"}
CAR_FIELDS = {"lon", "lat", "length_m", "probability", "along_m", "kind", "kind_probability"}


@dataclass(frozen=True)
class Done:
    """How a call of the command ended."""

    code: int
    lines: list[str]
    errors: str

    @property
    def tiles(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def count(*arguments: object) -> Done:
    """The command as a shell would run it, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["railwatch", "count", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Done(int(ended.value.code or 0), out.getvalue().splitlines(), err.getvalue())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pair")
    write_pair(rendered("clear").pair, directory)
    return directory


@pytest.fixture(scope="module")
def counted(pair: Path) -> Done:
    """Two good looks with a broken one between, counted as JSON."""
    (pair / "broken.tif").write_bytes(b"not a picture")
    tiles = (pair / "tile.tif", pair / "broken.tif", pair / "baseline.tif")
    return count(*tiles, "--baseline", pair / "baseline.tif", "--tracks", pair / "tracks.geojson", "--json")


def test_json_has_one_line_a_tile_with_exactly_these_fields(counted: Done, pair: Path) -> None:
    tile, _ = counted.tiles

    assert tile.keys() == FIELDS
    assert tile["tile"] == str(pair / "tile.tif")
    assert tile["low"] <= tile["count"] <= tile["high"]
    assert tile["quality"] in {"ok", "partial"}
    assert tile["registration"].keys() == {"dx_px", "dy_px", "rotation_deg", "reliability"}
    assert {"decode", "registration", "total"} <= tile["timings_ms"].keys()
    assert all(track.keys() == TRACK_FIELDS for track in tile["tracks"])
    cars = [car for track in tile["tracks"] for car in track["cars"]]
    assert all(car.keys() == CAR_FIELDS for car in cars)


def test_a_broken_tile_is_named_and_the_others_go_on(counted: Done, pair: Path) -> None:
    assert [tile["tile"] for tile in counted.tiles] == [str(pair / "tile.tif"), str(pair / "baseline.tif")]
    assert counted.code == 1
    problem = "The file is not a TIFF; it must be a GeoTIFF or COG."
    assert counted.errors == f"railwatch: {pair / 'broken.tif'}: {problem}\n"


def test_a_rejected_tile_has_a_count_of_null(pair: Path) -> None:
    site = rendered("clear").pair.tile.site
    look = NoiseScene(width=400, height=400, gsd=site.frame.gsd_m, crs=site.crs, origin=site.corner)
    (pair / "grey.tif").write_bytes(look.geotiff(np.full((3, 400, 400), 90, np.uint8)))

    done = count(pair / "grey.tif", "--tracks", pair / "tracks.geojson", "--json")

    (tile,) = done.tiles
    assert done.code == 0
    assert (tile["count"], tile["low"], tile["high"]) == (None, None, None)
    assert (tile["quality"], tile["reasons"]) == ("rejected", ["constant-image"])


def test_people_read_a_table_and_see_pictures(pair: Path, tmp_path: Path) -> None:
    with_baseline = ("--baseline", pair / "baseline.tif", "--tracks", pair / "tracks.geojson")
    when = ("--observed-at", "2023-10-05T02:14")

    done = count(pair / "tile.tif", *with_baseline, *when, "--evidence", tmp_path / "pictures")

    assert done.code == 0
    assert done.lines[0].split() == ["tile", "railcars", "90", "%", "seen", "moved", "quality"]
    assert any(line.split()[:1] == ["track"] for line in done.lines)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in pictures] == [
        f"tile-{name}.jpg" for name in ("baseline", "cars", "difference", "tile")
    ]
    assert all(Image.open(path).width > 200 for path in pictures)


def test_without_a_baseline_it_counts_and_says_so(pair: Path) -> None:
    done = count(pair / "tile.tif", "--tracks", pair / "tracks.geojson", "--json")

    (tile,) = done.tiles
    assert tile["registration"] is None
    assert "no-baseline" in tile["reasons"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tile.tif"],
        ["tile.tif", "--tracks", "nothing.geojson"],
        ["tile.tif", "--tracks", __file__, "--baseline", "nothing.tif"],
        ["a.tif", "b.tif", "--tracks", __file__, "--observed-at", "2023-10-05T02:14"],
        ["tile.tif", "--tracks", __file__, "--observed-at", "yesterday"],
        ["a.tif", "b.tif", "--tracks", __file__, "--mask", __file__],
        ["tile.tif", "--tracks", __file__, "--observed-at", "2126-10-05T02:14"],
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    done = count(*arguments)

    assert done.code == 2
    assert "Usage" in done.errors


def written(directory: Path, *lines: tuple[str, list[list[float]]]) -> Path:
    features = [
        {"type": "Feature", "properties": {"track": name}, "geometry": {"type": "LineString", "coordinates": points}}
        for name, points in lines
    ]
    path = directory / "tracks.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def places(*xy_px: tuple[float, float]) -> list[list[float]]:
    """Pixel coordinates of the rendered tile as longitudes and latitudes."""
    return [[float(lon), float(lat)] for lon, lat in rendered("clear").tile.to_lonlat(np.array(xy_px, dtype=float))]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (places((100, 100), (108, 100)), "track T7 is 4.0 m long, shorter than any railcar"),
        (places((50, 50), (300, 300), (300, 50), (50, 300)), "track `T7` crosses itself"),
        ([[2615959.1, 1265009.7], [2616177.9, 1264801.0]], "track `T7`"),
        (places((90_000, 100), (90_400, 100)), "track T7 is outside the tile, 45 km away"),
    ],
)
def test_a_wrong_track_is_named(pair: Path, tmp_path: Path, points: list[list[float]], message: str) -> None:
    tracks = written(tmp_path, ("T1", places((0, 200), (399, 200))), ("T7", points))

    done = count(pair / "tile.tif", "--tracks", tracks, "--json")

    assert done.code == 1
    assert done.lines == []
    assert message in done.errors


def test_a_track_of_the_neighbouring_tile_is_named_and_left_out(pair: Path, tmp_path: Path) -> None:
    tracks = written(tmp_path, ("T1", places((0, 200), (399, 200))), ("T2", places((450, 200), (800, 200))))

    done = count(pair / "tile.tif", "--tracks", tracks, "--json")

    assert done.code == 0
    assert [track["track"] for track in done.tiles[0]["tracks"]] == ["T1"]
    assert "outside the tile, and not counted: track T2" in done.errors


def test_tracks_that_all_lie_elsewhere_are_an_error(pair: Path, tmp_path: Path) -> None:
    tracks = written(tmp_path, ("T2", places((450, 200), (800, 200))))

    done = count(pair / "tile.tif", "--tracks", tracks)

    assert done.code == 1
    assert "track T2 is outside the tile, 25 m away" in done.errors


def test_a_providers_mask_hides_and_one_that_does_not_fit_is_told(pair: Path, tmp_path: Path) -> None:
    site = rendered("clear").pair.tile.site
    cloud = np.zeros((1, 400, 400), np.uint8)
    cloud[:, :, :200] = 1
    look = NoiseScene(width=400, height=400, bands=1, gsd=site.frame.gsd_m, crs=site.crs, origin=site.corner)
    (tmp_path / "cloud.tif").write_bytes(look.geotiff(cloud))
    (tmp_path / "udm2.tif").write_bytes(b"junk")
    masks = ("--mask", tmp_path / "cloud.tif", "--mask", tmp_path / "udm2.tif")

    done = count(pair / "tile.tif", "--tracks", pair / "tracks.geojson", *masks, "--json")

    (tile,) = done.tiles
    assert 0.2 < tile["coverage"] < 0.8
    assert tile["remarks"] == ["The mask `udm2.tif` is not used. The file is not a TIFF; it must be a GeoTIFF or COG."]
    assert tile["remarks"][0] in done.errors


def test_recall_is_printed_if_asked_for(pair: Path) -> None:
    files = (pair / "tile.tif", "--baseline", pair / "baseline.tif", "--tracks", pair / "tracks.geojson")

    (tile,) = count(*files, "--recall", "--json").tiles
    table = count(*files, "--recall").lines

    assert tile.keys() == FIELDS | {"recall"}
    injected, recovered = tile["recall"]["injected"], tile["recall"]["recovered"]
    assert 0 <= recovered <= injected > 0
    assert f"{recovered} of {injected}" in table[1]


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("coarse")
    write_pair(render_pair(random_scene(np.random.default_rng(3), "clear", gsd_m=2.5, size_px=160)), directory)
    return directory


def test_pixels_of_two_metres_and_a_half_give_metres_and_a_range_of_cars(coarse: Path) -> None:
    arguments = coarse / "tile.tif", "--baseline", coarse / "baseline.tif", "--tracks", coarse / "tracks.geojson"
    (found,) = count(*arguments, "--json").tiles
    assert (found["count"], found["reasons"][-1]) == (None, "metres-only")
    assert found["occupied"].keys() == {"occupied_m", "low_m", "high_m", "cars_low", "cars_high"}
    table = "\n".join(count(*arguments).lines)
    assert f"{found['occupied']['occupied_m']:.0f} m (" in table
    assert "cars" in table
