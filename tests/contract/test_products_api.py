"""Sites, looks, cars and alerts over HTTP, in every form."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.products import catalogue
from railwatch.services.alerting.products.columns import COLUMNS, Product
from railwatch.services.alerting.products.query import Query
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.health import Progress
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import on_day
from tests.support.products import AWAY, World, cars_event, world

LISTS = ("/v1/sites", "/v1/looks", "/v1/cars", "/v1/alerts")
SURGE = [cars_event(60, 40), cars_event(63, 44)]
COUNTS = [
    *(cars_event(3 * look, 6 + look % 3) for look in range(18)),
    *(cars_event(3 * look, 2 + look % 2, site="najin") for look in range(9)),
    *SURGE,
]


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with embedded_redis() as environment:
        found = world(connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])))
        found.take(COUNTS)
        yield found


def client_of(made: World, holder: Holder | None = None) -> TestClient:
    reader = (lambda: holder) if holder else None
    return TestClient(make_app(made.store, made.products.sites, made.blobs, Tokens(None), Progress(), {}, reader))


@pytest.fixture(scope="module")
def client(made: World) -> TestClient:
    return client_of(made)


def pages(client: TestClient, address: str) -> list[dict[str, Any]]:
    """The items of all pages."""
    found: list[dict[str, Any]] = []
    next_: str | None = address
    while next_:
        page = client.get(next_).json()
        found += page["items"]
        next_ = page["next"]
    return found


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_look_has_its_interval_coverage_quality_versions_and_provenance(client: TestClient) -> None:
    look = pages(client, "/v1/looks?site=tumangang")[-1]
    assert (look["id"], look["count"], look["low"], look["high"]) == ("tumangang:scene-63", 44.0, 42.0, 46.0)
    assert (look["coverage"], look["quality"], look["state"]) == (1.0, "ok", "alert")
    assert look["threshold"] < 40
    assert (look["algorithms"], look["baselines"]) == (["railwatch 1"], ["baseline-1@1"])
    assert (look["scenes"], look["images"]) == (["scene-63"], [SURGE[1].image.sha256])
    assert look["events"] == [SURGE[1].id]
    (alert,) = pages(client, "/v1/alerts")
    assert look["alert"] == alert["alert"]


def test_the_cars_of_a_look_are_those_of_its_count(client: TestClient) -> None:
    cars = pages(client, "/v1/cars?site=tumangang&state=alert&limit=7")
    assert len(cars) == 84
    assert len({car["id"] for car in cars}) == 84
    first = cars[0]
    assert (first["look"], first["track"], first["kind"]) == ("tumangang:scene-60", "1", None)
    assert (first["probability"], first["tile_low"], first["tile_high"]) == (0.97, 38.0, 42.0)
    assert first["lon"] == SURGE[0].result.tracks[0].cars[0].lon


@given(
    limit=st.integers(1, 40),
    product=st.sampled_from(LISTS),
    days=st.tuples(st.integers(-3, 70), st.integers(-3, 70)),
    site=st.sampled_from([None, "najin", "tumangang", "unseen", "nowhere"]),
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_are_complete_and_disjoint_however_long_they_are(
    client: TestClient, limit: int, product: str, days: tuple[int, int], site: str | None
) -> None:
    first, last = (on_day(day).isoformat().replace("+", "%2B") for day in days)
    filters = f"from={first}&to={last}" + (f"&site={site}" if site and product != "/v1/sites" else "")
    name = "alert" if product == "/v1/alerts" else "id"
    whole = [row[name] for row in client.get(f"{product}?{filters}&limit=500").json()["items"]]
    assert [row[name] for row in pages(client, f"{product}?{filters}&limit={limit}")] == whole
    assert len(set(whole)) == len(whole)
    if product in ("/v1/looks", "/v1/cars") and site is None:
        looks = {
            (event.site, event.scene) for event in COUNTS if on_day(days[0]) <= event.observed_at < on_day(days[1])
        }
        assert {tuple(row.split(":")[:2]) for row in whole} == looks


def test_a_request_that_looks_through_many_sites_in_vain_ends_with_the_address_to_go_on_at(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [look["id"] for look in pages(client, "/v1/looks")]
    monkeypatch.setattr(catalogue, "SITES_AT_ONCE", 1)
    first = client.get("/v1/looks?limit=500").json()
    assert {look["site"] for look in first["items"]} == {"najin"}
    assert [look["id"] for look in pages(client, "/v1/looks?limit=500")] == whole


@pytest.mark.parametrize("product", LISTS)
def test_the_forms_agree_on_what_lies_in_a_box(client: TestClient, product: str) -> None:
    box = f"bbox={130 + AWAY},42,{131 + AWAY},43"
    name = "alert" if product == "/v1/alerts" else "id"
    plain = client.get(f"{product}?{box}&limit=500")
    geojson = client.get(f"{product}?{box}&limit=500", headers={"Accept": "text/csv;q=0.5, application/geo+json"})
    table = client.get(f"{product}?{box}&limit=500&f=csv")
    assert geojson.headers["content-type"] == "application/geo+json"
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    ids = [item[name] for item in plain.json()["items"]]
    assert ids
    assert all("najin" not in row for row in ids)
    features = geojson.json()["features"]
    assert [feature["id"] for feature in features] == ids
    assert [row["id"] for row in csv_rows(table.text)] == ids
    for feature, row in zip(features, csv_rows(table.text), strict=True):
        place = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert place.distance(shapely.from_wkt(row["geometry"])) < 1e-5
        assert place.intersects(shapely.box(130 + AWAY, 42, 131 + AWAY, 43))
        assert set(feature["properties"]) == set(row) - {"geometry"}
    nowhere = client.get(f"{product}?bbox=0,0,1,1&f=geojson").json()
    assert nowhere["features"] == []


@pytest.mark.parametrize(("product", "limit"), [("/v1/sites", 1), ("/v1/looks", 11), ("/v1/cars", 60)])
def test_every_form_says_where_the_next_page_is(client: TestClient, product: str, limit: int) -> None:
    whole = [row["id"] for row in client.get(f"{product}?limit=500&f=geojson").json()["features"]]
    for form in ("json", "geojson", "csv"):
        found: list[str] = []
        address: str | None = f"{product}?limit={limit}&f={form}"
        while address:
            answer = client.get(address)
            address = answer.links.get("next", {}).get("url")
            if form == "csv":
                found += [row["id"] for row in csv_rows(answer.text)]
            elif form == "geojson":
                found += [feature["id"] for feature in answer.json()["features"]]
                assert [link["href"] for link in answer.json()["links"]] == [address] * bool(address)
            else:
                found += [item["id"] for item in answer.json()["items"]]
                assert answer.json()["next"] == address
        assert found == whole, form
    assert len(whole) > limit


@pytest.mark.parametrize("form", ["json", "geojson", "csv"])
@pytest.mark.parametrize("product", LISTS)
def test_a_place_to_go_on_that_there_is_not_is_refused(client: TestClient, product: str, form: str) -> None:
    answer = client.get(f"{product}?after=a/b&f={form}")
    assert answer.status_code == (404 if product == "/v1/alerts" else 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_small_box_holds_the_cars_that_stand_in_it(client: TestClient) -> None:
    car = SURGE[0].result.tracks[0].cars[10]
    box = f"{car.lon - 1e-5},{car.lat - 1e-5},{car.lon + 1e-5},{car.lat + 1e-5}"
    found = pages(client, f"/v1/cars?bbox={box}&state=alert")
    assert [row["id"] for row in found] == ["tumangang:scene-60:r0c0:10", "tumangang:scene-63:r0c0:10"]


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "200,0,201,1", "0,50,1,40", ""])
def test_a_box_that_is_none_is_refused(client: TestClient, box: str) -> None:
    answer = client.get(f"/v1/looks?bbox={box}")
    if not box:
        assert answer.status_code == 200
        return
    assert (answer.status_code, "west,south,east,north" in answer.json()["detail"]) == (422, True)


def test_any_span_of_time_can_be_asked_for(client: TestClient) -> None:
    whole = pages(client, "/v1/looks")
    assert pages(client, "/v1/looks?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z") == whole
    assert pages(client, "/v1/looks?from=0999-01-01T00:00:00Z") == whole
    assert pages(client, "/v1/looks?to=0999-01-01T00:00:00Z") == []


@pytest.mark.parametrize("form", ["json", "geojson", "csv"])
@pytest.mark.parametrize("product", [*LISTS, "/v1/sites/tumangang/looks/scene-60"])
def test_what_has_not_changed_is_not_sent_again(client: TestClient, product: str, form: str) -> None:
    first = client.get(f"{product}?f={form}")
    again = client.get(f"{product}?f={form}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get(f"{product}?f={form}", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_what_has_changed_is_sent_with_another_tag(redis_settings: RedisSettings) -> None:
    made = world(connect(redis_settings))
    made.take(COUNTS[:5])
    client = client_of(made)
    tags = {product: client.get(product).headers["etag"] for product in LISTS}
    made.take(COUNTS[5:])
    for product, tag in tags.items():
        assert client.get(product, headers={"If-None-Match": tag}).status_code == 200, product


@pytest.mark.parametrize("form", ["json", "geojson", "csv"])
def test_a_token_of_one_site_sees_nothing_of_another(made: World, client: TestClient, form: str) -> None:
    holder = Holder(name="guest", scopes=frozenset({Scope.READ}), sites=frozenset({"najin"}))
    guest = client_of(made, holder)
    for product in LISTS:
        assert "tumangang" in client.get(f"{product}?f={form}&limit=500").text, product
        assert "tumangang" not in guest.get(f"{product}?f={form}&limit=500").text, product
    assert guest.get("/v1/looks?site=tumangang").json() == {"next": None, "items": []}
    assert guest.get(f"/v1/sites/tumangang/looks/scene-60?f={form}").status_code == 404
    assert guest.get(f"/v1/sites/najin/looks/scene-0?f={form}").status_code == 200


def test_a_look_is_found_by_any_of_its_scenes_with_its_cars_and_counts(client: TestClient) -> None:
    found = client.get("/v1/sites/tumangang/looks/scene-60").json()
    assert (found["look"]["id"], found["judgement"]["state"]) == ("tumangang:scene-60", "alert")
    assert len(found["cars"]) == 40
    (count,) = found["counts"]
    assert (count["id"], count["result"]["count"]) == (SURGE[0].id, 40.0)
    geojson = client.get("/v1/sites/tumangang/looks/scene-60?f=geojson").json()
    assert (len(geojson["features"]), geojson["look"]["properties"]["count"]) == (40, 40.0)
    for nothing in ("nothing", "%2E%2E", "scene%00-60", "x" * 400):
        assert client.get(f"/v1/sites/tumangang/looks/{nothing}").status_code == 404, nothing
    assert client.get("/v1/sites/nowhere/looks/scene-60").status_code == 404


def test_what_is_unknown_is_null_in_json_and_empty_in_tables(client: TestClient) -> None:
    (unseen,) = (row for row in client.get("/v1/sites?f=geojson").json()["features"] if row["id"] == "unseen")
    assert (unseen["properties"]["count"], unseen["properties"]["coverage"]) == (None, None)
    (row,) = (row for row in csv_rows(client.get("/v1/sites?f=csv").text) if row["id"] == "unseen")
    assert (row["count"], row["state"], row["missed"]) == ("", "", "")


def test_rows_have_the_columns_that_are_described_and_no_others(made: World) -> None:
    everyone = Holder(name=None, scopes=frozenset({Scope.READ}))
    for product in Product:
        rows = made.products.page(product, Query(), everyone, None, 100).rows
        names = [column.name for column in COLUMNS[product]]
        assert len(set(names)) == len(names)
        assert rows
        for row in rows:
            assert set(row.values) <= set(names)


def test_a_text_that_a_spreadsheet_would_run_is_quoted(redis_settings: RedisSettings) -> None:
    made = world(connect(redis_settings))
    made.take([cars_event(1, 3).model_copy(update={"remarks": ('=HYPERLINK("http://example.org")',)})])
    (row,) = csv_rows(client_of(made).get("/v1/looks?f=csv").text)
    assert row["remarks"] == '\'=HYPERLINK("http://example.org")'


@pytest.mark.parametrize("product", ["looks", "cars"])
def test_what_is_answered_is_what_the_document_of_the_api_describes(client: TestClient, product: str) -> None:
    described = client.get("/openapi.json").json()["paths"][f"/v1/{product}"]["get"]["responses"]["200"]["content"]
    schema = described["application/json"]["schema"]
    page = client.get(f"/v1/{product}?limit=500").json()
    assert page["items"]
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(page)
    assert list(page["items"][0]) == list(schema["properties"]["items"]["items"]["properties"])
