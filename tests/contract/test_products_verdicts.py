"""What people say stands beside what the detector says in every product and every form, and changes no count."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pystac
import pytest
from fastapi.testclient import TestClient
from pyogrio.raw import read

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.export.forms import FileFormat
from railwatch.services.alerting.export.run import export_stac, export_tables
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.query import Query
from railwatch.services.alerting.verdict_routes import found_of
from railwatch.shared.access import Tokens
from railwatch.shared.events import Place, VerdictEvent, VerdictKind, WhyFalse
from railwatch.shared.health import Progress
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED
from tests.support.products import PUBLIC_URL, World, cars_event, world

# By look: its cars, and what people say of them. Of the other looks nobody says anything.
WHOLE, TOTAL_ONLY, ASKED, TAKEN_BACK, RECOUNTED, EMPTY = (
    "scene-0",
    "scene-3",
    "scene-6",
    "scene-9",
    "scene-12",
    "scene-15",
)
SURGE = cars_event(60, 40)


def say_of(made: World, scene: str, kind: VerdictKind, *cars: int, **fields: Any) -> VerdictEvent:
    """Say something of a look, and of its cars by their numbers."""
    look = made.products.look("tumangang", scene)
    assert look is not None
    found = list(look.cars)
    places = tuple(Place(lon=found[number].car.lon, lat=found[number].car.lat) for number in cars)
    about = About(look.site, look.seen.scenes, None, look.seen.observed_at, found_of(look), f"{PUBLIC_URL}/")
    return say(made.store, about, Said(kind, "Ada", None, RECORDED, places=places, **fields))


def judge_alert(made: World, kind: VerdictKind, reason: WhyFalse | None = None) -> None:
    (alert,) = made.store.alerts()
    about = About(made.products.sites["tumangang"], (), alert, SURGE.observed_at, None, f"{PUBLIC_URL}/")
    say(made.store, about, Said(kind, "Ada", None, RECORDED, reason=reason))


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with embedded_redis() as environment:
        found = world(connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])))
        found.take(cars_event(3 * look, 6 - 6 * (look == 5)) for look in range(18))
        found.take([SURGE])
        say_of(found, WHOLE, VerdictKind.NOT_A_CAR, 0, reason=WhyFalse.SHADOW)
        say_of(found, WHOLE, VerdictKind.ONE_CAR, 1, 2)
        say_of(found, WHOLE, VerdictKind.TWO_CARS, 3)
        say_of(found, WHOLE, VerdictKind.RIGHT)
        say_of(found, TOTAL_ONLY, VerdictKind.NOT_A_CAR, 0, reason=WhyFalse.BUILDING)
        say_of(found, TOTAL_ONLY, VerdictKind.TOTAL, total=9)
        say_of(found, ASKED, VerdictKind.SECOND_LOOK)
        wrong = say_of(found, TAKEN_BACK, VerdictKind.RIGHT)
        say_of(found, TAKEN_BACK, VerdictKind.TAKEN_BACK, takes_back=wrong.id)
        say_of(found, RECOUNTED, VerdictKind.NOT_A_CAR, 0, reason=WhyFalse.SNOW)
        say_of(found, RECOUNTED, VerdictKind.RIGHT)
        say_of(found, EMPTY, VerdictKind.RIGHT)
        found.take([cars_event(12, 7, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))])
        judge_alert(found, VerdictKind.RIGHT)
        judge_alert(found, VerdictKind.FALSE, WhyFalse.SNOW)
        yield found


@pytest.fixture(scope="module")
def client(made: World) -> TestClient:
    return TestClient(make_app(made.store, made.products.sites, made.blobs, Tokens(None), Progress(), {}))


Rows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(params=["json", "geojson", "csv", "ogc", "csv file", "geoparquet", "geopackage"])
def rows(request: pytest.FixtureRequest, made: World, client: TestClient, tmp_path: Path) -> Rows:
    """The rows of a product by way of each form; in tables, an empty cell is null."""

    def table(text: str) -> list[dict[str, Any]]:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(io.StringIO(text))]

    def exported(product: str, form: FileFormat) -> Path:
        output = tmp_path / f"{product}.{form}"
        export_tables(made.products, output, form, [Product(product)], Query(site="tumangang"))
        return output

    def layer(product: str) -> list[dict[str, Any]]:
        meta, _, _, columns = read(exported(product, FileFormat.GEOPACKAGE))
        values = [[None if value != value else value for value in column] for column in columns]
        return [dict(zip(meta["fields"], row, strict=True)) for row in zip(*values, strict=True)]

    def features(address: str) -> list[dict[str, Any]]:
        return [one["properties"] for one in client.get(address).json()["features"]]

    asked = "site=tumangang&limit=500"
    by_form: dict[str, Rows] = {
        "json": lambda product: list(client.get(f"/v1/{product}?{asked}").json()["items"]),
        "geojson": lambda product: features(f"/v1/{product}?{asked}&f=geojson"),
        "csv": lambda product: table(client.get(f"/v1/{product}?{asked}&f=csv").text),
        "ogc": lambda product: features(f"/ogc/collections/{product}/items?{asked}"),
        "csv file": lambda product: table(exported(product, FileFormat.CSV).read_text()),
        "geoparquet": lambda product: list(
            pyarrow.parquet.read_table(exported(product, FileFormat.PARQUET)).to_pylist()
        ),
        "geopackage": layer,
    }
    return by_form[request.param]


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def test_a_look_has_the_count_of_the_detector_and_beside_it_the_one_that_people_say(rows: Rows) -> None:
    looks = {row["id"].removeprefix("tumangang:"): row for row in rows("looks")}
    said = {
        scene: (number(look["count"]), number(look["true_count"]), number(look["verdicts"]))
        for scene, look in looks.items()
    }
    assert said.pop(WHOLE) == (6, 5, 4), "one is none, two are one, one is two"
    assert said.pop(TOTAL_ONLY) == (6, 9, 2)
    assert said.pop(ASKED) == (6, None, 0)
    assert said.pop(TAKEN_BACK) == (6, None, 0)
    assert said.pop(RECOUNTED) == (7, 5, 2), "the true count is that of the ground, whatever is counted later"
    assert said.pop(EMPTY) == (0, 0, 1)
    assert {(true, verdicts) for _, true, verdicts in said.values()} == {(None, 0)}


def test_a_car_has_what_people_say_of_it_and_why(rows: Rows) -> None:
    cars = {row["id"].removeprefix("tumangang:"): (row["verdict"], row["verdict_reason"]) for row in rows("cars")}

    def of(scene: str) -> list[tuple[str | None, str | None]]:
        return [said for car, said in cars.items() if car.startswith(f"{scene}:")]

    right, unsaid = ("right", None), (None, None)
    marked = [("not-a-car", "shadow"), ("one-car", None), ("one-car", None), ("two-cars", None)]
    assert of(WHOLE) == [*marked, right, right]
    assert of(TOTAL_ONLY) == [("not-a-car", "building"), *[unsaid] * 5], "a total does not say which cars are right"
    assert of(RECOUNTED) == [("not-a-car", "snow"), *[unsaid] * 6], "nobody saw the cars of the new count"
    assert of(ASKED) == of(TAKEN_BACK) == [unsaid] * 6


def test_an_alert_has_the_last_word_of_people(rows: Rows) -> None:
    (alert,) = rows("alerts")
    assert (alert["verdict"], alert["verdict_reason"]) == ("false", "snow")


def test_a_single_alert_has_it_too(made: World, client: TestClient) -> None:
    (alert,) = made.store.alerts()
    found = client.get(f"/v1/alerts/{alert}").json()["alert"]
    item = client.get(f"/ogc/collections/alerts/items/{alert}").json()["properties"]
    for said in (found, item):
        assert (said["verdict"], said["verdict_reason"]) == ("false", "snow")


def test_a_catalogue_has_what_people_say_of_a_look_and_of_its_cars(made: World, tmp_path: Path) -> None:
    export_stac(made.products, made.blobs, tmp_path / "stac", Query(site="tumangang"))
    (path,) = (tmp_path / "stac").rglob(f"{WHOLE}.json")
    item = pystac.Item.from_file(str(path))
    assert (item.properties["railwatch:count"], item.properties["railwatch:true_count"]) == (6, 5)
    assert item.properties["railwatch:verdicts"] == 4
    cars = json.loads((path.parent / item.assets["cars"].href).read_text())["features"]
    assert [car["properties"]["verdict"] for car in cars[:4]] == ["not-a-car", "one-car", "one-car", "two-cars"]
    assert cars[0]["properties"]["verdict_reason"] == "shadow"


def test_a_look_that_was_counted_after_verdicts_has_their_interval_beside_its_own(
    redis_settings: RedisSettings,
) -> None:
    made = world(connect(redis_settings))
    made.take([cars_event(0, 6)])
    say_of(made, "scene-0", VerdictKind.TOTAL, total=12)
    after = RECORDED + timedelta(days=1)
    made.take([cars_event(3, 6, recorded_at=after)])
    first, second = (dict(row.values) for row in made.products.rows(Product.LOOKS, Query(site="tumangang")))
    assert "recalibrated_count" not in first
    assert (second["count"], second["low"], second["high"], second["recalibrated_looks"]) == (6, 4, 8, 1)
    assert second["recalibrated_low"] < second["recalibrated_count"] < second["recalibrated_high"]
    assert second["recalibrated_count"] > 6
    (site,) = (row.values for row in made.products.rows(Product.SITES, Query(site="tumangang")))
    assert site["recalibrated_high"] == second["recalibrated_high"]
