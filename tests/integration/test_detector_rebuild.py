"""A rebuild gives every look the baseline that it had, whatever the topics say, and keeps no count in memory."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from railwatch.services.detector import rebuild
from railwatch.services.detector.baselines import Baselines, baseline_of
from railwatch.services.detector.settings import Settings
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import BaselineChange, BaselineEvent, CountEvent, Event, TileEvent
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.state import connect
from tests.support.bus import count_of, tile

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def settings(redis_settings: RedisSettings, tmp_path: Path) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers="nowhere:1"),
        redis=redis_settings,
        blobs=BlobSettings(url="memory://"),
        sites=SiteSettings(dir=tmp_path),
    )


@pytest.fixture
def client(settings: Settings) -> redis.Redis:
    return connect(settings.redis)


def rebuilt_from(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    counts: Iterable[CountEvent],
    changes: Sequence[BaselineEvent] = (),
    told: list[int] | None = None,
) -> list[rebuild.RebuiltBaselines]:
    """A rebuild from topics of one partition each."""
    topics: dict[type[Event], Iterable[Event]] = {CountEvent: counts, BaselineEvent: changes}

    def read_topic(_: KafkaSettings, consumes: type[Event]) -> Iterator[Iterator[Event]]:
        yield iter(topics[consumes])

    monkeypatch.setattr(rebuild, "read_topic", read_topic)
    return list(rebuild.rebuild_baselines(settings, (told if told is not None else []).append))


def against(look: TileEvent, baseline: BaselineRef | None) -> CountEvent:
    return count_of(look).model_copy(update={"baseline": baseline})


def set_to(ref: BaselineRef, minute: int) -> BaselineEvent:
    return BaselineEvent(
        recorded_at=NOW + timedelta(minutes=minute),
        site=tile(0).site,
        tile=tile(0).tile,
        change=BaselineChange.SET,
        version=ref.version,
        baseline=ref,
        by="ann",
        why="a choice",
    )


def test_looks_are_counted_against_what_they_were_counted_against(
    settings: Settings, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = baseline_of(tile(0), 1, "first-good-look"), baseline_of(tile(5), 2, "operator")
    wanted = {1: None, 2: first, 3: second}
    counts = [against(tile(number), ref) for number, ref in wanted.items()]

    done = rebuilt_from(monkeypatch, settings, counts, [set_to(first, 0), set_to(second, 1)])

    assert [(one.baselines, one.looks) for one in done] == [(2, 3)]
    assert {number: Baselines(client).of_look(tile(number)) for number in wanted} == wanted
    assert Baselines(client).of_look(tile(9)) == second, "a new look is counted against the last one"


def test_two_baselines_that_claim_one_version_are_both_kept_and_each_look_has_its_own(
    settings: Settings, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Redis was set back: a version was given, forgotten with Redis, and given again."""
    lost, stands = baseline_of(tile(6), 1, "first-good-look"), baseline_of(tile(5), 1, "operator")
    another = baseline_of(tile(7), 1, "operator")
    wanted = {1: lost, 2: stands, 3: lost, 4: another}
    counts = [against(tile(number), ref) for number, ref in wanted.items()]

    for changes in ([set_to(lost, 0), set_to(stands, 1)], [set_to(stands, 1)]):
        rebuilt_from(monkeypatch, settings, counts, changes)

        assert {number: Baselines(client).of_look(tile(number)) for number in wanted} == wanted
        assert Baselines(client).of_look(tile(9)) == stands, "an event tells of it last"
        client.flushall()


def test_a_baseline_that_was_sent_and_not_taken_is_none_after_a_rebuild(
    settings: Settings, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = baseline_of(tile(0), 1, "first-good-look")
    done = rebuilt_from(monkeypatch, settings, [against(tile(1), first)])

    assert [one.baselines for one in done] == [1], "what was refused, or still waits, is in the tiles' topic only"
    assert Baselines(client).of_look(tile(9)) == first


def alive() -> int:
    """How many counts are in memory."""
    return sum(isinstance(thing, CountEvent) for thing in gc.get_objects())


def test_counts_are_read_and_let_go_and_progress_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    many, most, before = 4 * rebuild.BATCH, 0, alive()
    told: list[int] = []
    first = baseline_of(tile(0), 1, "first-good-look")

    def counts() -> Iterator[CountEvent]:
        nonlocal most
        for number in range(1, many + 1):
            if number % 100 == 0:
                most = max(most, alive() - before)
            yield against(tile(number), first)

    (done,) = rebuilt_from(monkeypatch, settings, counts(), told=told)

    assert (done.baselines, done.looks) == (1, many)
    assert most <= 2 * rebuild.BATCH + 50
    assert told == [rebuild.BATCH * number for number in (1, 2, 3, 4)]
