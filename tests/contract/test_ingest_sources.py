"""Scenes that Railwatch finds by itself: in a directory, in a bucket, in a STAC API."""

import errno
import json
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.store import MemoryStore
from structlog.testing import capture_logs

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.settings import SceneSettings, StacSettings
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.pairs import pairs
from railwatch.services.ingest.sources.polling import Source, offer, run_sources
from railwatch.services.ingest.sources.stac import PolledCatalogue
from railwatch.shared.bus import RetryPolicy
from railwatch.shared.errors import DependencyAwayError, NotPublishedError, TransientError, UnprocessableError
from railwatch.shared.events import DeadLetter, Event
from railwatch.shared.health import Progress
from railwatch.shared.sites import load_sites
from tests.support.geotiff import NoiseScene, write_site
from tests.support.ingest import Desk, desk_over
from tests.support.stac_api import StacApi, running

METADATA = json.dumps({"observed_at": "2023-10-05T02:11:00Z", "scene": "S1"})
GOING_ON = threading.Event()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_over(tmp_path)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def lay(inbox: Path, name: str = "a", data: bytes | None = None, metadata: str = METADATA) -> None:
    (inbox / f"{name}.tif").write_bytes(NoiseScene().geotiff() if data is None else data)
    (inbox / f"{name}.json").write_text(metadata)


def poll_twice(watched: WatchedDirectory) -> None:
    watched.poll(GOING_ON)
    watched.poll(GOING_ON)


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_files_are_paired_by_name() -> None:
    names = ["b.json", "a.tif", "a.json", "a.tiff", "in/c.TIF", "in/c.json", ".d.tif", "e.tif.part", "f.png", "g.tif"]
    assert [(pair.geotiff, pair.metadata) for pair in pairs(names)] == [
        ("a.tif", "a.json"),
        ("a.tiff", None),
        (None, "b.json"),
        ("g.tif", None),
        ("in/c.TIF", "in/c.json"),
    ]


def test_a_mask_belongs_to_the_scene_that_it_is_named_for() -> None:
    masks = ["a_udm2.tif", "a-udm.tif", "a.cloud.TIF", "a_data_mask.tif", "a_cloud-mask-raster.tif"]
    others = ["a_udm2_cloud.tif", "b_udm2.tif", "c_mask.tif", "c_mask.json", "c.tif", "c.json"]
    found = {pair.subject: pair.masks for pair in pairs(["a.tif", "a.json", *masks, *others])}
    assert found.pop("a.tif") == tuple(sorted(masks))
    assert found == {"a_udm2_cloud.tif": (), "b_udm2.tif": (), "c_mask.tif": (), "c.tif": ()}


# A directory


def test_a_scene_in_the_directory_is_published_and_put_away(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("S1", "directory")]
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]


def test_a_file_that_still_grows_is_left_alone(desk: Desk, inbox: Path) -> None:
    watched = WatchedDirectory(inbox, desk.intake())
    data = NoiseScene().geotiff()
    for end in (1000, 2000, len(data)):
        lay(inbox, data=data[:end])
        watched.poll(GOING_ON)
    assert desk.published == []
    watched.poll(GOING_ON)
    assert len(desk.tiles) == 1


@pytest.mark.parametrize("linked", ["a.tif", "a.json"])
def test_a_link_out_of_the_directory_is_not_followed(desk: Desk, inbox: Path, tmp_path: Path, linked: str) -> None:
    lay(inbox)
    (inbox / linked).rename(tmp_path / linked)
    (inbox / linked).symlink_to(tmp_path / linked)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert desk.tiles == []
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    assert (tmp_path / linked).is_file()


def test_a_bad_scene_is_put_aside_with_its_reason(desk: Desk, inbox: Path) -> None:
    lay(inbox, "bad", data=b"not a picture")
    lay(inbox, "good")
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert len(desk.tiles) == 1
    (letter,) = desk.dead_letters
    assert (letter.reason, letter.subject) == ("format-unsupported", "bad.tif")
    problem = json.loads((inbox / "rejected" / "bad.tif.problem.json").read_text())
    assert problem == {"reason": "format-unsupported", "detail": letter.detail}
    assert files(inbox / "rejected") == ["bad.json", "bad.tif", "bad.tif.problem.json"]


