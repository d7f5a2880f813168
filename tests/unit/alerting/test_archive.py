"""The archive of counts in the object store."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore, ObjectStore

from railwatch.services.alerting.archive.store import Archive, count_path
from railwatch.services.alerting.filling import fill
from railwatch.shared.errors import DependencyAwayError, UnprocessableError
from railwatch.shared.events import CountEvent
from tests.support.alerting import RECORDED, count_event, on_day, small_site

TILES = ("r0c0", "r0c1")
WIDE = small_site("wide", tile_size_m=1100)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    makers: dict[str, Callable[[], ObjectStore]] = {"local": lambda: LocalStore(tmp_path), "memory": MemoryStore}
    return makers[request.param]()


def count(day: float, tile: str = "r0c0", later_h: float = 0, at_day: float | None = None) -> CountEvent:
    """A count of a scene of a day, recorded so many hours later, taken on that day unless another one is given."""
    return count_event(
        day if at_day is None else at_day,
        day % 7,
        site="wide",
        tile=tile,
        tiles=TILES,
        scene=f"scene-{day:g}",
        recorded_at=RECORDED + timedelta(hours=later_h),
    )


def test_a_count_is_found_by_its_scene_as_it_was_published(store: ObjectStore) -> None:
    archive, west, east = Archive(store), count(3), count(3, "r0c1")
    for event in (west, east, count(4)):
        archive.put(event)
    found = archive.scene("wide", "scene-3")
    assert found is not None
    assert (found.counts, found.observed_at) == ({"r0c0": west, "r0c1": east}, on_day(3))
    assert (archive.scene("wide", "scene-5"), archive.scene("tumangang", "scene-3")) == (None, None)


@pytest.mark.parametrize("name", ["", ".", "..", "../times", "a\0b", "scene-3/r0c0", "x" * 400])
def test_a_name_that_cannot_be_that_of_a_scene_leads_nowhere(store: ObjectStore, name: str) -> None:
    archive = Archive(store)
    archive.put(count(3))
    assert archive.scene("wide", name) is None


def test_scenes_come_in_order_of_time_across_months_and_years(store: ObjectStore) -> None:
    archive, days = Archive(store), list(range(0, 700, 9))
    for day in reversed(days):
        archive.put(count(day))
    assert [scene.observed_at for scene in archive.scenes("wide")] == [on_day(day) for day in days]
    newest_first = [scene.observed_at for scene in archive.scenes("wide", newest_first=True)]
    assert newest_first == [on_day(day) for day in reversed(days)]
    assert list(archive.scenes("najin")) == []


counts = st.builds(
    count,
    st.integers(0, 90),
    st.sampled_from(TILES),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 90)),
)


@given(st.lists(counts, max_size=20), st.randoms(use_true_random=False), st.integers(0, 90), st.integers(0, 90))
def test_in_whatever_order_and_however_often_counts_come_the_last_recorded_ones_are_valid(
    events: list[CountEvent], chance: Random, first: int, last: int
) -> None:
    archive = Archive(MemoryStore())
    for event in chance.sample([*events, *events], 2 * len(events)):
        archive.put(event)
    valid: dict[str, dict[str, CountEvent]] = {}
    for event in sorted(events, key=lambda event: (event.recorded_at, event.id)):
        valid.setdefault(event.scene, {})[event.tile] = event
    newest = {s: max(tiles.values(), key=lambda e: (e.recorded_at, e.id)).observed_at for s, tiles in valid.items()}
    expected = sorted((at, s) for s, at in newest.items() if on_day(first) <= at < on_day(last))
    found = list(archive.scenes("wide", on_day(first), on_day(last)))
    assert [(scene.observed_at, scene.scene) for scene in found] == expected
    assert {scene.scene: scene.counts for scene in found} == {s: valid[s] for _, s in expected}


def test_a_damaged_object_is_named_and_not_taken_for_a_scene_without_counts(store: ObjectStore) -> None:
    archive, event = Archive(store), count(3)
    archive.put(event)
    obstore.put(store, count_path(event), b"no count")
    with pytest.raises(UnprocessableError, match=r"counts/wide/scenes/scene-3/.* is not a count"):
        archive.scene("wide", "scene-3")


def test_a_store_that_is_away_is_reported_as_away(tmp_path: Path) -> None:
    archive = Archive(LocalStore(tmp_path))
    (tmp_path / "counts").write_text("a file where the directory should be")
    with pytest.raises(DependencyAwayError):
        archive.put(count(3))


def test_what_is_missing_is_filled_in_once_and_what_cannot_be_true_is_left_out(store: ObjectStore) -> None:
    archive = Archive(store)
    held, missing = [count(day) for day in range(3)], [count(day) for day in range(3, 9)]
    for event in held:
        archive.put(event)
    poison = count_event(5, 1e6, site="wide", tiles=TILES), count_event(5, 3, site="nowhere")
    given_ = [*held, *missing, *missing, *poison]
    assert fill(archive, given_, {"wide": WIDE}, RECORDED) == len(missing)
    assert fill(archive, given_, {"wide": WIDE}, RECORDED) == 0
    found = [event for scene in archive.scenes("wide") for event in scene.counts.values()]
    assert found == [*held, *missing]


def test_an_entry_that_a_stopped_process_did_not_write_is_filled_in(store: ObjectStore) -> None:
    archive, event = Archive(store), count(3)
    archive.put(event)
    (entry,) = (path for path in archive.paths("wide") if "/times/" in path)
    obstore.delete(store, entry)
    assert list(archive.scenes("wide")) == []
    assert fill(Archive(store), [event], {"wide": WIDE}, RECORDED) == 1
    assert [scene.scene for scene in archive.scenes("wide")] == ["scene-3"]
