"""A scene that is pushed to `POST /v1/scenes`: what is published of it, and what happens while something is away."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import TileRole
from railwatch.shared.settings import BlobSettings
from tests.support.geotiff import NoiseScene, read_tile, reproject
from tests.support.ingest import Desk, desk_over
from tests.support.pushing import METADATA, OBSERVED_AT, push, sender
from tests.support.stac_item import stac_item


def test_a_scene_is_published_as_its_tiles(desk: Desk, client: TestClient) -> None:
    answer = push(client)
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


def test_the_same_scene_again_publishes_nothing(desk: Desk, client: TestClient) -> None:
    first, second = push(client), push(client)
    assert (first.status_code, second.status_code) == (201, 200)
    assert len(desk.published) == 1
    assert second.json() == {**first.json(), "published": 0}


def test_a_scene_whose_pixels_were_lost_since_is_taken_again(desk: Desk, client: TestClient) -> None:
    first = push(client)
    (event,) = desk.tiles
    desk.blobs = BlobStore.open(BlobSettings(url="memory://"))
    with sender(desk) as emptied:
        again = push(emptied)
    assert again.status_code == 201
    assert again.json()["sites"] == first.json()["sites"], "under the same ids, so nobody counts it twice"
    assert desk.blobs.get(event.image)


def test_a_scene_whose_pixels_were_truncated_since_is_mended_by_pushing_it_again(desk: Desk, tmp_path: Path) -> None:
    desk.blobs = BlobStore.open(BlobSettings(url=f"file://{tmp_path}/blobs"))
    with sender(desk) as client:
        assert push(client).status_code == 201
        (event,) = desk.tiles
        blob = tmp_path / "blobs" / event.image.path
        blob.write_bytes(blob.read_bytes()[:100])
        assert push(client).status_code == 201
    assert desk.blobs.get(event.image)
    assert [tile.id for tile in desk.tiles] == [event.id] * 2, "so that it is counted now"


def test_a_scene_is_known_to_another_replica_and_after_a_restart(
    desk: Desk, client: TestClient, tmp_path: Path
) -> None:
    push(client)
    other = desk_over(tmp_path, claims=desk.claims)
    other.blobs = desk.blobs
    with sender(other) as replica:
        again = push(replica)
    assert again.status_code == 200
    assert other.published == []


def test_dying_between_publishing_and_claiming_publishes_the_same_ids_again(desk: Desk, client: TestClient) -> None:
    push(client)
    desk.redis.values.clear()
    assert push(client).status_code == 201
    first, second = desk.tiles
    assert (first.id, first.image) == (second.id, second.image)


def test_other_pixels_under_the_same_id_are_a_correction(desk: Desk, client: TestClient) -> None:
    assert push(client).status_code == 201
    assert push(client, NoiseScene(seed=2).geotiff()).status_code == 201
    first, second = desk.tiles
    assert first.scene == second.scene
    assert first.id != second.id


def test_a_scene_without_id_gets_one_from_its_pixels(desk: Desk, client: TestClient) -> None:
    assert push(client, metadata={"observed_at": OBSERVED_AT}).json()["scene"] == desk.tiles[0].scene
    assert desk.tiles[0].scene.startswith("scene-")
    assert push(client, metadata={"observed_at": OBSERVED_AT}).status_code == 200


def test_an_operator_gives_a_baseline(desk: Desk, client: TestClient) -> None:
    assert push(client, metadata={**METADATA, "role": "baseline"}).json()["role"] == "baseline"
    assert desk.tiles[0].role is TileRole.BASELINE


def test_times_are_kept_in_utc(desk: Desk, client: TestClient) -> None:
    push(client, metadata={**METADATA, "observed_at": "2023-10-05T11:11:00+09:00"})
    assert desk.tiles[0].observed_at.isoformat() == "2023-10-05T02:11:00+00:00"


def test_a_trace_and_the_arrival_go_on_with_the_events(desk: Desk, client: TestClient) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for number, header in enumerate([trace, "made up"]):
        push(client, NoiseScene(seed=number).geotiff(), traceparent=header)
    first, second = desk.origins
    assert first is not None
    assert second is not None
    assert (first.traceparent, second.traceparent) == (trace, None)
    assert first.arrived_at < second.arrived_at <= datetime.now(UTC)


@pytest.mark.parametrize(("crs", "gsd"), [("EPSG:4326", 5e-6), ("EPSG:3857", 0.6)])
def test_other_projections_are_taken(desk: Desk, client: TestClient, crs: str, gsd: float) -> None:
    assert push(client, reproject(NoiseScene().geotiff(), crs, gsd)).status_code == 201
    assert read_tile(desk.blobs.get(desk.tiles[0].image))[1]["crs"] == crs


def test_metadata_may_come_as_a_file_part(desk: Desk, client: TestClient) -> None:
    metadata = ("metadata.json", json.dumps(METADATA), "application/json")
    assert (
        client.post("/v1/scenes", files={"file": ("a.tif", NoiseScene().geotiff()), "metadata": metadata}).status_code
        == 201
    )


def test_a_stac_item_may_be_the_metadata_of_a_pushed_file(desk: Desk, client: TestClient) -> None:
    item = stac_item(**{"view:sun_azimuth": 168.0, "view:sun_elevation": 41.0, "railwatch:role": "baseline"})
    assert push(client, metadata={**item, "id": "WV3 2023/10/05"}).status_code == 201
    (event,) = desk.tiles
    assert event.role is TileRole.BASELINE
    assert event.scene.startswith("WV3-2023-10-05-")
    assert event.sun is not None


# When something is away


def test_a_broker_that_is_away_defers_the_scene(desk: Desk, client: TestClient) -> None:
    desk.broker_is_away = True
    answer = push(client)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    desk.broker_is_away = False
    assert push(client).status_code == 201
    assert len(desk.tiles) == 1


def test_a_refusal_that_cannot_be_kept_is_deferred(desk: Desk, client: TestClient) -> None:
    desk.broker_is_away = True
    assert push(client, b"not a picture").status_code == 503
    desk.broker_is_away = False
    assert push(client, b"not a picture").status_code == 422
    assert len(desk.dead_letters) == 1


def test_redis_that_is_away_defers_the_scene(desk: Desk, client: TestClient) -> None:
    desk.redis.away = True
    assert push(client).status_code == 503
    assert desk.published == []
