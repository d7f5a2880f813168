"""What a sender of scenes gets from `POST /v1/scenes`."""

import json
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from railwatch.services.ingest.http import problems
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import DeadLetter, TileEvent, TileRole
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings
from tests.support.geotiff import SITE_YAML, NoiseScene, bare_tiff, read_tile, reproject, write_site
from tests.support.ingest import TOKEN, Desk, desk_over
from tests.support.tiff import ASCII, DOUBLE, good_tags, tiff

OBSERVED_AT = "2023-10-05T02:11:00Z"
METADATA = {"observed_at": OBSERVED_AT, "scene": "S1", "sun": {"azimuth_deg": 168.0, "elevation_deg": 41.0}}
Push = Callable[..., Response]
Named = Callable[..., tuple[Tokens, dict[str, str]]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_over(tmp_path, limits=SceneSettings(max_bytes=2_000_000, max_pixels=10_000_000))


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(desk.app(), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def push(client: TestClient) -> Push:
    def push(data: bytes | None = None, metadata: Any = METADATA, name: str = "scene.tif") -> Response:
        document = metadata if isinstance(metadata, str) else json.dumps(metadata)
        files = {"file": (name, NoiseScene().geotiff() if data is None else data, "image/tiff")}
        answer: Response = client.post("/v1/scenes", files=files, data={"metadata": document})
        return answer

    return push


def item(href: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "WV3 2023/10/05",
        "geometry": None,
        "properties": {"datetime": OBSERVED_AT, "view:sun_azimuth": 168.0, "view:sun_elevation": 41.0, **properties},
        "links": [],
        "assets": {"visual": {"href": href, "type": "image/tiff; application=geotiff"}},
    }


def with_asset(**fields: Any) -> dict[str, Any]:
    document = item("https://host/x.tif")
    document["assets"]["visual"] |= fields
    return document


# What is published


def test_a_scene_is_published_as_its_tiles(desk: Desk, push: Push) -> None:
    answer = push()
    assert answer.status_code == 201
    (event,) = desk.tiles
    assert (event.site, event.tile, event.scene, event.tiles_in_scene) == ("yard", "r0c0", "S1", ("r0c0",))
    assert (event.observed_at, event.source, event.role) == (
        datetime(2023, 10, 5, 2, 11, tzinfo=UTC),
        "api",
        TileRole.OBSERVATION,
    )
    assert event.sun is not None
    assert event.sun.azimuth_deg == 168.0
    assert event.gsd_m == pytest.approx(0.5, rel=0.001)
    assert read_tile(desk.blobs.get(event.image))[0].shape[0] == 3
    assert answer.json() == {
        "scene": "S1",
        "observed_at": OBSERVED_AT,
        "role": "observation",
        "published": 1,
        "sites": [
            {
                "site": "yard",
                "tiles": [{"tile": "r0c0", "event": event.id, "sha256": event.image.sha256}],
            }
        ],
    }


def test_the_same_scene_again_publishes_nothing(desk: Desk, push: Push) -> None:
    first, second = push(), push()
    assert (first.status_code, second.status_code) == (201, 200)
    assert len(desk.published) == 1
    assert second.json() == {**first.json(), "published": 0}


def test_a_scene_whose_pixels_were_lost_since_is_taken_again(desk: Desk, push: Push) -> None:
    first = push()
    (event,) = desk.tiles
    desk.blobs = BlobStore.open(BlobSettings(url="memory://"))
    with TestClient(desk.app()) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        files = {"file": ("scene.tif", NoiseScene().geotiff(), "image/tiff")}
        again = client.post("/v1/scenes", files=files, data={"metadata": json.dumps(METADATA)})
    assert again.status_code == 201
    assert again.json()["sites"] == first.json()["sites"], "under the same ids, so nobody counts it twice"
    assert desk.blobs.get(event.image)


def test_a_scene_whose_pixels_were_truncated_since_is_mended_by_pushing_it_again(
    desk: Desk, push: Push, tmp_path: Path
) -> None:
    desk.blobs = BlobStore.open(BlobSettings(url=f"file://{tmp_path}/blobs"))
    with TestClient(desk.app(), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        scene = {
            "files": {"file": ("scene.tif", NoiseScene().geotiff(), "image/tiff")},
            "data": {"metadata": json.dumps(METADATA)},
        }
        assert client.post("/v1/scenes", **scene).status_code == 201
        (event,) = desk.tiles
        blob = tmp_path / "blobs" / event.image.path
        blob.write_bytes(blob.read_bytes()[:100])
        assert client.post("/v1/scenes", **scene).status_code == 201
    assert desk.blobs.get(event.image)
    assert [tile.id for tile in desk.tiles] == [event.id] * 2, "so that it is counted now"


def test_a_scene_is_known_to_another_replica_and_after_a_restart(desk: Desk, push: Push, tmp_path: Path) -> None:
    push()
    other = desk_over(tmp_path, claims=desk.claims)
    other.blobs = desk.blobs
    with TestClient(other.app()) as client:
        files = {"file": ("scene.tif", NoiseScene().geotiff())}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        again = client.post("/v1/scenes", files=files, data={"metadata": json.dumps(METADATA)}, headers=headers)
    assert again.status_code == 200
    assert other.published == []


def test_dying_between_publishing_and_claiming_publishes_the_same_ids_again(desk: Desk, push: Push) -> None:
    push()
    desk.redis.values.clear()
    assert push().status_code == 201
    first, second = desk.tiles
    assert (first.id, first.image) == (second.id, second.image)


def test_other_pixels_under_the_same_id_are_a_correction(desk: Desk, push: Push) -> None:
    assert push().status_code == 201
    assert push(NoiseScene(seed=2).geotiff()).status_code == 201
    first, second = desk.tiles
    assert first.scene == second.scene
    assert first.id != second.id


def test_a_scene_without_id_gets_one_from_its_pixels(desk: Desk, push: Push) -> None:
    assert push(metadata={"observed_at": OBSERVED_AT}).json()["scene"] == desk.tiles[0].scene
    assert desk.tiles[0].scene.startswith("scene-")
    assert push(metadata={"observed_at": OBSERVED_AT}).status_code == 200


def test_an_operator_gives_a_baseline(desk: Desk, push: Push) -> None:
    assert push(metadata={**METADATA, "role": "baseline"}).json()["role"] == "baseline"
    assert desk.tiles[0].role is TileRole.BASELINE


def test_times_are_kept_in_utc(desk: Desk, push: Push) -> None:
    push(metadata={**METADATA, "observed_at": "2023-10-05T11:11:00+09:00"})
    assert desk.tiles[0].observed_at.isoformat() == "2023-10-05T02:11:00+00:00"


def test_a_trace_and_the_arrival_go_on_with_the_events(desk: Desk, client: TestClient) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for number, header in enumerate([trace, "made up"]):
        files = {"file": ("a.tif", NoiseScene(seed=number).geotiff())}
        client.post("/v1/scenes", files=files, data={"metadata": json.dumps(METADATA)}, headers={"traceparent": header})
    first, second = desk.origins
    assert first is not None
    assert second is not None
    assert (first.traceparent, second.traceparent) == (trace, None)
    assert first.arrived_at < second.arrived_at <= datetime.now(UTC)


@pytest.mark.parametrize(("crs", "gsd"), [("EPSG:4326", 5e-6), ("EPSG:3857", 0.6)])
def test_other_projections_are_taken(desk: Desk, push: Push, crs: str, gsd: float) -> None:
    assert push(reproject(NoiseScene().geotiff(), crs, gsd)).status_code == 201
    assert read_tile(desk.blobs.get(desk.tiles[0].image))[1]["crs"] == crs


def test_metadata_may_come_as_a_file_part(client: TestClient, desk: Desk) -> None:
    metadata = ("metadata.json", json.dumps(METADATA), "application/json")
    assert (
        client.post("/v1/scenes", files={"file": ("a.tif", NoiseScene().geotiff()), "metadata": metadata}).status_code
        == 201
    )


def test_a_stac_item_may_be_the_metadata_of_a_pushed_file(desk: Desk, push: Push) -> None:
    assert push(metadata=item("ignored.tif", **{"railwatch:role": "baseline"})).status_code == 201
    (event,) = desk.tiles
    assert event.role is TileRole.BASELINE
    assert event.scene.startswith("WV3-2023-10-05-")
    assert event.sun is not None


# What is refused

NOW = datetime.now(UTC)
BLANK = NoiseScene(bands=1, width=4000, height=4000).geotiff(np.zeros((1, 4000, 4000), np.uint8), compress="deflate")
FORM = "multipart/form-data"

REFUSED: list[tuple[str, int, bytes | None, Any]] = [
    ("format-unsupported", 422, b"PK\x03\x04 not a picture", METADATA),
    ("format-unsupported", 422, b"<VRTDataset rasterXSize='9' rasterYSize='9'/>", METADATA),
    ("decode-failed", 422, NoiseScene().geotiff(compress="deflate")[:90_000], METADATA),
    ("too-many-pixels", 413, bare_tiff(1_000_000), METADATA),
    (
        "too-many-pixels",
        413,
        BLANK,
        METADATA,
    ),
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
    ("timestamp-in-future", 422, None, {"observed_at": (NOW + timedelta(hours=1)).isoformat()}),
    ("timestamp-too-early", 422, None, {"observed_at": "1823-10-05T02:11:00Z"}),
    ("timestamp-missing", 422, None, item("x.tif", datetime=None)),
    ("metadata-invalid", 422, None, {**METADATA, "role": "poster"}),
    ("metadata-invalid", 422, None, {**METADATA, "cloud": 3}),
    ("metadata-invalid", 422, None, {**METADATA, "scene": "a/b"}),
    ("metadata-invalid", 422, None, "not json"),
    ("metadata-invalid", 422, None, "[1]"),
    ("stac-item-invalid", 422, None, {"type": "Feature", "id": 5}),
    ("stac-item-invalid", 422, None, item("x.tif", **{"railwatch:role": "poster"})),
    ("stac-item-invalid", 422, None, {**item("x.tif"), "id": "\ud800"}),
    ("metadata-invalid", 422, None, {**METADATA, "\ud800\n" * 5000: 3}),
    ("metadata-invalid", 422, None, '{"sun":' + "[" * 900 + "]" * 900 + "}"),
    ("crs-unusable", 422, tiff(good_tags() | {33550: (DOUBLE, (float("nan"), 0.5, 0.0))}), METADATA),
    ("crs-unusable", 422, tiff(good_tags() | {33922: (DOUBLE, (0.0, 0.0, 0.0, float("inf"), 0.0, 0.0))}), METADATA),
    ("decode-failed", 422, tiff(good_tags() | {42112: (ASCII, b"<" * 2_000_000)})[:1_900_000], METADATA),
]


@pytest.mark.parametrize(("reason", "status", "data", "metadata"), REFUSED)
def test_a_refusal_says_what_is_wrong_and_is_kept(
    desk: Desk, push: Push, client: TestClient, reason: str, status: int, data: bytes | None, metadata: Any
) -> None:
    if reason == "block-too-large":
        desk.limits = SceneSettings(max_pixels=10**12)
        with TestClient(desk.app()) as roomy:
            roomy.headers.update(client.headers)
            files = {"file": ("scene.tif", bare_tiff(20_000))}
            answer = roomy.post("/v1/scenes", files=files, data={"metadata": json.dumps(metadata)})
    else:
        answer = push(data, metadata)
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
        ("asset-missing", 422, {"json": {**item("x"), "assets": {}}}),
        ("asset-missing", 422, {"json": item("file:///x.tif"), "params": {"asset": "pan"}}),
        ("asset-refused", 422, {"json": item("https://example.com/x.tif")}),
        ("asset-refused", 422, {"json": item("relative.tif")}),
        ("asset-refused", 422, {"json": item("http://[::1/x.tif")}),
        ("asset-missing", 422, {"json": with_asset(type=["image/tiff"])}),
        ("asset-missing", 422, {"json": with_asset(roles={"data": 1})}),
        ("asset-missing", 422, {"json": with_asset(roles=[None])}),
        ("scene-too-large", 413, {"json": item("file:///" + "x" * 2_000_000)}),
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


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_a_stranger_is_turned_away_and_leaves_no_trace(desk: Desk, headers: dict[str, str]) -> None:
    with TestClient(desk.app()) as client:
        answer = client.post("/v1/scenes", files={"file": b""}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert desk.published == []


def test_a_scene_at_night_is_refused_unless_the_sensors_see_then(desk: Desk, push: Push, client: TestClient) -> None:
    local_as_utc = {**METADATA, "observed_at": "2023-10-05T11:11:00Z"}
    answer = push(metadata=local_as_utc)
    the_problem(desk, client, answer, 422, "timestamp-at-night")
    assert "time zone" in answer.json()["detail"]
    desk.limits = SceneSettings(night=True)
    with TestClient(desk.app(), headers={"Authorization": f"Bearer {TOKEN}"}) as at_night:
        files = {"file": ("scene.tif", NoiseScene().geotiff())}
        answer = at_night.post("/v1/scenes", files=files, data={"metadata": json.dumps(local_as_utc)})
    assert answer.status_code == 201


# Who may send what


@pytest.fixture
def named(tmp_path: Path) -> Named:
    """A token with scopes and sites: what ingest knows of it, and the header that sends it."""

    def named(*scopes: Scope, sites: Sequence[str] = ()) -> tuple[Tokens, dict[str, str]]:
        token, entry = new_entry("maxar", scopes, sites)
        (tmp_path / "tokens.yaml").write_text(entry)
        return Tokens(tmp_path / "tokens.yaml"), {"Authorization": f"Bearer {token}"}

    return named


def pushed(desk: Desk, named: tuple[Tokens, dict[str, str]], metadata: dict[str, Any] = METADATA) -> Response:
    tokens, headers = named
    with TestClient(desk.app(tokens), headers=headers) as client:
        files = {"file": ("scene.tif", NoiseScene().geotiff(), "image/tiff")}
        answer: Response = client.post("/v1/scenes", files=files, data={"metadata": json.dumps(metadata)})
        return answer


def test_the_events_say_who_pushed(desk: Desk, named: Named) -> None:
    assert pushed(desk, named(Scope.PUSH, sites=["yard"])).status_code == 201
    assert desk.tiles[0].sender == "maxar"
    assert pushed(desk, named(Scope.PUSH), {"observed_at": "yesterday"}).status_code == 422
    assert desk.dead_letters[0].sender == "maxar"


@pytest.mark.parametrize(
    ("scope", "role", "status"),
    [
        (Scope.PUSH, "observation", 201),
        (Scope.PUSH, "baseline", 403),
        (Scope.BASELINE, "baseline", 201),
        (Scope.BASELINE, "observation", 403),
        (Scope.READ, "observation", 403),
        (Scope.ACKNOWLEDGE, "observation", 403),
        (Scope.OPERATE, "baseline", 403),
    ],
)
def test_a_token_is_good_for_its_scopes_only(desk: Desk, named: Named, scope: Scope, role: str, status: int) -> None:
    answer = pushed(desk, named(scope), {**METADATA, "role": role})
    assert answer.status_code == status
    assert [tile.role for tile in desk.tiles] == ([role] if status == 201 else [])
    if status == 403:
        known = scope in (Scope.PUSH, Scope.BASELINE)
        assert answer.json()["reason"] == ("role-not-allowed" if known else "scope-missing")
        assert [letter.reason for letter in desk.dead_letters] == (["role-not-allowed"] if known else [])


def test_a_stac_item_is_bound_by_the_token_too(desk: Desk, named: Named) -> None:
    answer = pushed(desk, named(Scope.PUSH), item("x.tif", **{"railwatch:role": "baseline"}))
    assert (answer.status_code, answer.json()["reason"]) == (403, "role-not-allowed")


def test_a_token_reaches_its_sites_only(desk: Desk, named: Named) -> None:
    answer = pushed(desk, named(Scope.PUSH, sites=["another"]))
    assert (answer.status_code, answer.json()["reason"]) == (403, "site-not-allowed")
    assert "yard" not in answer.text
    assert desk.tiles == []


def test_of_several_sites_those_of_the_token_get_their_tiles(tmp_path: Path, named: Named) -> None:
    (tmp_path / "sites").mkdir()
    write_site(tmp_path / "sites", yaml=SITE_YAML.replace("id: yard", "id: other"))
    desk = desk_over(tmp_path)
    answer = pushed(desk, named(Scope.PUSH, sites=["yard"]))
    assert answer.status_code == 201
    assert {tile.site for tile in desk.tiles} == {"yard"}
    (remark,) = answer.json()["remarks"]
    assert "other sites" in remark


# When something is away


def test_a_broker_that_is_away_defers_the_scene(desk: Desk, push: Push) -> None:
    desk.broker_is_away = True
    answer = push()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    desk.broker_is_away = False
    assert push().status_code == 201
    assert len(desk.tiles) == 1


def test_a_refusal_that_cannot_be_kept_is_deferred(desk: Desk, push: Push) -> None:
    desk.broker_is_away = True
    assert push(b"not a picture").status_code == 503
    desk.broker_is_away = False
    assert push(b"not a picture").status_code == 422
    assert len(desk.dead_letters) == 1


def test_redis_that_is_away_defers_the_scene(desk: Desk, push: Push) -> None:
    desk.redis.away = True
    assert push().status_code == 503
    assert desk.published == []


# What the API says of itself


def test_a_remark_is_in_the_receipt(push: Push) -> None:
    span = {"datetime": None, "start_datetime": "2023-10-05T02:10:00Z", "end_datetime": "2023-10-05T02:12:00Z"}
    receipt = push(metadata=item("x.tif", **span, **{"view:sun_elevation": 400})).json()
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


def test_events_and_letters_are_what_readers_expect(desk: Desk, push: Push) -> None:
    push()
    push(b"not a picture")
    tile, letter = desk.published
    assert TileEvent.model_validate_json(tile.model_dump_json()) == tile
    assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter
