"""OGC API - Features: what the standard asks for, and GDAL's own reader of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwatch.embedded import embedded_redis, free_port
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.products import extent
from railwatch.services.alerting.products.columns import COLUMNS, Product
from railwatch.services.alerting.settings import AlertingSettings
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import EVERYONE
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.products import AWAY, PUBLIC_URL, World, cars_event, place, world

COUNTS = [
    *(cars_event(3 * look, 6 + look % 3) for look in range(18)),
    *(cars_event(3 * look, 2 + look % 2, site="najin") for look in range(9)),
    cars_event(60, 40),
]
# GDAL reads in a process of its own: it holds Python's lock while it waits for the server.
READ = """
import ast, json, sys
import pyogrio
from pyogrio.raw import read
source, asked = sys.argv[1], ast.literal_eval(sys.argv[2])
answer = {"layers": pyogrio.list_layers(source).tolist()}
for name, how in asked.items():
    meta, _, geometry, fields = read(source, **how)
    ids = fields[list(meta["fields"]).index("id")]
    crs = meta["crs"]
    answer[name] = {"ids": list(ids), "fields": list(meta["fields"]), "crs": crs, "geometry": meta["geometry_type"]}
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with embedded_redis() as environment:
        found = world(connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])))
        found.take(COUNTS)
        yield found


def client_of(made: World, holder: Holder | None = None) -> TestClient:
    reader = (lambda: holder) if holder else None
    tokens, alerting = Tokens(None), AlertingSettings(public_url=PUBLIC_URL)
    app = make_app(
        made.store, made.products.sites, made.blobs, tokens, Progress(), {}, reader=reader, alerting=alerting
    )
    return TestClient(app, base_url=PUBLIC_URL)


@pytest.fixture(scope="module")
def client(made: World) -> TestClient:
    return client_of(made)


def linked(document: dict[str, Any], relation: str) -> str:
    return next(str(link["href"]) for link in document["links"] if link["rel"] == relation)


def features(client: TestClient, address: str) -> list[dict[str, Any]]:
    """The items of all pages, as the links lead."""
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(address).json()
        assert page["numberReturned"] == len(page["features"])
        found += page["features"]
        if not any(link["rel"] == "next" for link in page["links"]):
            return found
        address = linked(page, "next")


def test_gdal_reads_every_collection_whole_and_by_box_and_by_property(made: World) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    alerting = AlertingSettings(public_url=url)
    app = make_app(made.store, made.products.sites, made.blobs, Tokens(None), Progress(), {}, alerting=alerting)
    asked: dict[str, dict[str, Any]] = {product.value: {"layer": product.value} for product in Product}
    asked["box"] = {"layer": "cars", "bbox": (130 + AWAY, 42, 131 + AWAY, 43)}
    asked["najin"] = {"layer": "looks", "where": "site = 'najin'"}
    with serve(app, HttpSettings(host="127.0.0.1", port=port)):
        command = [sys.executable, "-c", READ, f"OAPIF:{url}/ogc", repr(asked)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert [layer for layer, _ in answer["layers"]] == [product.value for product in Product]
    for product in Product:
        found = answer[product.value]
        assert found["fields"] == [column.name for column in COLUMNS[product]]
        assert (found["crs"], found["geometry"]) == ("EPSG:4326", "Point" if product is Product.CARS else "Polygon")
    cars = [event for event in COUNTS for _ in event.result.tracks[0].cars]
    assert len(set(answer["cars"]["ids"])) == len(answer["cars"]["ids"]) == len(cars)
    assert len(answer["box"]["ids"]) == sum(event.site == "tumangang" for event in cars)
    assert answer["najin"]["ids"] == [f"najin:scene-{3 * look}" for look in range(9)]


def test_the_landing_page_leads_to_all_that_the_standard_asks_for(client: TestClient) -> None:
    landing = client.get("/ogc").json()
    for relation in ("self", "service-desc", "conformance", "data"):
        answer = client.get(linked(landing, relation))
        assert answer.status_code == 200, relation
    conforms = client.get(linked(landing, "conformance")).json()["conformsTo"]
    assert [address.rpartition("/")[2] for address in conforms] == ["core", "geojson", "oas30"]
    collections = client.get(linked(landing, "data")).json()["collections"]
    assert [one["id"] for one in collections] == ["sites", "looks", "cars", "alerts"]
    for one in collections:
        assert client.get(linked(one, "self")).json() == one
        items = client.get(linked(one, "items"))
        assert items.headers["content-type"] == "application/geo+json"
        for item in items.json()["features"]:
            alone = client.get(f"{linked(one, 'items')}/{item['id']}").json()
            assert {name: alone[name] for name in item} == item


def test_the_document_describes_every_path_and_every_property(client: TestClient) -> None:
    document = client.get("/ogc/api").json()
    assert client.get("/ogc/api").headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert document["openapi"].startswith("3.0")
    ids = {"sites": "najin", "looks": "najin:scene-3", "cars": "najin:scene-3:r0c0:0"}
    ids["alerts"] = client.get("/v1/alerts").json()["items"][0]["alert"]
    for path, operations in document["paths"].items():
        for_item = ids.get(path.split("/")[2]) if "{item}" in path else ""
        answer = client.get(f"/ogc{path.replace('{item}', str(for_item))}")
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].split(";")[0] in str(operations["get"]["responses"]["200"]["content"])
    for product in Product:
        found = document["components"]["schemas"][product.value]["properties"]["properties"]["properties"]
        assert set(found) == {column.name for column in COLUMNS[product]}
        (item, *_) = client.get(f"/ogc/collections/{product}/items").json()["features"]
        assert set(item["properties"]) == set(found)


