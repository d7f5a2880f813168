"""Publishing what is announced of a site: in order, whoever decides it, and none of it lost."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from railwatch.services.alerting.acknowledgements import Act, acknowledge
from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Publisher
from railwatch.shared.errors import NotPublishedError, UnprocessableError
from railwatch.shared.events import AlertEvent, Event, Notice
from railwatch.shared.settings import KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import count_event, empty_archive, small_site
from tests.support.bus import topic_view

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
STEPS = 12


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with connect(redis_settings) as client:
        yield client


@pytest.fixture
def store(client: redis.Redis) -> Store:
    return Store(client)


@pytest.fixture
def handler(store: Store) -> CountHandler:
    sites = {"tumangang": small_site()}
    minute = timedelta(minutes=1)
    return CountHandler(
        store, sites, Rule(), minute, minute, "http://railwatch.example", lambda: datetime.now(UTC), empty_archive()
    )


class Recorder(Publisher):
    """A broker that fails as it is told, and keeps what it took."""

    def __init__(self, *failures: Exception) -> None:
        self.taken: list[Event] = []
        self._failures = list(failures)

    def publish(self, *events: Event) -> Any:
        if self._failures:
            raise self._failures.pop(0)
        self.taken += events


def surge(step: int) -> Any:
    return count_event(61 + 3 * step, 60 + step, spread=6)


def test_acknowledgements_and_counts_at_the_same_time_come_out_in_order_and_once(
    handler: CountHandler, store: Store, kafka_settings: KafkaSettings
) -> None:
    publishers = [Publisher(kafka_settings) for _ in range(2)]
    one, other = (Announcer(store, publisher) for publisher in publishers)
    for count in QUIET:
        handler.handle(count)
    (opened,) = handler.handle(surge(0))
    together = threading.Barrier(3)

    def count_on() -> None:
        for step in range(1, STEPS + 1):
            together.wait()
            handler.handle(surge(step))
            one.publish("tumangang", patience_s=60)

    def person_acts() -> None:
        for step in range(1, STEPS + 1):
            together.wait()
            acknowledge(store, opened, Act("Ada", f"note {step}", None, datetime.now(UTC)))
            other.publish("tumangang", patience_s=60)

    def timer_runs() -> None:
        for _ in range(1, STEPS + 1):
            together.wait()
            other.publish_waiting()

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for work in (count_on, person_acts, timer_runs)]:
            done.result()
    with topic_view(kafka_settings, AlertEvent) as topic:
        assert [event.sequence for event in topic.events()] == list(range(1, 2 * STEPS + 2))
    assert store.unpublished_sites() == []
    for publisher in publishers:
        publisher.close()


def waiting(handler: CountHandler) -> list[Notice]:
    for count in QUIET:
        handler.handle(count)
    return [*handler.handle(surge(0)), *handler.handle(surge(1))]


def test_what_kafka_did_not_acknowledge_waits_in_order(handler: CountHandler, store: Store) -> None:
    events = waiting(handler)
    broker = Recorder(NotPublishedError("Kafka did not acknowledge."))
    announcer = Announcer(store, broker)
    with pytest.raises(NotPublishedError):
        announcer.publish("tumangang")
    assert store.outbox("tumangang") == events
    announcer.publish_waiting()
    assert broker.taken == events
    assert (store.outbox("tumangang"), store.unpublished_sites()) == ([], [])


def test_while_another_process_publishes_nobody_overtakes_it(handler: CountHandler, store: Store) -> None:
    waiting(handler)
    broker = Recorder()
    turn = store.turn_to_publish("tumangang")
    assert turn.take()
    with pytest.raises(NotPublishedError, match="Another process"):
        Announcer(store, broker).publish("tumangang", patience_s=0.0)
    assert broker.taken == []
    turn.release()
    Announcer(store, broker).publish("tumangang", patience_s=0.0)
    assert len(broker.taken) == 2


def test_an_event_that_is_too_large_goes_without_pictures_and_history(handler: CountHandler, store: Store) -> None:
    events = waiting(handler)
    broker = Recorder(UnprocessableError("event-too-large", "An event is larger than the broker accepts."))
    Announcer(store, broker).publish("tumangang")
    assert [event.id for event in broker.taken] == [event.id for event in events]
    assert all(isinstance(event, AlertEvent) and not (event.evidence or event.history) for event in broker.taken)
    assert store.outbox("tumangang") == []
