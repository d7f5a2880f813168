"""Scenes that Railwatch finds in a STAC API."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import TransientError
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk
from tests.support.stac_api import StacApi


def test_items_over_a_site_are_taken_once(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items = [api.item("I1")]
    polled()
    polled()
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("I1", "stac")]
    site = desk.sites.sites["yard"]
    assert api.searches[0]["bbox"] == pytest.approx(list(site.polygon.bounds))
    assert api.searches[0]["collections"] == ["optical"]
    assert api.searches[0]["authorization"] == "Bearer secret"


def test_an_item_that_was_updated_is_taken_again(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items = [api.item("I1", updated="2023-10-05T03:00:00Z")]
    polled()
    api.items = [api.item("I1", updated="2023-10-06T03:00:00Z")]
    api.scene = NoiseScene(seed=2).geotiff()
    polled()
    first, second = desk.tiles
    assert first.scene == second.scene
    assert first.id != second.id


def test_a_bad_item_is_refused_once_and_stops_no_other(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items = [api.item("bad", datetime=None), {"type": "Feature"}, api.item("good")]
    polled()
    polled()
    assert [tile.scene for tile in desk.tiles] == ["good"]
    assert [letter.reason for letter in desk.dead_letters] == ["timestamp-missing", "stac-item-invalid"]


def test_a_polled_item_sets_no_baseline(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items = [api.item("I1", **{"railwatch:role": "baseline"}), api.item("I2")]
    polled()
    assert [(tile.scene, tile.role) for tile in desk.tiles] == [("I2", "observation")]
    assert [letter.reason for letter in desk.dead_letters] == ["role-not-allowed"]


def test_an_api_that_fails_is_asked_again_later(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items, api.fails = [api.item("I1")], True
    with pytest.raises(TransientError):
        polled()
    api.fails = False
    polled()
    assert len(desk.tiles) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_asset_that_is_not_there_yet_is_tried_again_and_told_once(
    desk: Desk, api: StacApi, polled: Callable[[], bool], status: int
) -> None:
    item = api.item("I1")
    api.items = [{**item, "assets": {"visual": {"href": f"{api.url}/status/{status}.tif"}}}]
    for _ in range(3):
        polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-not-found"]
    desk.redis.pass_time(timedelta(hours=25))
    polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-not-found"] * 2
    assert desk.dead_letters[0].id == desk.dead_letters[1].id
    api.items = [item]
    for _ in range(2):
        polled()
    assert [tile.scene for tile in desk.tiles] == ["I1"]


def test_an_asset_is_taken_when_its_address_is_allowed(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    api.items = [api.item("I1")]
    allowed, desk.limits = desk.limits, SceneSettings()
    polled()
    desk.limits = allowed
    polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-refused"]
    assert len(desk.tiles) == 1
