"""Scenes that Railwatch finds in a watched bucket."""

import obstore
import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.store import MemoryStore

from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.shared.errors import NotPublishedError
from tests.support.geotiff import NoiseScene
from tests.support.inbox import GOING_ON, METADATA
from tests.support.ingest import Desk


def test_scenes_in_a_bucket_are_taken_once(desk: Desk) -> None:
    store = MemoryStore()
    obstore.put(store, "2023/a.tif", NoiseScene().geotiff())
    obstore.put(store, "2023/a.json", METADATA.encode())
    obstore.put(store, "bad.tif", b"not a picture")
    obstore.put(store, "bad.json", METADATA.encode())
    for _ in range(2):
        WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake()).poll(GOING_ON)
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("S1", "bucket")]
    assert [(letter.reason, letter.subject) for letter in desk.dead_letters] == [("format-unsupported", "bad.tif")]


def test_an_object_that_is_written_anew_is_looked_at_anew(desk: Desk) -> None:
    store = MemoryStore()
    watched = WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake())
    obstore.put(store, "a.json", METADATA.encode())
    obstore.put(store, "a.tif", b"not a picture")
    watched.poll(GOING_ON)
    obstore.put(store, "a.tif", NoiseScene().geotiff())
    watched.poll(GOING_ON)
    assert (len(desk.dead_letters), len(desk.tiles)) == (1, 1)


def test_an_object_waits_for_its_partner_and_for_the_broker(desk: Desk) -> None:
    store = MemoryStore()
    obstore.put(store, "a.tif", NoiseScene().geotiff())
    WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake()).poll(GOING_ON)
    assert desk.published == []
    desk.broker_is_away = True
    with pytest.raises(NotPublishedError):
        WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake(), partner_within_s=0).poll(GOING_ON)
    desk.broker_is_away = False
    WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake(), partner_within_s=0).poll(GOING_ON)
    assert [letter.reason for letter in desk.dead_letters] == ["metadata-missing"]


def test_an_object_that_may_not_be_read_is_told_once_and_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    obstore.put(store, "a.tif", NoiseScene().geotiff())
    obstore.put(store, "a.json", METADATA.encode())

    def forbidden(*_: object) -> None:
        raise PermissionDeniedError("403")

    with monkeypatch.context() as locked:
        locked.setattr(obstore, "get", forbidden)
        for _ in range(3):
            WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake()).poll(GOING_ON)
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake()).poll(GOING_ON)
    assert len(desk.tiles) == 1
