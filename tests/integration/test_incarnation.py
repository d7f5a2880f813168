"""State that was lost is noticed, and waited for: an emptied Redis, an earlier one, one that evicts."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from railwatch.embedded import embedded_redis
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.offsets import has_worked
from railwatch.shared.errors import ConfigurationError, DependencyAwayError
from railwatch.shared.events import TileEvent
from railwatch.shared.eviction import refuse_eviction, watch_eviction
from railwatch.shared.incarnation import Incarnation, rebuild_begins, rebuild_ends
from railwatch.shared.metrics import registry
from railwatch.shared.settings import KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.bus import committed, counter, eventually, tile, working

MARK = "railwatch:alerting:incarnation"


@pytest.fixture
def own_redis() -> Iterator[redis.Redis]:
    """A Redis that the test may spoil."""
    with embedded_redis() as environment, connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])) as client:
        yield client


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with connect(redis_settings) as client:
        yield client


def process(client: redis.Redis, *, held: bool = False, worked_before: bool = False) -> Incarnation:
    """The incarnation as a process sees it that has just started."""
    return Incarnation(client, "alerting", lambda: held, lambda: worked_before)


def lost(incarnation: Incarnation) -> bool:
    try:
        incarnation.require()
    except DependencyAwayError:
        assert not incarnation.intact()
        return True
    assert incarnation.intact()
    return False


def test_processes_share_the_state_of_a_first_start(client: redis.Redis) -> None:
    first, second = process(client), process(client, held=True, worked_before=True)
    assert not any(lost(one) for one in (first, second, first, second, first))


def test_a_silent_redis_holds_up_each_thread_by_itself(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    incarnation, both = process(client), threading.Barrier(2, timeout=10)
    incarnation.require()

    def silent(_: str) -> None:
        both.wait()  # breaks if one thread waits for the other's answer
        raise redis.TimeoutError

    monkeypatch.setattr(client, "hgetall", silent)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(incarnation.require) for _ in range(2)]
    assert [type(one.exception()) for one in asked] == [DependencyAwayError, DependencyAwayError]


def test_state_from_before_the_mark_is_taken_as_it_is(client: redis.Redis) -> None:
    assert not lost(process(client, held=True, worked_before=True))


@pytest.mark.parametrize(
    "lose",
    [
        lambda client, _: client.flushall(),
        lambda client, _: client.delete(MARK),
        lambda client, before: client.hset(MARK, mapping=before),
    ],
    ids=["emptied", "evicted", "set-back"],
)
def test_lost_state_is_waited_for_by_all_and_after_a_restart_until_it_is_rebuilt(
    client: redis.Redis, lose: Callable[[redis.Redis, dict[str, str]], None]
) -> None:
    first, second = process(client), process(client)
    assert not lost(first)
    before: dict[str, str] = client.hgetall(MARK)  # type: ignore[assignment]
    assert not lost(second)
    assert not lost(first)
    lose(client, before)

    assert all(lost(one) for one in (first, second, process(client, held=True), first))
    rebuild_begins(client, "alerting")
    assert lost(first), "not before it has ended"
    rebuild_ends(client, "alerting")
    assert not any(lost(one) for one in (first, second, process(client), first))


def test_state_that_was_lost_while_nobody_looked_is_missed_by_what_kafka_knows(client: redis.Redis) -> None:
    assert lost(process(client, worked_before=True))
    assert lost(process(client, held=True)), "the first one said so in Redis"


def test_work_is_not_done_while_state_is_lost(client: redis.Redis) -> None:
    done: list[str] = []
    incarnation = process(client)
    work = incarnation.guarded(done.append)
    work("first")
    client.flushall()
    with pytest.raises(DependencyAwayError, match=r"Run `railwatch rebuild alerting`\.$"):
        work("second")
    assert done == ["first"]


def test_a_group_has_worked_once_it_has_finished_a_record(kafka_settings: KafkaSettings) -> None:
    assert not has_worked(kafka_settings, "counters", TileEvent)
    Publisher(kafka_settings).publish(tile(1))
    worker = counter(kafka_settings, lambda event: [])
    with working(worker):
        eventually(lambda: committed(kafka_settings, "counters", TileEvent), "it is committed")
    assert has_worked(kafka_settings, "counters", TileEvent)


def test_a_service_refuses_to_start_on_a_redis_that_evicts_unless_told(own_redis: redis.Redis) -> None:
    settings = RedisSettings(url="redis://unused")
    own_redis.config_set("maxmemory-policy", "allkeys-lru")
    refuse_eviction(own_redis, settings)  # without maxmemory, nothing is evicted
    own_redis.config_set("maxmemory", "100mb")

    with pytest.raises(ConfigurationError, match="RAILWATCH_REDIS_ALLOW_EVICTION"):
        refuse_eviction(own_redis, settings)
    refuse_eviction(own_redis, settings.model_copy(update={"allow_eviction": True}))
    own_redis.config_set("maxmemory-policy", "noeviction")
    refuse_eviction(own_redis, settings)


def test_how_full_redis_is_can_be_seen(own_redis: redis.Redis) -> None:
    own_redis.config_set("maxmemory", "100mb")
    watch_eviction(own_redis, process(own_redis))
    full = registry("alerting").get_sample_value
    assert full("railwatch_redis_memory_max_bytes") == 100 * 1024**2
    assert 0 < (full("railwatch_redis_memory_used_bytes") or 0) < 100 * 1024**2


@pytest.mark.parametrize(("policy", "is_lost"), [("allkeys-lru", True), ("volatile-lru", False)])
def test_keys_that_redis_evicted_may_have_been_state(own_redis: redis.Redis, policy: str, is_lost: bool) -> None:
    incarnation = process(own_redis)
    assert not lost(incarnation)
    watch_eviction(own_redis, incarnation)
    assert registry("alerting").get_sample_value("railwatch_redis_evicts") == 0

    own_redis.config_set("maxmemory-policy", policy)
    own_redis.config_set("maxmemory", "4mb")
    for number in range(400):
        own_redis.set(f"railwatch:filler:{number}", "x" * 20_000, ex=600)
    watch_eviction(own_redis, incarnation)

    assert registry("alerting").get_sample_value("railwatch_redis_evicts") == 1
    assert registry("alerting").get_sample_value("railwatch_redis_evicted_keys")
    assert lost(incarnation) == is_lost
