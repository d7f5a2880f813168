"""What ingest's HTTP API says of itself, and the form of its answers and events."""

import jsonschema
from fastapi.testclient import TestClient

from railwatch.services.ingest.http import problems
from railwatch.shared.events import DeadLetter, TileEvent
from tests.support.ingest import Desk
from tests.support.pushing import push
from tests.support.stac_item import stac_item


def test_a_remark_is_in_the_receipt(client: TestClient) -> None:
    span = {"datetime": None, "start_datetime": "2023-10-05T02:10:00Z", "end_datetime": "2023-10-05T02:12:00Z"}
    sun = {"view:sun_azimuth": 168.0, "view:sun_elevation": 400}
    receipt = push(client, metadata=stac_item(**span, **sun)).json()
    assert receipt["observed_at"] == "2023-10-05T02:11:00Z"
    assert [remark.split(maxsplit=1)[0] for remark in receipt["remarks"]] == [
        "`properties.datetime`",
        "`view:sun_elevation`",
    ]


def test_other_routes_and_methods_are_problems_too(client: TestClient) -> None:
    for answer in (client.get("/v1/nothing"), client.get("/v1/scenes")):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def test_the_openapi_document_names_every_reason_and_both_bodies(client: TestClient) -> None:
    post = client.get("/openapi.json").json()["paths"]["/v1/scenes"]["post"]
    named = {
        reason
        for response in post["responses"].values()
        for content in response.get("content", {}).values()
        for reason in content.get("schema", {}).get("properties", {}).get("reason", {}).get("enum", ())
    }
    assert named == {*problems.PROBLEMS, "unavailable", "token-unknown", "scope-missing"}
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/json", "application/geo+json"}
    assert post["security"] == [{"HTTPBearer": []}]
    for response in post["responses"].values():
        for content in response.get("content", {}).values():
            jsonschema.Draft202012Validator.check_schema(content.get("schema", {}))


def test_events_and_letters_are_what_readers_expect(desk: Desk, client: TestClient) -> None:
    push(client)
    push(client, b"not a picture")
    tile, letter = desk.published
    assert TileEvent.model_validate_json(tile.model_dump_json()) == tile
    assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter
