"""What `POST /v1/scenes` refuses: the sender gets a problem that says why, and a dead letter keeps it."""

import json
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from railwatch.services.ingest.http import problems
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.geotiff import NoiseScene, bare_tiff
from tests.support.ingest import TOKEN, Desk, desk_over
from tests.support.pushing import METADATA, push, sender
from tests.support.stac_item import stac_item
from tests.support.tiff import ASCII, DOUBLE, good_tags, tiff

BLANK = NoiseScene(bands=1, width=4000, height=4000).geotiff(np.zeros((1, 4000, 4000), np.uint8), compress="deflate")
FORM = "multipart/form-data"

REFUSED: list[tuple[str, int, bytes | None, Any]] = [
    ("format-unsupported", 422, b"PK\x03\x04 not a picture", METADATA),
    ("format-unsupported", 422, b"<VRTDataset rasterXSize='9' rasterYSize='9'/>", METADATA),
    ("decode-failed", 422, NoiseScene().geotiff(compress="deflate")[:90_000], METADATA),
    ("too-many-pixels", 413, bare_tiff(1_000_000), METADATA),
    ("too-many-pixels", 413, BLANK, METADATA),
    ("block-too-large", 413, None, METADATA),
    ("scene-too-large", 413, NoiseScene(width=1000, height=1000).geotiff(), METADATA),
    ("bands-unsupported", 422, NoiseScene(bands=20, width=99, height=99).geotiff(), METADATA),
    ("dtype-unsupported", 422, NoiseScene(dtype="int32", bands=1).geotiff(), METADATA),
    ("crs-missing", 422, NoiseScene(crs=None).geotiff(), METADATA),
    ("crs-unusable", 422, NoiseScene(crs="EPSG:4326").geotiff(), METADATA),
    ("gsd-out-of-range", 422, NoiseScene(gsd=30).geotiff(), METADATA),
    ("no-site-overlap", 422, NoiseScene(origin=(600_000, 4_000_000)).geotiff(), METADATA),
    ("no-site-overlap", 422, NoiseScene(crs="EPSG:32651").geotiff(), METADATA),
    ("no-valid-pixels", 422, NoiseScene(nodata=0).geotiff(NoiseScene().pixels() * 0), METADATA),
    ("timestamp-missing", 422, None, {"scene": "S1"}),
    ("timestamp-without-zone", 422, None, {"observed_at": "2023-10-05T02:11:00"}),
    ("timestamp-invalid", 422, None, {"observed_at": "yesterday"}),
    ("timestamp-in-future", 422, None, {"observed_at": "2126-10-05T02:11:00Z"}),
    ("timestamp-too-early", 422, None, {"observed_at": "1823-10-05T02:11:00Z"}),
    ("timestamp-missing", 422, None, stac_item("x.tif", datetime=None)),
    ("metadata-invalid", 422, None, {**METADATA, "role": "poster"}),
    ("metadata-invalid", 422, None, {**METADATA, "cloud": 3}),
    ("metadata-invalid", 422, None, {**METADATA, "scene": "a/b"}),
    ("metadata-invalid", 422, None, "not json"),
    ("metadata-invalid", 422, None, "[1]"),
    ("stac-item-invalid", 422, None, {"type": "Feature", "id": 5}),
    ("stac-item-invalid", 422, None, stac_item("x.tif", **{"railwatch:role": "poster"})),
    ("stac-item-invalid", 422, None, {**stac_item("x.tif"), "id": "\ud800"}),
    ("metadata-invalid", 422, None, {**METADATA, "\ud800\n" * 5000: 3}),
    ("metadata-invalid", 422, None, '{"sun":' + "[" * 900 + "]" * 900 + "}"),
    ("crs-unusable", 422, tiff(good_tags() | {33550: (DOUBLE, (float("nan"), 0.5, 0.0))}), METADATA),
    ("crs-unusable", 422, tiff(good_tags() | {33922: (DOUBLE, (0.0, 0.0, 0.0, float("inf"), 0.0, 0.0))}), METADATA),
    ("decode-failed", 422, tiff(good_tags() | {42112: (ASCII, b"<" * 2_000_000)})[:1_900_000], METADATA),
]


def with_asset(**fields: Any) -> dict[str, Any]:
    return stac_item("", {"visual": {"href": "https://host/x.tif", "type": "image/tiff", **fields}})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_over(tmp_path, limits=SceneSettings(max_bytes=2_000_000, max_pixels=10_000_000))


@pytest.mark.parametrize(("reason", "status", "data", "metadata"), REFUSED)
def test_a_refusal_says_what_is_wrong_and_is_kept(
    desk: Desk, client: TestClient, reason: str, status: int, data: bytes | None, metadata: Any
) -> None:
    if reason == "block-too-large":
        desk.limits = SceneSettings(max_pixels=10**12)
        with sender(desk) as roomy:
            answer = push(roomy, bare_tiff(20_000))
    else:
        answer = push(client, data, metadata)
    the_problem(desk, client, answer, status, reason)
    (letter,) = desk.dead_letters
    assert (letter.service, letter.reason, letter.subject) == ("ingest", reason, "scene.tif")
    assert letter.original is None
    assert letter.detail == answer.json()["detail"]


def the_problem(desk: Desk, client: TestClient, answer: Response, status: int, reason: str) -> None:
    """The answer is the problem, as RFC 9457 and our own OpenAPI document say."""
    body = answer.json()
    assert (answer.status_code, body["reason"]) == (status, reason), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:railwatch:problem:{reason}"
    assert body["title"] == problems.PROBLEMS[reason].title
    assert body["status"] == status
    responses = client.get("/openapi.json").json()["paths"]["/v1/scenes"]["post"]["responses"]
    schema = responses[str(status)]["content"]["application/problem+json"]["schema"]
    jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)
    assert desk.tiles == []


@pytest.mark.parametrize(
    ("reason", "status", "request_"),
    [
        ("unsupported-media-type", 415, {"content": b"II*\0", "headers": {"content-type": "image/tiff"}}),
        ("unsupported-media-type", 415, {"content": b""}),
        ("body-malformed", 400, {"content": b"x", "headers": {"content-type": FORM}}),
        ("body-malformed", 400, {"content": b"--x\r\nno", "headers": {"content-type": f"{FORM}; boundary=y"}}),
        ("file-missing", 422, {"data": {"metadata": "{}"}, "files": {"picture": b""}}),
        ("metadata-missing", 422, {"files": {"file": ("a.tif", b"II*\0")}}),
        ("metadata-invalid", 422, {"content": b"{", "headers": {"content-type": "application/json"}}),
        ("stac-item-invalid", 422, {"json": METADATA}),
        ("asset-missing", 422, {"json": {**stac_item("x"), "assets": {}}}),
        ("asset-missing", 422, {"json": stac_item("file:///x.tif"), "params": {"asset": "pan"}}),
        ("asset-refused", 422, {"json": stac_item("https://example.com/x.tif")}),
        ("asset-refused", 422, {"json": stac_item("relative.tif")}),
        ("asset-refused", 422, {"json": stac_item("http://[::1/x.tif")}),
        ("asset-missing", 422, {"json": with_asset(type=["image/tiff"])}),
        ("asset-missing", 422, {"json": with_asset(roles={"data": 1})}),
        ("asset-missing", 422, {"json": with_asset(roles=[None])}),
        ("scene-too-large", 413, {"json": stac_item("file:///" + "x" * 2_000_000)}),
    ],
)  # fmt: skip
def test_a_request_that_brings_no_scene_is_refused(
    desk: Desk, client: TestClient, reason: str, status: int, request_: dict[str, Any]
) -> None:
    answer = client.post("/v1/scenes", **request_)
    the_problem(desk, client, answer, status, reason)
    assert [letter.reason for letter in desk.dead_letters] == [reason]


@pytest.mark.parametrize("charset", ["utf-8", "no-such-charset", "rot13", "\u00ff", "zip"])
def test_any_charset_is_read_or_refused(desk: Desk, client: TestClient, charset: str) -> None:
    parts = f'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{json.dumps(METADATA)}\r\n'.encode()
    parts += (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\xe9.tif"\r\n\r\n' + NoiseScene().geotiff()
    )
    headers = {"content-type": f"{FORM}; boundary=x; charset={charset}".encode("latin-1")}
    answer = client.post("/v1/scenes", content=parts + b"\r\n--x--\r\n", headers=headers)
    assert answer.status_code in {201, 400, 422}
    assert len(desk.published) == 1


def test_the_size_limit_holds_while_an_endless_body_comes_in(desk: Desk) -> None:
    head = (
        f"POST /v1/scenes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n"
        f"Content-Type: {FORM}; boundary=x\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.tif"\r\n\r\n'
    sent_mb = 0
    with (
        serve(desk.app(), HttpSettings(port=0), max_body_bytes=None) as url,
        socket.create_connection(address(url), timeout=30) as sender,
    ):
        sender.sendall(head.encode() + chunk(part))
        # The server answers and hangs up in the middle; whether the answer still arrives is the network's luck.
        with suppress(ConnectionError):
            while sent_mb < 1000 and not select.select([sender], [], [], 0)[0]:
                sender.sendall(chunk(bytes(1_000_000)))
                sent_mb += 1
    assert sent_mb < 1000
    assert [letter.reason for letter in desk.dead_letters] == ["scene-too-large"]


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_scene_at_night_is_refused_unless_the_sensors_see_then(desk: Desk, client: TestClient) -> None:
    local_as_utc = {**METADATA, "observed_at": "2023-10-05T11:11:00Z"}
    answer = push(client, metadata=local_as_utc)
    the_problem(desk, client, answer, 422, "timestamp-at-night")
    assert "time zone" in answer.json()["detail"]
    desk.limits = SceneSettings(night=True)
    with sender(desk) as at_night:
        answer = push(at_night, metadata=local_as_utc)
    assert answer.status_code == 201
