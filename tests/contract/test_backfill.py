"""A site's past: each of its scenes once, in order of time, marked archival, and on from where a run stopped."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.services.ingest.backfill import ATTEMPTS, Backfill, Brought
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.settings import SceneSettings
from railwatch.services.ingest.sources.archive import Archived, archived
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.forms import BucketSource, DirectorySource, SourceForm, StacSource
from railwatch.services.ingest.sources.pairs import Pair
from railwatch.shared.errors import TransientError
from railwatch.shared.events import TileRole
from tests.support.geotiff import ORIGIN, NoiseScene, write_site
from tests.support.ingest import Desk, desk_over
from tests.support.stac_api import StacApi, running

SINCE, UNTIL = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Three looks of 2023, one of 2024 and one of another place, not in order of time by their names."""
    directory = tmp_path / "past"
    directory.mkdir()
    for name, day, scene in (
        ("a", "2023-06-02", NoiseScene(seed=2)),
        ("b", "2023-06-01", NoiseScene(seed=1)),
        ("c", "2023-06-03", NoiseScene(seed=3)),
        ("d", "2024-06-03", NoiseScene(seed=4)),
        ("e", "2023-07-01", NoiseScene(seed=5, origin=(ORIGIN[0] + 90_000, ORIGIN[1]))),
    ):
        lay(directory, name, day, scene)
    return directory


def lay(directory: Path, name: str, day: str, scene: NoiseScene) -> None:
    (directory / f"{name}.tif").write_bytes(scene.geotiff())
    (directory / f"{name}.json").write_text(json.dumps({"observed_at": f"{day}T02:11:00Z", "scene": name}))


def in_directory(path: Path) -> DirectorySource:
    return DirectorySource(name="directory", kind="directory", path=path)


def backfill(
    desk: Desk, source: SourceForm, every_s: float = 0.0, slept: list[float] | None = None
) -> Iterator[Brought]:
    sleep = (lambda _: None) if slept is None else slept.append
    intake, site = replace(desk.intake(), archival=True), desk.sites.sites["yard"]
    work = Backfill(intake, site, every_s, lambda: None, lambda _: None, sleep)
    return work.bring(archived(source, intake, site, SINCE, UNTIL))


def bring(desk: Desk, source: SourceForm, every_s: float = 0.0, slept: list[float] | None = None) -> list[Brought]:
    return list(backfill(desk, source, every_s, slept))


def test_the_past_is_published_in_order_of_time_and_as_archival(desk: Desk, past: Path) -> None:
    brought = bring(desk, in_directory(past))
    assert [(tile.scene, tile.archival) for tile in desk.tiles] == [("b", True), ("a", True), ("c", True)]
    assert [(one.scene, one.outcome) for one in brought] == [
        ("b", "published"),
        ("a", "published"),
        ("c", "published"),
        (None, "elsewhere"),
    ]
    assert desk.dead_letters == [], "an archive of many sites holds other places"
    assert len(list(past.iterdir())) == 10, "nothing is moved"


def test_a_baseline_of_the_past_is_published_and_no_count_of_it_is_waited_for(desk: Desk, past: Path) -> None:
    (past / "b.json").write_text(json.dumps({"observed_at": "2023-06-01T02:11:00Z", "scene": "b", "role": "baseline"}))
    brought = bring(desk, in_directory(past))
    assert desk.tiles[0].role is TileRole.BASELINE
    assert [(one.scene, one.outcome) for one in brought][:2] == [
        (None, "published"),
        ("a", "published"),
    ]


def test_asked_again_it_reads_nothing_twice(desk: Desk, past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bring(desk, in_directory(past))
    monkeypatch.setattr(Archived, "taken_by", None)
    again = bring(desk, in_directory(past))
    assert [(one.scene, one.tiles, one.before) for one in again] == [(one.scene, one.tiles, True) for one in first]
    assert len(desk.tiles) == 3


def test_after_an_interruption_it_goes_on_where_it_stopped(desk: Desk, past: Path) -> None:
    next(backfill(desk, in_directory(past)))
    assert [tile.scene for tile in desk.tiles] == ["b"]
    bring(desk, in_directory(past))
    assert [tile.scene for tile in desk.tiles] == ["b", "a", "c"]


def test_what_came_in_live_before_is_not_published_again(desk: Desk, past: Path) -> None:
    found = archived(in_directory(past), desk.intake(), desk.sites.sites["yard"], SINCE, UNTIL)
    next(one for one in found if one.subject == "a.tif").take()
    brought = bring(desk, in_directory(past))
    assert [tile.scene for tile in desk.tiles] == ["a", "b", "c"]
    assert [one.outcome for one in brought] == ["published", "known", "published", "elsewhere"]


def test_a_scene_that_cannot_be_taken_is_told_and_stops_no_other(desk: Desk, past: Path) -> None:
    (past / "a.tif").write_bytes(b"no picture")
    (past / "b.json").write_text("{}")
    brought = bring(desk, in_directory(past))
    assert [tile.scene for tile in desk.tiles] == ["c"]
    assert sorted(letter.subject for letter in desk.dead_letters) == ["a.tif", "b.tif"]
    assert len([one for one in brought if one.outcome not in ("published", "elsewhere")]) == 2


def test_a_fault_of_railwatch_refuses_a_scene_and_stops_no_other(
    desk: Desk, past: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = WatchedDirectory.take

    def fails_on_b(watched: WatchedDirectory, pair: Pair) -> Receipt:
        return take(watched, pair) if pair.subject != "b.tif" else fault()

    def fault() -> Receipt:
        raise ZeroDivisionError

    monkeypatch.setattr(WatchedDirectory, "take", fails_on_b)
    bring(desk, in_directory(past))
    assert [tile.scene for tile in desk.tiles] == ["a", "c"]
    assert [(letter.subject, letter.reason) for letter in desk.dead_letters] == [("b.tif", "internal-error")]


def test_scenes_come_no_faster_than_the_limit(desk: Desk, past: Path) -> None:
    slept: list[float] = []
    bring(desk, in_directory(past), every_s=3_600.0, slept=slept)
    assert [second > 3_000 for second in slept] == [False, True, True, True]


def test_what_is_away_is_waited_for_and_then_the_command_ends_and_can_be_asked_again(desk: Desk, past: Path) -> None:
    slept: list[float] = []
    desk.broker_is_away = True
    with pytest.raises(TransientError, match="goes on where it stopped"):
        bring(desk, in_directory(past), slept=slept)
    assert len([second for second in slept if second > 0]) == ATTEMPTS - 1
    desk.broker_is_away = False
    bring(desk, in_directory(past))
    assert [tile.scene for tile in desk.tiles] == ["b", "a", "c"]


def test_a_bucket_is_read_as_a_directory_is(desk: Desk, past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    for path in past.iterdir():
        obstore.put(store, path.name, path.read_bytes())
    monkeypatch.setattr(Credentials, "bucket", lambda *_: store)
    bring(desk, BucketSource(name="bucket", kind="bucket", url="s3://past"))
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("b", "bucket"), ("a", "bucket"), ("c", "bucket")]


def test_a_stac_api_is_searched_over_the_site_in_the_span_of_time(tmp_path: Path) -> None:
    with running(StacApi()) as api:
        desk = desk_over(tmp_path, SceneSettings(asset_roots=(api.url,)))
        site = desk.sites.sites["yard"]
        late, early = (item(api, f"item-{day}", day) for day in (5, 2))
        api.items = [late, early, {**early, "id": "broken", "properties": {}}]
        bring(desk, in_stac(api.url))
        (search,) = api.searches
    assert search["bbox"] == pytest.approx(site.polygon.bounds)
    assert search["datetime"] == "2023-01-01T00:00:00Z/2024-01-01T00:00:00Z"
    assert [(tile.scene, tile.source, tile.archival) for tile in desk.tiles] == [
        ("item-2", "stac", True),
        ("item-5", "stac", True),
    ]
    assert [letter.subject for letter in desk.dead_letters] == ["broken"]


def in_stac(url: str) -> StacSource:
    return StacSource(name="stac", kind="stac", url=url)


def item(api: StacApi, name: str, day: int) -> dict[str, Any]:
    return api.item(name, datetime=datetime(2023, 10, day, 2, 11, tzinfo=UTC).isoformat())


def test_a_stac_api_that_fails_ends_the_command(desk: Desk) -> None:
    with running(StacApi()) as api:
        api.fails = True
        with pytest.raises(TransientError, match="The STAC API failed"):
            bring(desk, in_stac(api.url))


@pytest.mark.parametrize(
    ("source", "right"), [("stac", "https://host/path of a STAC API"), ("bucket", "s3://bucket/prefix")]
)
def test_what_is_no_address_of_a_source_is_told_what_is_right(
    source: str, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(tmp_path)
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "BLOBS_URL": tmp_path.as_uri(),
        "SITES_DIR": str(tmp_path),
        "INGEST_TOKENS": "a token of somebody",
    }.items():
        monkeypatch.setenv(f"RAILWATCH_{name}", value)
    done = CliRunner().invoke(app, ["backfill", "yard", "--source", source, "--from", "2023-01-01", "--at", "notaurl"])
    assert str(done.exception) == f"--at notaurl is wrong for the source {source}: it should be {right}."
