"""One replica at a time looks through a source, on a real Redis."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import redis

from railwatch.services.ingest import metrics
from railwatch.services.ingest.sources import turns as turns_module
from railwatch.services.ingest.sources.place import place_of
from railwatch.services.ingest.sources.polling import Source
from railwatch.services.ingest.sources.turns import Standing, TurnLostError, Turns
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.bus import eventually

NOW = datetime(2023, 10, 5, 2, 11, tzinfo=UTC)
NEVER = threading.Event()


@pytest.fixture
def client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "RENEWED_EVERY_S", 0.05)
    monkeypatch.setattr(turns_module, "NOTICED_WITHIN_S", 0.01)
    monkeypatch.setattr("railwatch.services.ingest.sources.polling.RENEWED_EVERY_S", 0.05)


def test_a_source_is_looked_through_by_one_replica_and_others_side_by_side(client: redis.Redis) -> None:
    one, other = Turns(client, "one"), Turns(client, "other")
    with one.taken(NEVER) as ends, Turns(client, "one").taken(NEVER) as second, other.taken(NEVER) as beside:
        assert ends is not None
        assert second is None
        assert beside is not None
    with Turns(client, "one").taken(NEVER) as after:
        assert after is not None


def test_a_replica_that_stalled_notes_nothing(client: redis.Redis) -> None:
    stalled, other = Turns(client, "one"), Turns(client, "one")
    with stalled.taken(NEVER) as ends:
        assert ends is not None
        client.delete("railwatch:ingest:source:one:lease")  # as if it had ended by itself
        with other.taken(NEVER) as theirs:
            assert theirs is not None
            other.search("yard", NOW)
            with pytest.raises(TurnLostError):
                stalled.search("yard", NOW.replace(year=2024))
            with pytest.raises(TurnLostError):
                stalled.stand(Standing(NOW, failing=True))
            eventually(ends.is_set, "the stalled replica sees that it lost its turn")
            assert not theirs.is_set()
    assert Turns(client, "one").searched() == {"yard": NOW}
    assert Turns(client, "one").standing() == Standing()


def test_a_turn_lasts_longer_than_its_lease(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "HELD_FOR_S", 60.0)
    with Turns(client, "one").taken(NEVER) as ends:
        assert ends is not None
        client.pexpire("railwatch:ingest:source:one:lease", 5_000)
        eventually(lambda: client.pttl("railwatch:ingest:source:one:lease") > 30_000, "the lease is renewed")
        assert not ends.is_set()


def running(source: Source) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=source.run, args=(stop,))
    thread.start()
    yield stop
    stop.set()
    thread.join()


def test_another_replica_goes_on_when_one_stops_and_each_tells_how_the_source_is(client: redis.Redis) -> None:
    looks: list[str] = []

    def replica(name: str) -> Source:
        def poll(_: threading.Event) -> bool:
            looks.append(name)
            return True

        return Source("one", poll, 0.01, Turns(client, "one"))

    first = running(replica("first"))
    next(first)
    eventually(lambda: len(looks) > 2, "the first replica polls")
    second = running(replica("second"))
    next(second)
    count = len(looks)
    eventually(lambda: len(looks) > count + 20, "it goes on")
    assert set(looks) == {"first"}
    next(first, None)
    eventually(lambda: "second" in looks, "the second one goes on")
    next(second, None)
    assert metrics.SOURCE_COMPLETE.labels(source="one")._value.get() > NOW.timestamp()
    assert metrics.SOURCE_HEALTHY.labels(source="one")._value.get() == 1


def test_a_source_that_fails_or_puts_something_off_is_not_complete(client: redis.Redis) -> None:
    answers: list[bool | Exception] = [True, False, OSError("away")]
    standings: list[Standing] = []
    stop, turns = threading.Event(), Turns(client, "one")

    def poll(_: threading.Event) -> bool:
        standings.append(turns.standing())
        if not answers:
            stop.set()
            return False
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    Source("one", poll, 0.01, turns).run(stop)
    never, complete, put_off, failing = standings
    assert never == Standing()
    assert complete.complete_at is not None
    assert put_off == complete
    assert failing == Standing(complete.complete_at, failing=True)


def test_directories_of_their_own_do_not_wait_for_each_other(client: redis.Redis, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a again").symlink_to(tmp_path / "a")
    names = ("a", "a again", "b")
    a, again, b = (Turns(client, "desk", partial(place_of, tmp_path / name)) for name in names)
    with a.taken(NEVER) as one, again.taken(NEVER) as same, b.taken(NEVER) as other:
        taken = {"a": one is not None, "a again": same is not None, "b": other is not None}
    assert taken == {"a": True, "a again": False, "b": True}
