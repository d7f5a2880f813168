"""From verdicts to a labelled set that training takes, and a new model that must be better before it is used."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.pages.outlines import drawn_cars
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdict_routes import found_of
from railwatch.services.detector.cars.evidence import load_models
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import CountEvent, Place, VerdictKind, WhyFalse
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import Site
from railwatch.shared.state import connect
from railwatch.training import held_out
from railwatch.training.compare import Comparison, Found, compare
from railwatch.training.examples import real_scene
from railwatch.training.held_out import Pair
from railwatch.training.labelled import HELD_OUT, TRAIN, side_of, write_labelled

AT = datetime(2024, 5, 1, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return held_out.make("american", 5, 360)


def site_of(pair: Pair) -> Site:
    corners = pair.lonlat(np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * pair.site.size_m)
    return Site(
        id="yard",
        name="Yard",
        area=tuple((lon, lat) for lon, lat in corners),
        tracks=held_out.as_case(pair).tracks,
        tile_size_m=3000,
    )


@pytest.fixture
def judged(pair: Pair, redis_settings: RedisSettings) -> tuple[Products, BlobStore, int]:
    """A look that was counted and judged as a whole: one car is a shadow, and one was missed."""
    blobs, store = BlobStore.open(BlobSettings(url="memory://")), Store(connect(redis_settings))
    case, site = held_out.as_case(pair), site_of(pair)
    minute, archive = timedelta(minutes=1), Archive(blobs.objects)
    baseline = BaselineRef(
        id="baseline-1",
        version=1,
        image=blobs.put(held_out.geotiff(pair, pair.baseline), "image/tiff"),
        observed_at=AT - timedelta(days=9),
        scene="before",
        origin="operator",
    )
    (cell,) = site.cells()
    count = CountEvent(
        recorded_at=AT,
        site=site.id,
        tile=cell.id,
        scene="now",
        tiles_in_scene=(cell.id,),
        observed_at=AT,
        result=count_tile(case.tile, case.baseline, case.tracks, sun=case.sun, cell=cell).count,
        image=blobs.put(held_out.geotiff(pair, pair.tile), "image/tiff"),
        baseline=baseline,
    )
    sites = {site.id: site}
    CountHandler(store, sites, Rule(), minute, minute, "http://127.0.0.1", lambda: AT, archive).handle(count)
    products = Products(store, sites, archive, minute, "http://127.0.0.1")
    look = products.look(site.id, "now")
    assert look is not None
    about = About(site, look.seen.scenes, None, AT, found_of(look), "http://127.0.0.1/")
    cars = drawn_cars(look)
    shadow = Place(lon=cars[0].car.lon, lat=cars[0].car.lat)
    track = site.tracks[0].coordinates
    missed = Place(lon=track[len(track) // 2][0], lat=track[len(track) // 2][1])
    for said in (
        Said(VerdictKind.NOT_A_CAR, "Ada", None, AT, places=(shadow,), reason=WhyFalse.SHADOW),
        Said(VerdictKind.MISSED_CAR, "Ada", None, AT, places=(missed,)),
        Said(VerdictKind.RIGHT, "Ada", None, AT),
    ):
        say(store, about, said)
    return products, blobs, len(cars)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_judged_look_becomes_a_tile_that_training_takes(
    judged: tuple[Products, BlobStore, int], tmp_path: Path
) -> None:
    products, blobs, drawn = judged
    assert write_labelled(products, blobs, tmp_path / "set", held_out=0.0) == {TRAIN: 1, HELD_OUT: 0}
    (folder,) = (path for path in (tmp_path / "set" / TRAIN).iterdir() if path.is_dir())
    assert sorted(path.name for path in folder.iterdir()) == [
        "baseline.tif",
        "cars.geojson",
        "tile.tif",
        "tracks.geojson",
        "truth.json",
    ]
    assert read(folder / "truth.json")["count"] == drawn
    scene = real_scene(folder)
    assert len(scene.cars) == drawn
    coco = read(tmp_path / "set" / TRAIN / "coco.json")
    assert len(coco["annotations"]) == len(read(tmp_path / "set" / TRAIN / "cars.geojson")["features"]) == drawn
    tile = read_raster(folder / "tile.tif")
    assert (coco["images"][0]["height"], coco["images"][0]["width"]) == tile.shape
    rings = [one["geometry"]["coordinates"][0][:4] for one in read(folder / "cars.geojson")["features"]]
    true = np.array([tile.to_pixels(np.array(ring)).mean(axis=0) + 0.5 for ring in rings])
    middles = np.array([[x + w / 2, y + h / 2] for x, y, w, h in (one["bbox"] for one in coco["annotations"])])
    assert np.abs(middles - true).max() < 0.5


def test_a_site_is_held_out_as_a_whole_and_stays_there(judged: tuple[Products, BlobStore, int], tmp_path: Path) -> None:
    products, blobs, _ = judged
    assert write_labelled(products, blobs, tmp_path / "set", held_out=1.0) == {TRAIN: 0, HELD_OUT: 1}
    sides = [side_of(f"site-{number}", 0.3) for number in range(1000)]
    assert 250 < sides.count(HELD_OUT) < 350
    assert all(side_of(f"site-{n}", 0.5) == HELD_OUT for n in range(1000) if sides[n] == HELD_OUT)


def test_what_is_not_known_car_by_car_is_left_out_and_said(
    judged: tuple[Products, BlobStore, int], tmp_path: Path
) -> None:
    products, blobs, _ = judged
    look = products.look("yard", "now")
    assert look is not None
    about = About(look.site, look.seen.scenes, None, AT, found_of(look), "http://127.0.0.1/")
    say(products.store, about, Said(VerdictKind.TOTAL, "Ada", None, AT, total=99))
    written = write_labelled(products, blobs, tmp_path / "set", held_out=0.0)
    assert written == {TRAIN: 0, HELD_OUT: 0, "not judged as a whole": 1}


def test_the_present_model_is_not_better_than_itself(pair: Pair, tmp_path: Path) -> None:
    for number in range(3):
        held_out.write(pair, tmp_path / f"yard-{number}")
    models = load_models()
    found = compare(models, models, [tmp_path])
    assert (found.tiles, found.sites) == (3, 3)
    assert found.old == found.new
    assert found.cars == 3 * len(pair.asked)
    assert found.why_not is not None
    assert found.why_not.startswith("The new model makes")


def model(*wrong: int, holds: bool = True) -> tuple[Found, ...]:
    return tuple(Found(missed=one, false=0, holds=holds) for one in wrong)


def test_a_new_model_is_used_only_where_it_is_better_for_sure() -> None:
    better = Comparison(tiles=4, sites=4, cars=40, old=model(3, 3, 3, 3), new=model(1, 1, 2, 2), sure=1.0)
    assert better.why_not is None
    assert "sure" in str(replace(better, sure=0.7).why_not)
    assert "at least 3" in str(replace(better, sites=2).why_not)
    assert "intervals" in str(replace(better, new=model(1, 1, 2, 2, holds=False)).why_not)
    assert "mistakes" in str(replace(better, new=model(3, 3, 3, 4)).why_not)


def test_a_model_that_is_not_better_is_refused_with_exit_code_1(pair: Pair, tmp_path: Path) -> None:
    for number in range(3):
        held_out.write(pair, tmp_path / "tiles" / f"yard-{number}")
    from railwatch.services.detector.cars.evidence import MODEL_FILE

    answer = CliRunner().invoke(app, ["model", "compare", str(MODEL_FILE.parent), str(tmp_path / "tiles")])
    assert answer.exit_code == 1
    assert "does not replace the present one" in str(answer.exception)
    nothing = CliRunner().invoke(app, ["model", "compare", str(tmp_path), str(tmp_path / "tiles")])
    assert nothing.exit_code == 1
    assert "must be a folder with model files" in str(nothing.exception)
