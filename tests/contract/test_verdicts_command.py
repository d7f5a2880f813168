"""From verdicts to a labelled set that training takes, and a new model that must be better before it is used."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.services.alerting.giving_verdicts import Said
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.detector.cars.evidence import MODEL_FILE, load_models
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.result import rejected
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import TileCount
from railwatch.shared.events import VerdictKind
from railwatch.shared.settings import RedisSettings
from railwatch.training import held_out
from railwatch.training.compare import Comparison, Found, compare
from railwatch.training.examples import real_scene
from railwatch.training.held_out import Pair
from railwatch.training.labelled import HELD_OUT, TRAIN, side_of, write_labelled
from tests.support.alerting import write_site
from tests.support.judged import AT, cars_in, counts_of, judge, judge_as_a_whole, site_of, taken_in

# Half of the rendered yard's side and some more: it has four cells then, each of which shows the whole yard.
QUARTER_M = 50.0


@pytest.fixture(scope="module")
def pair() -> Pair:
    return held_out.make("american", 5, 360)


@pytest.fixture(scope="module")
def counts(pair: Pair) -> dict[str, TileCount]:
    return counts_of(pair, site_of(pair))


@pytest.fixture
def judged(pair: Pair, counts: dict[str, TileCount], redis_settings: RedisSettings) -> tuple[Products, BlobStore, int]:
    """A look that was counted and judged as a whole: one car is a shadow, and one was missed."""
    products, blobs = taken_in(pair, site_of(pair), counts, redis_settings)
    judge_as_a_whole(products)
    return products, blobs, len(cars_in(products))


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
    judge(products, Said(VerdictKind.TOTAL, "Ada", None, AT, total=99))
    written = write_labelled(products, blobs, tmp_path / "set", held_out=0.0)
    assert written == {TRAIN: 0, HELD_OUT: 0, "not judged as a whole": 1}


@pytest.fixture(scope="module")
def counts_of_quarters(pair: Pair) -> dict[str, TileCount]:
    return counts_of(pair, site_of(pair, QUARTER_M))


def labelled(
    pair: Pair, counts: dict[str, TileCount], redis_settings: RedisSettings, folder: Path
) -> tuple[dict[str, int], Products]:
    products, blobs = taken_in(pair, site_of(pair, QUARTER_M), counts, redis_settings)
    judge(products, Said(VerdictKind.RIGHT, "Ada", None, AT))
    return write_labelled(products, blobs, folder, held_out=0.0), products


def test_a_car_in_the_margin_of_a_tile_is_a_car_on_its_picture_too(
    pair: Pair, counts_of_quarters: dict[str, TileCount], redis_settings: RedisSettings, tmp_path: Path
) -> None:
    written, products = labelled(pair, counts_of_quarters, redis_settings, tmp_path / "set")
    assert len(counts_of_quarters) > 1
    assert written == {TRAIN: len(counts_of_quarters), HELD_OUT: 0}
    cars = cars_in(products)
    assert len({car.tile for car in cars}) > 1
    cells = {cell.id: cell for cell in site_of(pair, QUARTER_M).cells()}
    for folder in filter(Path.is_dir, (tmp_path / "set" / TRAIN).iterdir()):
        truth = read(folder / "truth.json")
        shown = cells[truth["tile"]].tile_polygon
        there = sum(shown.contains(shapely.Point(car.car.lon, car.car.lat)) for car in cars)
        assert truth["count"] == len(read(folder / "cars.geojson")["features"]) == there
        assert there > sum(car.tile == truth["tile"] for car in cars)


def test_a_tile_beside_one_without_a_count_is_left_out_since_its_margin_is_not_known(
    pair: Pair, counts_of_quarters: dict[str, TileCount], redis_settings: RedisSettings, tmp_path: Path
) -> None:
    hidden, *others = counts_of_quarters
    counts = counts_of_quarters | {hidden: rejected("clouds", ("coverage-too-low",))}
    written, _ = labelled(pair, counts, redis_settings, tmp_path / "set")
    assert written == {
        TRAIN: 0,
        HELD_OUT: 0,
        "without a count": 1,
        "beside a tile without a count": len(others),
    }


def test_a_tile_that_was_counted_without_its_baseline_is_left_out(
    pair: Pair, counts: dict[str, TileCount], redis_settings: RedisSettings, tmp_path: Path
) -> None:
    alone = {tile: count.model_copy(update={"reasons": ("no-baseline",)}) for tile, count in counts.items()}
    products, blobs = taken_in(pair, site_of(pair), alone, redis_settings)
    judge(products, Said(VerdictKind.RIGHT, "Ada", None, AT))
    written = write_labelled(products, blobs, tmp_path / "set", held_out=0.0)
    assert written == {TRAIN: 0, HELD_OUT: 0, "without a baseline": 1}


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
    answer = CliRunner().invoke(app, ["model", "compare", str(MODEL_FILE.parent), str(tmp_path / "tiles")])
    assert answer.exit_code == 1
    assert "does not replace the present one" in str(answer.exception)
    nothing = CliRunner().invoke(app, ["model", "compare", str(tmp_path), str(tmp_path / "tiles")])
    assert nothing.exit_code == 1
    assert "must be a folder with model files" in str(nothing.exception)


def test_an_export_without_a_single_tile_fails_and_says_why(
    tmp_path: Path, redis_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RAILWATCH_REDIS_URL": redis_environment["RAILWATCH_REDIS_URL"],
        "RAILWATCH_BLOBS_URL": f"file://{tmp_path}/blobs",
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(app, ["verdicts", "export", str(tmp_path / "labels")])
    assert (answer.exit_code, (tmp_path / "labels").exists()) == (1, False)
    assert "no look was judged as a whole" in str(answer.exception)
