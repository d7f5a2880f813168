"""A STAC API that answers with anything at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from railwatch.shared.events import DeadLetter
from railwatch.shared.sites import load_sites
from tests.support.geotiff import write_site
from tests.support.ingest import Desk
from tests.support.stac_api import StacApi


def malformed(good: dict[str, Any]) -> list[Any]:
    return [
        None,
        "text",
        5,
        [],
        [[None]],
        {},
        {**good, "id": None},
        {**good, "id": 5},
        {**good, "id": "lone \ud800 surrogate"},
        {**good, "id": "a" * 10_000},
        {**good, "id": "p1", "properties": None},
        {**good, "id": "p2", "properties": "text"},
        {**good, "id": "p3", "properties": ["datetime"]},
        {**good, "id": "p4", "properties": {"datetime": ["2023"], "updated": {"a": "\ud800"}}},
        {**good, "id": "a1", "assets": None},
        {**good, "id": "a2", "assets": ["visual"]},
        {**good, "id": "a3", "assets": {"visual": None}},
        {**good, "id": "a4", "assets": {"visual": {"href": ["a.tif"]}}},
        {**good, "id": "a5", "assets": {"\ud800\n": {"href": "file:///\0\ud800.tif"}}},
        {**good, "id": "a6", "assets": {"visual": {"href": "http://[", "type": "image/tiff"}}},
        {**good, "id": "a7", "assets": {"visual": {"href": "a.tif"}}, "links": [{"rel": "self", "href": 5}]},
        {**good, "id": "l1", "links": None},
        {**good, "id": "l2", "links": [None]},
        {**good, "id": "c1", "collection": {"\ud800": []}, "properties": {}},
    ]


def test_no_item_stops_the_items_after_it(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    bad = malformed(api.item("bad"))
    # Each on a day of its own: the same pixels at one time would be one scene.
    days = [
        (datetime(2023, 7, 1, 2, 11, tzinfo=UTC) + timedelta(days=number)).isoformat() for number in range(len(bad))
    ]
    api.items = [
        each for number, one in enumerate(bad) for each in (one, api.item(f"good-{number}", datetime=days[number]))
    ]
    polled()
    polled()
    good = {tile.scene for tile in desk.tiles}
    assert good >= {f"good-{number}" for number in range(len(bad))}
    assert len(good) + len(desk.dead_letters) == len(api.items)
    for letter in desk.dead_letters:
        assert letter.reason in {"stac-item-invalid", "timestamp-missing", "asset-missing", "asset-refused"}
        assert letter.subject.isprintable()
        assert len(letter.subject) <= 200
        assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter


@pytest.mark.parametrize("depth", [500, 900, 980, 100_000])
@pytest.mark.parametrize("field", ["id", "geometry", "properties", "assets", "collection"])
def test_absurd_nesting_stops_nothing(
    desk: Desk, api: StacApi, polled: Callable[[], bool], depth: int, field: str
) -> None:
    page = api.page([{**api.item("deep"), field: "HERE"}, api.item("good", datetime="2023-10-06T02:11:00Z")])
    page = page.replace(b'"HERE"', b'[{"]": ' * depth + b"1" + b"}]" * depth)
    api.answers = [(page, 200)]
    polled()
    assert "good" in [tile.scene for tile in desk.tiles]


PAGES = [b"", b"null", b"[]", b"5", b"{", b'{"features": "text"}', b'{"features": {"a": 1}}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("page", PAGES)
def test_a_search_that_fails_starves_no_other_site(
    desk: Desk, api: StacApi, polled: Callable[[], bool], tmp_path: Path, page: bytes
) -> None:
    directory = tmp_path / "sites"
    desk.sites = load_sites(write_site(directory, yaml="id: another\nname: Another\ntracks: yard.geojson\n"))
    api.items = [api.item("I1")]
    api.answers = [(page, 500 if page == b"" else 200)]
    with capture_logs() as lines:
        polled()
    assert len(api.searches) == 2
    assert {tile.scene for tile in desk.tiles} == {"I1"}
    if page not in (b"null", b"[]"):
        assert [line["site"] for line in lines if line["event"] == "search failed"] == ["another"]


def test_what_a_search_finds_before_it_fails_is_taken(desk: Desk, api: StacApi, polled: Callable[[], bool]) -> None:
    following = {"rel": "next", "href": f"{api.url}/search", "method": "GET"}
    api.answers = [(api.page([api.item("I1")], [following]), 200), (b"", 500)]
    polled()
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    api.answers = [(api.page([api.item("I2", datetime="2023-10-06T02:11:00Z")], [None]), 200)]
    polled()
    assert [tile.scene for tile in desk.tiles] == ["I1", "I2"]


def test_a_page_is_only_so_long(
    desk: Desk, api: StacApi, polled: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("railwatch.services.ingest.sources.pages.MAX_PAGE_BYTES", 100_000)
    api.answers = [(api.page([api.item("I1"), "x" * 100_000]), 200)]
    with capture_logs() as lines:
        polled()
    assert [line["event"] for line in lines] == ["search failed"]
    api.items = [api.item("I1")]
    polled()
    assert len(desk.tiles) == 1


def test_pages_in_a_circle_end(
    desk: Desk, api: StacApi, polled: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("railwatch.services.ingest.sources.stac.MAX_PAGES", 3)
    following = {"rel": "next", "href": f"{api.url}/search", "method": "GET"}
    api.answers = [(api.page([api.item("I1")], [following]), 200)] * 10
    polled()
    assert len(api.searches) == 4
