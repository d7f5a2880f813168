"""Products as files: what other programs find in them."""

import csv
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pyogrio
import pystac
import pystac.validation
import pytest
import shapely
from pyogrio.raw import read
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.view import ViewExtension
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.embedded import embedded_redis
from railwatch.services.alerting.export.forms import FileFormat
from railwatch.services.alerting.export.run import export_stac, export_tables
from railwatch.services.alerting.products.columns import COLUMNS, Product
from railwatch.services.alerting.products.formats import properties
from railwatch.services.alerting.products.query import Query
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import frame_event, on_day, write_site
from tests.support.products import SITES, World, cars_event, world

DOCUMENT = Path(__file__).parents[2] / "docs" / "products.md"
PICTURE = b"\x89PNG a picture"


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """Looks at two sites over two months; the pictures of one of them are there."""
    with embedded_redis() as environment:
        found = world(connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])))
        pictured = {"cars": found.blobs.put(PICTURE, "image/png")}
        found.take(cars_event(3 * look, 6 + look % 3) for look in range(18))
        found.take(cars_event(3 * look, 2 + look % 2, site="najin") for look in range(9))
        found.take([cars_event(60, 40).model_copy(update={"evidence": pictured})])
        frames = [
            frame_event(70, shown_m, [100.0, 900.0, 1500.0], site="najin") for shown_m in ((0, 1200), (1000, 2000))
        ]
        found.take(frames)
        found.take([cars_event(72, 0, site="najin", coverage=0.2), cars_event(75, 3, site="najin")])
        yield found


def rows_of(made: World, product: Product) -> list[dict[str, Any]]:
    return [dict(row.values) for row in made.products.rows(product, Query())]