@given(limit=st.integers(1, 400), product=st.sampled_from(list(Product)))
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_links_lead_through_all_items_once(client: TestClient, limit: int, product: Product) -> None:
    path = f"/ogc/collections/{product}/items"
    whole = [item["id"] for item in client.get(f"{path}?limit=1000").json()["features"]]
    assert [item["id"] for item in features(client, f"{path}?limit={limit}")] == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize(
    "wrong",
    [
        "limit=0",
        "limit=many",
        f"limit={'9' * 5000}",
        "bbox=1,2,3",
        "datetime=yesterday",
        "datetime=2023-10-05",
        "datetime=2024-01-01T00:00:00Z/2023-01-01T00:00:00Z",
        "after=a/b",
        "colour=red",
        "f=html",
    ],
)
def test_what_cannot_be_understood_is_refused_with_400(client: TestClient, wrong: str) -> None:
    answer = client.get(f"/ogc/collections/looks/items?{wrong}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_parameter_that_is_not_known_is_refused_everywhere(client: TestClient) -> None:
    paths = client.get("/ogc/api").json()["paths"]
    assert len(paths) > 4
    for path in paths:
        answer = client.get(f"/ogc{path.replace('{item}', 'najin')}?colour=red")
        assert (answer.status_code, "'colour'" in answer.json()["detail"]) == (400, True), path


def test_a_limit_above_the_largest_is_taken_as_the_largest(client: TestClient) -> None:
    assert client.get("/ogc/collections/looks/items?limit=1000000").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "nothing/items",
        "looks/items/najin:scene-999",
        "looks/items/najin:",
        "looks/items/najin:..",
        "looks/items/najin:scene%00-3",
        "cars/items/x",
        "cars/items/najin:.:r0c0:0",
        "sites/items/x",
        "sites/items/najin:x",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/ogc/collections/{path}").status_code == 404


@pytest.mark.parametrize(
    ("interval", "days"),
    [
        ("2023-03-07T02:00:00Z", [6]),
        ("2023-03-07T02:00:00Z/2023-03-13T02:00:00Z", [6, 9, 12]),
        ("../2023-03-04T02:00:00Z", [0, 3]),
        ("2023-03-22T02:00:00%2B00:00/", [21, 24]),
    ],
)
def test_an_interval_of_time_includes_both_of_its_ends(client: TestClient, interval: str, days: list[int]) -> None:
    found = client.get(f"/ogc/collections/looks/items?site=najin&datetime={interval}").json()["features"]
    assert [item["id"] for item in found] == [f"najin:scene-{day}" for day in days]


def test_a_box_across_the_180th_meridian_holds_what_is_on_both_sides(client: TestClient) -> None:
    path = "/ogc/collections/sites/items"
    assert len(client.get(f"{path}?bbox=170,-10,135,60").json()["features"]) == 1
    assert len(client.get(f"{path}?bbox=170,-10,0,-170,60,0").json()["features"]) == 0
    assert len(client.get(f"{path}?bbox=134,-10,0,136,60,9000").json()["features"]) == 1


def test_a_token_of_one_site_sees_nothing_of_another(made: World) -> None:
    guest = client_of(made, Holder(name="guest", scopes=frozenset({Scope.READ}), sites=frozenset({"najin"})))
    for product in Product:
        assert "tumangang" not in guest.get(f"/ogc/collections/{product}/items?limit=1000").text
    for path in ("sites/items/tumangang", "looks/items/tumangang:scene-60", "cars/items/tumangang:scene-60:r0c0:0"):
        assert guest.get(f"/ogc/collections/{path}").status_code == 404
    assert guest.get("/ogc/collections/looks/items/najin:scene-3").status_code == 200


def test_items_that_have_not_changed_are_not_sent_again(client: TestClient) -> None:
    path = "/ogc/collections/cars/items"
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_each_collection_says_where_and_when_its_items_are(client: TestClient) -> None:
    for one in client.get("/ogc/collections").json()["collections"]:
        assert client.get(linked(one, "self")).json()["extent"] == one["extent"]
        (box,) = one["extent"]["spatial"]["bbox"]
        ((first, last),) = one["extent"]["temporal"]["interval"]
        items = features(client, f"/ogc/collections/{one['id']}/items?limit=1000")
        ground = shapely.union_all([shapely.geometry.shape(item["geometry"]) for item in items])
        assert shapely.box(*box).covers(ground), one["id"]
        assert ground.hausdorff_distance(shapely.box(*box)) < 1.5 * AWAY, one["id"]
        # Each item lies in the interval, and there are items at both of its ends.
        path = f"/ogc/collections/{one['id']}/items?limit=1000&datetime="
        dated = [item["id"] for item in items if item["id"] != "unseen"]
        assert [item["id"] for item in features(client, f"{path}{first}/{last}")] == dated
        assert features(client, f"{path}{first}")
        assert features(client, f"{path}{last}")


def test_the_extent_is_that_of_what_the_reader_may_see(made: World) -> None:
    guest = client_of(made, Holder(name="guest", scopes=frozenset({Scope.READ}), sites=frozenset({"najin"})))
    extents = {one["id"]: one["extent"] for one in guest.get("/ogc/collections").json()["collections"]}
    assert extents["alerts"] == {"spatial": extents["looks"]["spatial"]}, "no alert of another site shows its time"
    for found in extents.values():
        assert found["spatial"]["bbox"][0][2] < 130 + AWAY
    assert extents["looks"]["temporal"]["interval"] == [["2023-03-01T02:00:00Z", "2023-03-25T02:00:00Z"]]
    nobody = client_of(made, Holder(name="guest", scopes=frozenset({Scope.READ}), sites=frozenset({"nowhere"})))
    assert [one["extent"] for one in nobody.get("/ogc/collections").json()["collections"]] == [{}] * 4


def test_the_first_time_is_left_open_where_too_many_sites_would_have_to_be_looked_through(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extent, "SITES_AT_ONCE", 1)
    ((first, last),) = client.get("/ogc/collections/looks").json()["extent"]["temporal"]["interval"]
    assert (first, last) == (None, "2023-04-30T02:00:00Z")


def test_cars_of_a_site_that_lies_askew_to_the_grid_of_its_zone_lie_in_the_extent(made: World) -> None:
    sites = {"far": place("far", 131.99 - 130.6)}
    cells = sites["far"].cells()
    products = replace(made.products, sites=sites)
    made.store.transact("far", lambda held: held.put_status(made.store.statuses()["najin"]))
    bounds = extent.Extents(products, EVERYONE).of(Product.CARS).bounds
    assert bounds is not None
    assert shapely.box(*bounds).covers(shapely.union_all([cell.polygon for cell in cells]))
    assert not shapely.box(*sites["far"].polygon.bounds).covers(shapely.union_all([cell.polygon for cell in cells]))


def test_the_document_says_of_each_parameter_of_the_standard_how_it_is_written(client: TestClient) -> None:
    parameters = client.get("/ogc/api").json()["paths"]["/collections/looks/items"]["get"]["parameters"]
    found = {one["name"]: one for one in parameters}
    for name, kind in (("bbox", "array"), ("datetime", "string"), ("limit", "integer")):
        one = found[name]
        assert (one["in"], one["required"], one["style"], one["explode"]) == ("query", False, "form", False)
        assert one["schema"]["type"] == kind
