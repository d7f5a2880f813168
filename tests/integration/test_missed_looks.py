"""Announcing missed looks: from the counts and the clock to the outbox, over restarts and rebuilds."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.missed_looks import announce_missed_looks
from railwatch.services.alerting.rebuild import rebuild
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Publisher
from railwatch.shared.events import Miss, MissedLookEvent
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.sites import Site
from railwatch.shared.state import connect
from tests.support.alerting import count_event, empty_archive, on_day, small_site, write_site
from tests.support.clock import Clock

SITES = {"tumangang": small_site()}
MONTH = timedelta(days=30)
PROMPT = timedelta(hours=2)


@pytest.fixture
def redis_client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client)


@pytest.fixture
def clock() -> Clock:
    return Clock(on_day(0))


def see(store: Store, clock: Clock, day: float, count: float | None = 7.0) -> None:
    """A look is taken and counted at once."""
    clock.now = on_day(day) + PROMPT
    coverage = 0.0 if count is None else 1.0
    event = count_event(day, count, coverage=coverage, recorded_at=clock())
    CountHandler(
        store, SITES, Rule(), timedelta(minutes=15), timedelta(minutes=10), PAGE, clock, empty_archive()
    ).handle(event)


def announced(store: Store, clock: Clock, day: float, sites: dict[str, Site] = SITES) -> list[tuple[str, str]]:
    """What is announced on a day, as if it were published at once."""
    clock.now = on_day(day)
    announce_missed_looks(store, sites, MONTH, PAGE, clock())
    events = store.outbox("tumangang")
    for event in events:
        store.published("tumangang", [event])
    return [(event.miss.value, event.transition.value) for event in events if isinstance(event, MissedLookEvent)]


PAGE = "https://railwatch.example"


def test_a_dead_provider_is_announced_once_until_it_is_back(store: Store, clock: Clock) -> None:
    for look in range(10):
        see(store, clock, 3 * look)
    assert announced(store, clock, 32) == []
    assert announced(store, clock, 33.1) == [("look", "opened")]
    assert announced(store, clock, 50) == []
    see(store, clock, 51)
    assert announced(store, clock, 51.2) == [("look", "resolved")]
    assert announced(store, clock, 52) == []


def test_endless_cloud_is_announced_while_looks_come(store: Store, clock: Clock) -> None:
    for look in range(10):
        see(store, clock, 3 * look)
    found = []
    for look in range(10, 20):
        see(store, clock, 3 * look, count=None)
        found += announced(store, clock, 3 * look + 1)
    assert found == [("clear-look", "opened")]
    assert announced(store, clock, 70) == [("look", "opened")]
    see(store, clock, 71)
    assert sorted(announced(store, clock, 72)) == [("clear-look", "resolved"), ("look", "resolved")]


def test_an_old_image_does_not_end_what_is_missed(store: Store, clock: Clock) -> None:
    for look in range(10):
        see(store, clock, 3 * look)
    assert announced(store, clock, 34) == [("look", "opened")]
    clock.now = on_day(40)
    late = count_event(10, 7, recorded_at=clock())
    CountHandler(
        store, SITES, Rule(), timedelta(minutes=15), timedelta(minutes=10), PAGE, clock, empty_archive()
    ).handle(late)
    assert announced(store, clock, 41) == []
    status = store.status("tumangang")
    assert status
    assert status.look_due_at == on_day(33), "it is as overdue as before"


def test_reading_an_archive_announces_nothing(store: Store, clock: Clock) -> None:
    handler = CountHandler(
        store, SITES, Rule(), timedelta(minutes=15), timedelta(minutes=10), PAGE, lambda: on_day(400), empty_archive()
    )
    for look in (*range(20, 10, -1), *range(10)):
        handler.handle(count_event(3 * look, None if look % 4 == 0 else 7, coverage=float(look % 4 > 0)))
    assert announced(store, clock, 400.1) == []


def test_a_site_that_was_never_seen_is_missed_after_a_month(store: Store, clock: Clock) -> None:
    assert announced(store, clock, 0) == []
    assert announced(store, clock, 29) == []
    assert announced(store, clock, 31) == [("look", "opened")]
    assert announced(store, clock, 32, sites={}) == [("look", "resolved")]
    assert announced(store, clock, 33) == [("look", "opened")]


def test_what_was_not_published_before_a_crash_is_published_after_it(
    store: Store, redis_client: redis.Redis, clock: Clock
) -> None:
    for look in range(10):
        see(store, clock, 3 * look)
    announce_missed_looks(store, SITES, MONTH, PAGE, on_day(34))
    see(store, clock, 35)
    restarted = Store(redis_client)
    announce_missed_looks(restarted, SITES, MONTH, PAGE, clock())
    first, second = restarted.outbox("tumangang")
    assert isinstance(first, MissedLookEvent)
    assert isinstance(second, MissedLookEvent)
    assert (first.transition, second.transition) == ("opened", "resolved")
    assert (second.about, second.sequence) == (first.about, 2)
    restarted.published("tumangang", [first])
    assert restarted.outbox("tumangang") == [second]


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


def test_a_rebuild_knows_what_was_announced_and_announces_nothing(
    tmp_path: Path,
    store: Store,
    redis_client: redis.Redis,
    redis_settings: RedisSettings,
    kafka_settings: KafkaSettings,
    publisher: Publisher,
    clock: Clock,
) -> None:
    settings = Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url="memory://"),
        sites=SiteSettings(dir=write_site(tmp_path / "sites")),
    )
    for look in range(10):
        publisher.publish(count_event(3 * look, 7, recorded_at=on_day(3 * look) + PROMPT))
        see(store, clock, 3 * look)
    nowhere = small_site("najin")
    sites = {**SITES, "najin": nowhere}
    announce_missed_looks(store, sites, MONTH, PAGE, on_day(0))
    announce_missed_looks(store, sites, MONTH, PAGE, on_day(34))
    publisher.publish(*store.outbox("tumangang"), *store.outbox("najin"))
    before = store.missed()
    assert {event.site for event in store.standing_missed()} == {"tumangang", "najin"}

    redis_client.flushall()
    list(rebuild(settings))
    assert store.missed() == before
    assert announced(store, clock, 36, sites) == []
    see(store, clock, 37)
    assert announced(store, clock, 38, sites) == [(Miss.LOOK.value, "resolved")]