@pytest.mark.parametrize("product", list(Product))
def test_geoparquet_holds_every_row_with_its_types_and_its_place(made: World, tmp_path: Path, product: Product) -> None:
    output = tmp_path / "rows.parquet"
    rows = list(made.products.rows(product, Query()))
    assert export_tables(made.products, output, FileFormat.PARQUET, [product], Query()) == {product: len(rows)}
    table = pyarrow.parquet.read_table(output)
    found = table.to_pylist()
    names = [column.name for column in COLUMNS[product]]
    assert table.column_names == [*names, "geometry"]
    assert [{name: row[name] for name in names if row[name] is not None} for row in found] == [r.values for r in rows]
    assert [shapely.from_wkb(row["geometry"]) for row in found] == [row.geometry for row in rows]
    geo = json.loads(table.schema.metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    kind = "Point" if product is Product.CARS else "Polygon"
    assert geo["columns"]["geometry"] == {"encoding": "WKB", "geometry_types": [kind]}


def test_a_geopackage_holds_every_product_as_a_layer(made: World, tmp_path: Path) -> None:
    output = tmp_path / "railwatch.gpkg"
    written = export_tables(made.products, output, FileFormat.GEOPACKAGE, list(Product), Query())
    assert sorted(name for name, _ in pyogrio.list_layers(output)) == sorted(Product)
    for product in Product:
        meta, _, places, values = read(output, layer=product.value)
        rows = list(made.products.rows(product, Query()))
        assert written[product] == len(rows) == len(places)
        fields = dict(zip(meta["fields"], values, strict=True))
        assert list(fields["id"]) == [row.id for row in rows]
        assert shapely.from_wkb(places).tolist() == [row.geometry for row in rows]
        assert meta["crs"] == "EPSG:4326"
    looks = dict(zip(read(output, layer="looks")[0]["fields"], read(output, layer="looks")[3], strict=True))
    assert [low for low in looks["low"] if low == low] == [r["low"] for r in rows_of(made, Product.LOOKS) if "low" in r]


@pytest.mark.parametrize("product", list(Product))
def test_csv_says_what_the_api_says(made: World, tmp_path: Path, product: Product) -> None:
    output = tmp_path / "rows.csv"
    export_tables(made.products, output, FileFormat.CSV, [product], Query())
    with output.open(newline="") as file:
        found = list(csv.DictReader(file))
    expected = [properties(product, row) for row in made.products.rows(product, Query())]
    assert len(found) == len(expected)
    for row, said in zip(found, expected, strict=True):
        for name, value in said.items():
            text = "; ".join(value) if isinstance(value, list) else value
            text = "" if text is None else str(text).lower() if isinstance(text, bool) else str(text)
            assert row[name] == text, name


def test_the_document_describes_every_column() -> None:
    text = DOCUMENT.read_text()
    for product in Product:
        _, _, section = text.partition(f"### {product.value.capitalize()}\n")
        rows = [line for line in section.partition("\n### ")[0].splitlines() if line.startswith("| `")]
        assert rows == [f"| `{c.name}` | {c.kind} | {c.description} |" for c in COLUMNS[product]]


def test_only_what_is_asked_for_is_written(made: World, tmp_path: Path) -> None:
    query = Query(since=on_day(3), before=on_day(10), site="najin")
    written = export_tables(made.products, tmp_path / "a.csv", FileFormat.CSV, [Product.LOOKS], query)
    assert written == {"looks": 3}
    assert export_stac(made.products, made.blobs, tmp_path / "stac", query)["looks"] == 3


def test_a_file_that_is_there_is_kept_and_one_that_fails_is_not_left_half(
    made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "a.csv"
    output.write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        export_tables(made.products, output, FileFormat.CSV, [Product.LOOKS], Query())
    assert output.read_text() == "mine"
    with pytest.raises(ConfigurationError, match="is there already"):
        export_stac(made.products, made.blobs, tmp_path, Query())
    with pytest.raises(ConfigurationError, match="There is no folder"):
        export_tables(made.products, tmp_path / "nowhere/a.csv", FileFormat.CSV, [Product.LOOKS], Query())
    monkeypatch.setattr("railwatch.services.alerting.products.catalogue.look_row", lambda *_: 1 / 0)
    for form in ("csv", "parquet", "gpkg"):
        with pytest.raises(ZeroDivisionError):
            export_tables(made.products, tmp_path / f"b.{form}", FileFormat(form), [Product.LOOKS], Query())
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.fixture(scope="module")
def catalogue(made: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stac") / "catalogue"
    assert export_stac(made.products, made.blobs, folder, Query())["pictures"] == 1
    return folder


def documents(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.json")):
        yield path, json.loads(path.read_text())


def test_every_document_of_the_catalogue_is_valid_stac(catalogue: Path) -> None:
    kinds = []
    for _, document in documents(catalogue):
        kinds.append(document["type"])
        pystac.validation.validate_dict(document, extensions=[])
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"Catalog": 5, "Collection": 2, "Feature": 31}


def test_every_link_and_asset_of_the_catalogue_is_there_and_leads_inside(catalogue: Path) -> None:
    for path, document in documents(catalogue):
        links = [link for link in document["links"] if link["rel"] != "alternate"]
        for one in (*links, *document.get("assets", {}).values()):
            target = Path(os.path.normpath(path.parent / one["href"]))
            assert target.is_file(), (path, one)
            assert target.is_relative_to(catalogue)


def test_pystac_walks_through_the_catalogue_to_every_look(made: World, catalogue: Path) -> None:
    root = pystac.Catalog.from_file(str(catalogue / "catalog.json"))
    found = {(item.collection_id, item.id) for item in root.get_items(recursive=True)}
    assert found == {(row["site"], row["id"].split(":")[1]) for row in rows_of(made, Product.LOOKS)}
    for item in root.get_items(recursive=True):
        collection = item.get_collection()
        assert collection is not None
        first, last = collection.extent.temporal.intervals[0]
        assert first is not None
        assert last is not None
        assert item.datetime is not None
        assert first <= item.datetime <= last


def test_an_item_has_its_numbers_its_place_its_sun_and_its_detections(made: World, catalogue: Path) -> None:
    path = catalogue / "tumangang" / "2023-04" / "scene-60" / "scene-60.json"
    item = pystac.Item.from_file(str(path))
    (row,) = (row for row in rows_of(made, Product.LOOKS) if row["id"] == "tumangang:scene-60")
    for name in (
        "count",
        "low",
        "high",
        "coverage",
        "quality",
        "threshold",
        "state",
        "algorithms",
        "baselines",
        "events",
    ):
        assert item.properties[f"railwatch:{name}"] == row[name], name
    (cell,) = SITES["tumangang"].cells()
    projection, view = ProjectionExtension.ext(item), ViewExtension.ext(item)
    assert (projection.code, projection.bbox) == (cell.crs, [round(bound, 3) for bound in cell.bounds_m])
    assert projection.epsg == int(cell.crs.removeprefix("EPSG:"))
    assert view.sun_azimuth is not None
    assert 90 < view.sun_azimuth < 180, "eleven in the morning by the sun"
    assert view.sun_elevation is not None
    assert 50 < view.sun_elevation < 62, "at the end of April, at 42 degrees north"
    assert shapely.geometry.shape(item.geometry).equals_exact(cell.polygon, 1e-6)
    classes = ClassificationExtension.ext(item.assets["cars"]).classes
    assert classes is not None
    names = {one.value: one.name for one in classes}
    assert len(names) == len(classes) == 8
    cars = json.loads((path.parent / item.assets["cars"].href).read_text())["features"]
    assert len(cars) == 40
    assert {names[car["properties"]["class"]] for car in cars} == {"unclear", "tank"}
    assert (path.parent / item.assets["r0c0-cars"].href).read_bytes() == PICTURE


def test_an_item_of_several_frames_has_their_time_and_each_car_once(catalogue: Path) -> None:
    (path,) = catalogue.glob("najin/2023-05/frame-70-0/*.json")
    item = pystac.Item.from_file(str(path))
    assert item.properties["railwatch:scenes"] == ["frame-70-0", "frame-70-1000"]
    assert item.common_metadata.end_datetime == on_day(70)
    assert len(json.loads((path.parent / "cars.geojson").read_text())["features"]) == 3


def test_the_documents_keep_the_rules_of_their_extensions(catalogue: Path) -> None:
    """The rules as the extensions' documents state them. Their own schemas cannot be had without the internet."""
    for _, item in documents(catalogue):
        if item["type"] != "Feature":
            continue
        named = {address.split("/")[3]: address.split("/")[4] for address in item["stac_extensions"]}
        assert named == {"projection": "v2.0.0", "view": "v1.0.0", "classification": "v2.0.0"}
        said = item["properties"]
        assert said["proj:code"].startswith("EPSG:")
        assert "proj:epsg" not in said
        assert len(said["proj:bbox"]) == 4
        assert 0 <= said["view:sun_azimuth"] <= 360
        assert -90 <= said["view:sun_elevation"] <= 90
        classes = item["assets"]["cars"]["classification:classes"]
        assert len({one["value"] for one in classes}) == len(classes) > 0
        for one in classes:
            assert isinstance(one["value"], int)
            assert one["name"].replace("-", "").replace("_", "").isalnum()


def test_an_export_holds_few_rows_in_memory_however_many_there_are(
    made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = [row for row in made.products.rows(Product.LOOKS, Query()) if row.id == "tumangang:scene-60"]

    def peak(rows: int) -> int:
        monkeypatch.setattr(type(made.products), "rows", lambda *_: (row for _ in range(rows)))
        tracemalloc.start()
        export_tables(made.products, tmp_path / f"{rows}.parquet", FileFormat.PARQUET, [Product.LOOKS], Query())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(60_000) < 1.5 * peak(20_000)


def test_the_command_exports_with_the_settings_of_alerting(
    tmp_path: Path, redis_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/blobs"
    made = world(connect(RedisSettings(url=redis_environment["RAILWATCH_REDIS_URL"])), url)
    made.take(cars_event(day, 3) for day in range(3))
    settings = {
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RAILWATCH_REDIS_URL": redis_environment["RAILWATCH_REDIS_URL"],
        "RAILWATCH_BLOBS_URL": url,
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["export", *arguments])
        return result.exit_code, result.output

    output = tmp_path / "all.gpkg"
    assert run(str(output), "looks", "cars") == (0, f"{output}: 3 looks, 9 cars\n")
    assert run(str(tmp_path / "stac"), "--format", "stac")[0] == 0
    for wrong in (["a.txt"], ["a.csv", "looks", "cars"], ["a", "cars", "--format", "stac"], ["a.csv", "--bbox", "1,2"]):
        assert run(*wrong)[0] == 2, wrong
    assert run(str(tmp_path / "one.csv"), "--from", "2023-03-02", "--to", "2023-03-03")[1].endswith("1 looks\n")
    assert run(str(tmp_path / "none.csv"), "--site", "nowhere")[0] == 1
    assert not (tmp_path / "none.csv").exists()