def test_metadata_of_gigabytes_are_not_read(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    os.truncate(inbox / "a.json", 4 * 1024**3)
    tracemalloc.start()
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [letter.reason for letter in desk.dead_letters] == ["metadata-invalid"]
    assert peak_bytes < 20 * 1024**2


@pytest.mark.parametrize(("missing", "reason"), [("a.json", "metadata-missing"), ("a.tif", "file-missing")])
def test_a_file_without_its_partner_waits_and_is_refused_in_the_end(
    desk: Desk, inbox: Path, missing: str, reason: str
) -> None:
    lay(inbox)
    (inbox / missing).unlink()
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert desk.published == []
    poll_twice(WatchedDirectory(inbox, desk.intake(), partner_within_s=0))
    assert [letter.reason for letter in desk.dead_letters] == [reason]
    assert [name for name in files(inbox) if not name.startswith("rejected/")] == []


def test_scenes_wait_for_the_broker_in_order(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    publish = desk.publish

    def trying(*events: Event) -> None:
        tried.extend(getattr(event, "scene", "bad") for event in events)
        publish(*events)

    monkeypatch.setattr(desk, "publish", trying)
    watched = WatchedDirectory(inbox, desk.intake())
    lay(inbox)
    lay(inbox, "bad", data=b"not a picture")
    lay(inbox, "c", data=NoiseScene(seed=2).geotiff(), metadata=METADATA.replace("S1", "S2"))
    desk.broker_is_away = True
    watched.poll(GOING_ON)
    for _ in range(2):
        with pytest.raises(NotPublishedError):
            watched.poll(GOING_ON)
    assert len([name for name in files(inbox) if "/" not in name]) == 6
    assert tried == ["S1", "S1"], "the others would fare the same"
    desk.broker_is_away = False
    watched.poll(GOING_ON)
    assert tried[2:] == ["S1", "bad", "S2"]


def test_a_dependency_that_is_away_is_waited_for_and_no_fault_of_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop, polls = threading.Event(), []

    def poll(_: threading.Event) -> None:
        polls.append(1)
        if len(polls) > 3:
            stop.set()
        raise DependencyAwayError("Redis does not answer.")

    monkeypatch.setattr(RetryPolicy, "wait_s", lambda *_: 0.001)
    faults = metrics.SOURCE_FAILURES.labels(source="stac")
    before = faults._value.get()
    Source("stac", poll, every_s=3600).run(stop)
    assert len(polls) == 4, "it does not wait for an hour"
    assert faults._value.get() == before


def test_a_crash_before_putting_away_publishes_nothing_twice(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    for name in ("a.tif", "a.json"):
        (inbox / "processed" / name).rename(inbox / name)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert len(desk.tiles) == 1
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]


@pytest.mark.parametrize("moved_before_the_crash", [[], ["a.tif"]])
@pytest.mark.parametrize("marker", [".processed/a.json", "a.json.processed"])
def test_a_crash_while_putting_away_is_made_up_for(
    desk: Desk, inbox: Path, moved_before_the_crash: list[str], marker: str
) -> None:
    lay(inbox)
    for name in ("processed", ".processed"):
        (inbox / name).mkdir()
    (inbox / "a.json").rename(inbox / marker)
    for name in moved_before_the_crash:
        (inbox / name).rename(inbox / "processed" / name)
    poll_twice(WatchedDirectory(inbox, desk.intake(), partner_within_s=0))
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]
    assert desk.published == []


def test_a_fault_of_our_own_puts_the_scene_aside(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("railwatch.services.ingest.scenes.intake.cutouts", broken)
    lay(inbox)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert [letter.reason for letter in desk.dead_letters] == ["internal-error"]
    assert "ZeroDivision" not in desk.dead_letters[0].detail


@pytest.mark.parametrize("length", [200, 246, 250, 255])
@pytest.mark.parametrize("letter", ["a", "å"])
def test_a_long_name_is_taken_or_refused_and_blocks_nothing(desk: Desk, inbox: Path, length: int, letter: str) -> None:
    stem = letter * ((length - 5) // len(letter.encode()))
    for suffix, data in ((".tif", NoiseScene().geotiff()), (".json", METADATA.encode())):
        (inbox / f"{stem}{suffix}").write_bytes(data)
    (inbox / f"{stem[:-1]}b.tif").write_bytes(b"not a picture")
    (inbox / f"{stem[:-1]}b.json").write_text(METADATA)
    lay(inbox, "z", metadata=json.dumps({"observed_at": "2023-10-06T02:11:00Z", "scene": "S2"}))
    watched = WatchedDirectory(inbox, desk.intake())
    for _ in range(4):
        watched.poll(GOING_ON)
    assert {tile.scene for tile in desk.tiles} == {"S1", "S2"}
    assert [letter.reason for letter in desk.dead_letters] == ["format-unsupported"]
    assert [name for name in files(inbox) if "/" not in name] == []
    (problem,) = [name for name in files(inbox / "rejected") if name.endswith(".problem.json")]
    assert problem.startswith(stem[:40])


def test_a_name_that_is_not_utf_8_is_taken_or_refused_in_clean_words(desk: Desk, inbox: Path) -> None:
    for stem, data in ((b"a\xff", NoiseScene().geotiff()), (b"b\xff\n", b"not a picture")):
        (inbox / os.fsdecode(stem + b".tif")).write_bytes(data)
        (inbox / os.fsdecode(stem + b".json")).write_text(METADATA)
    poll_twice(WatchedDirectory(inbox, desk.intake()))
    assert [tile.scene for tile in desk.tiles] == ["S1"]
    (letter,) = desk.dead_letters
    assert letter.reason == "format-unsupported"
    assert DeadLetter.model_validate_json(letter.model_dump_json()).subject == "b\\udcff .tif"
    assert [name for name in files(inbox) if "/" not in name] == []


def test_a_file_that_the_system_refuses_is_told_once(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(inbox, "a")
    lay(inbox, "b")
    opened = Path.open

    def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a.tif":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **options)

    def immovable(path: Path, target: Path) -> Path:
        if path.name.startswith("a."):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        path.rename(target)
        return target

    monkeypatch.setattr(Path, "open", refusing)
    monkeypatch.setattr(Path, "replace", immovable)
    watched = WatchedDirectory(inbox, desk.intake())
    with capture_logs() as lines:
        for _ in range(5):
            watched.poll(GOING_ON)
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    assert len(desk.tiles) == 1
    assert len([line for line in lines if line["log_level"] == "warning" and "a." in line["subject"]]) <= 3
    monkeypatch.undo()
    watched.poll(GOING_ON)
    assert files(inbox) == [
        "processed/b.json",
        "processed/b.tif",
        "rejected/a.json",
        "rejected/a.tif",
        "rejected/a.tif.problem.json",
    ]


def test_a_scene_that_cannot_be_put_away_is_taken_once(
    desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(inbox)
    taken: list[Path] = []
    take = Intake.take

    def counted(intake: Intake, path: Path, *arguments: Any) -> Any:
        taken.append(path)
        return take(intake, path, *arguments)

    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Intake, "take", counted)
    watched = WatchedDirectory(inbox, desk.intake())
    with monkeypatch.context() as away:
        away.setattr(Path, "rename", full)
        for _ in range(5):
            watched.poll(GOING_ON)
    assert len(taken) == 1
    watched.poll(GOING_ON)
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]


# A bucket


def test_scenes_in_a_bucket_are_taken_once(desk: Desk) -> None:
    store = MemoryStore()
    obstore.put(store, "2023/a.tif", NoiseScene().geotiff())
    obstore.put(store, "2023/a.json", METADATA.encode())
    obstore.put(store, "bad.tif", b"not a picture")
    obstore.put(store, "bad.json", METADATA.encode())
    for _ in range(2):
        WatchedBucket("s3://scenes", store, desk.intake()).poll(GOING_ON)
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("S1", "bucket")]
    assert [(letter.reason, letter.subject) for letter in desk.dead_letters] == [("format-unsupported", "bad.tif")]


def test_an_object_that_is_written_anew_is_looked_at_anew(desk: Desk) -> None:
    store = MemoryStore()
    watched = WatchedBucket("s3://scenes", store, desk.intake())
    obstore.put(store, "a.json", METADATA.encode())
    obstore.put(store, "a.tif", b"not a picture")
    watched.poll(GOING_ON)
    obstore.put(store, "a.tif", NoiseScene().geotiff())
    watched.poll(GOING_ON)
    assert (len(desk.dead_letters), len(desk.tiles)) == (1, 1)


def test_an_object_waits_for_its_partner_and_for_the_broker(desk: Desk) -> None:
    store = MemoryStore()
    obstore.put(store, "a.tif", NoiseScene().geotiff())
    WatchedBucket("s3://scenes", store, desk.intake()).poll(GOING_ON)
    assert desk.published == []
    desk.broker_is_away = True
    with pytest.raises(NotPublishedError):
        WatchedBucket("s3://scenes", store, desk.intake(), partner_within_s=0).poll(GOING_ON)
    desk.broker_is_away = False
    WatchedBucket("s3://scenes", store, desk.intake(), partner_within_s=0).poll(GOING_ON)
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
            WatchedBucket("s3://scenes", store, desk.intake()).poll(GOING_ON)
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    WatchedBucket("s3://scenes", store, desk.intake()).poll(GOING_ON)
    assert len(desk.tiles) == 1


# A STAC API


@pytest.fixture
def stac() -> Iterator[StacApi]:
    with running(StacApi()) as api:
        yield api


@pytest.fixture
def polled(desk: Desk, stac: StacApi) -> Callable[[], None]:
    desk.limits = SceneSettings(asset_roots=(stac.url,))
    settings = StacSettings.model_validate({"url": stac.url, "collections": ["optical"], "token": "secret"})
    return lambda: PolledCatalogue(settings, desk.intake()).poll(GOING_ON)


def test_items_over_a_site_are_taken_once(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items = [stac.item("I1")]
    polled()
    polled()
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("I1", "stac")]
    site = desk.sites.sites["yard"]
    assert stac.searches[0]["bbox"] == pytest.approx(list(site.polygon.bounds))
    assert stac.searches[0]["collections"] == ["optical"]
    assert stac.searches[0]["authorization"] == "Bearer secret"


def test_an_item_that_was_updated_is_taken_again(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items = [stac.item("I1", updated="2023-10-05T03:00:00Z")]
    polled()
    stac.items = [stac.item("I1", updated="2023-10-06T03:00:00Z")]
    stac.scene = NoiseScene(seed=2).geotiff()
    polled()
    first, second = desk.tiles
    assert first.scene == second.scene
    assert first.id != second.id


def test_a_bad_item_is_refused_once_and_stops_no_other(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items = [stac.item("bad", datetime=None), {"type": "Feature"}, stac.item("good")]
    polled()
    polled()
    assert [tile.scene for tile in desk.tiles] == ["good"]
    assert [letter.reason for letter in desk.dead_letters] == ["timestamp-missing", "stac-item-invalid"]


def test_a_polled_item_sets_no_baseline(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items = [stac.item("I1", **{"railwatch:role": "baseline"}), stac.item("I2")]
    polled()
    assert [(tile.scene, tile.role) for tile in desk.tiles] == [("I2", "observation")]
    assert [letter.reason for letter in desk.dead_letters] == ["role-not-allowed"]


def test_an_api_that_fails_is_asked_again_later(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items, stac.fails = [stac.item("I1")], True
    with pytest.raises(TransientError):
        polled()
    stac.fails = False
    polled()
    assert len(desk.tiles) == 1


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


def test_no_item_stops_the_items_after_it(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    bad = malformed(stac.item("bad"))
    # Each on a day of its own: the same pixels at one time would be one scene.
    days = [
        (datetime(2023, 7, 1, 2, 11, tzinfo=UTC) + timedelta(days=number)).isoformat() for number in range(len(bad))
    ]
    stac.items = [
        each for number, one in enumerate(bad) for each in (one, stac.item(f"good-{number}", datetime=days[number]))
    ]
    polled()
    polled()
    good = {tile.scene for tile in desk.tiles}
    assert good >= {f"good-{number}" for number in range(len(bad))}
    assert len(good) + len(desk.dead_letters) == len(stac.items)
    for letter in desk.dead_letters:
        assert letter.reason in {"stac-item-invalid", "timestamp-missing", "asset-missing", "asset-refused"}
        assert letter.subject.isprintable()
        assert len(letter.subject) <= 200
        assert DeadLetter.model_validate_json(letter.model_dump_json()) == letter


@pytest.mark.parametrize("depth", [500, 900, 980, 100_000])
@pytest.mark.parametrize("field", ["id", "geometry", "properties", "assets", "collection"])
def test_absurd_nesting_stops_nothing(
    desk: Desk, stac: StacApi, polled: Callable[[], None], depth: int, field: str
) -> None:
    page = stac.page([{**stac.item("deep"), field: "HERE"}, stac.item("good", datetime="2023-10-06T02:11:00Z")])
    page = page.replace(b'"HERE"', b'[{"]": ' * depth + b"1" + b"}]" * depth)
    stac.answers = [(page, 200)]
    polled()
    assert "good" in [tile.scene for tile in desk.tiles]


PAGES = [b"", b"null", b"[]", b"5", b"{", b'{"features": "text"}', b'{"features": {"a": 1}}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("page", PAGES)
def test_a_search_that_fails_starves_no_other_site(
    desk: Desk, stac: StacApi, polled: Callable[[], None], tmp_path: Path, page: bytes
) -> None:
    directory = tmp_path / "sites"
    desk.sites = load_sites(write_site(directory, yaml="id: another\nname: Another\ntracks: yard.geojson\n"))
    stac.items = [stac.item("I1")]
    stac.answers = [(page, 500 if page == b"" else 200)]
    with capture_logs() as lines:
        polled()
    assert len(stac.searches) == 2
    assert {tile.scene for tile in desk.tiles} == {"I1"}
    if page not in (b"null", b"[]"):
        assert [line["site"] for line in lines if line["event"] == "search failed"] == ["another"]


def test_what_a_search_finds_before_it_fails_is_taken(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    following = {"rel": "next", "href": f"{stac.url}/search", "method": "GET"}
    stac.answers = [(stac.page([stac.item("I1")], [following]), 200), (b"", 500)]
    polled()
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    stac.answers = [(stac.page([stac.item("I2", datetime="2023-10-06T02:11:00Z")], [None]), 200)]
    polled()
    assert [tile.scene for tile in desk.tiles] == ["I1", "I2"]


def test_a_page_is_only_so_long(
    desk: Desk, stac: StacApi, polled: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("railwatch.services.ingest.sources.pages.MAX_PAGE_BYTES", 100_000)
    stac.answers = [(stac.page([stac.item("I1"), "x" * 100_000]), 200)]
    with capture_logs() as lines:
        polled()
    assert [line["event"] for line in lines] == ["search failed"]
    stac.items = [stac.item("I1")]
    polled()
    assert len(desk.tiles) == 1


def test_pages_in_a_circle_end(
    desk: Desk, stac: StacApi, polled: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("railwatch.services.ingest.sources.stac.MAX_PAGES", 3)
    following = {"rel": "next", "href": f"{stac.url}/search", "method": "GET"}
    stac.answers = [(stac.page([stac.item("I1")], [following]), 200)] * 10
    polled()
    assert len(stac.searches) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_asset_that_is_not_there_yet_is_tried_again_and_told_once(
    desk: Desk, stac: StacApi, polled: Callable[[], None], status: int
) -> None:
    item = stac.item("I1")
    stac.items = [{**item, "assets": {"visual": {"href": f"{stac.url}/status/{status}.tif"}}}]
    for _ in range(3):
        polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-not-found"]
    desk.redis.pass_time(timedelta(hours=25))
    polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-not-found"] * 2
    assert desk.dead_letters[0].id == desk.dead_letters[1].id
    stac.items = [item]
    for _ in range(2):
        polled()
    assert [tile.scene for tile in desk.tiles] == ["I1"]


def test_an_asset_is_taken_when_its_address_is_allowed(desk: Desk, stac: StacApi, polled: Callable[[], None]) -> None:
    stac.items = [stac.item("I1")]
    allowed, desk.limits = desk.limits, SceneSettings()
    polled()
    desk.limits = allowed
    polled()
    assert [letter.reason for letter in desk.dead_letters] == ["asset-refused"]
    assert len(desk.tiles) == 1


# Running them


def test_sources_are_looked_through_until_told_to_stop() -> None:
    stop, progress = threading.Event(), Progress()
    looks: list[str] = []

    def flaky(_: threading.Event) -> None:
        looks.append("flaky")
        raise TransientError("away") if looks.count("flaky") % 2 else ZeroDivisionError

    def steady(_: threading.Event) -> None:
        looks.append("steady")
        if looks.count("steady") > 3 and looks.count("flaky") > 3:
            stop.set()

    run_sources([Source("flaky", flaky, 0.001), Source("steady", steady, 0.001)], progress, stop)
    assert looks.count("flaky") > 3


def test_a_refusal_that_cannot_be_told_is_offered_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Intake, "refuse", broken)

    def refused() -> Receipt:
        raise UnprocessableError("file-missing", "There is none.")

    assert offer(desk.intake(), "a", "its id", "directory", refused) is None
