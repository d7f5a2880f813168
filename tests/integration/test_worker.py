"""The worker loop on a real broker."""

import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from kafka import KafkaProducer
from structlog.testing import capture_logs

from railwatch.shared.bus import Lineage, Publisher, RetryPolicy, Timer, encode, lineage, metrics
from railwatch.shared.bus.client import connection
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import DependencyAwayError, TransientError, UnprocessableError
from railwatch.shared.events import CountEvent, DeadLetter, Event, TileEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import (
    COUNTERS,
    FIRST_LOOK,
    PATIENCE_S,
    committed,
    count_of,
    counter,
    eventually,
    kafka_settings_of,
    tile,
    topic_view,
    working,
)

Handler = Callable[[TileEvent], Sequence[Event]]


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Publisher:
    return Publisher(kafka_settings)


def test_a_partition_is_handled_in_order_however_much_is_waiting(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    sites = ("tumangang", "hunchun", "khasan", "rajin", "wonjong")
    publisher.publish(*(tile(number, site) for number in range(80) for site in sites))
    seen: dict[str, list[TileEvent]] = {site: [] for site in sites}

    def handle(event: TileEvent) -> Sequence[Event]:
        seen[event.site].append(event)
        return [count_of(event)]

    with working(counter(kafka_settings, handle)), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: len(counts.events()) == 80 * len(sites), "every tile is counted")
        eventually(
            lambda: sum(committed(kafka_settings, COUNTERS, TileEvent).values()) == 80 * len(sites), "all is committed"
        )

    for site in sites:
        assert seen[site] == [tile(number, site) for number in range(80)]


def test_a_worker_has_caught_up_once_all_that_waited_is_handled(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    publisher.publish(*(tile(number) for number in range(3)))
    may_finish = threading.Event()

    def handle(event: TileEvent) -> Sequence[Event]:
        assert may_finish.wait(PATIENCE_S)
        return []

    worker = counter(kafka_settings, handle)
    with working(worker):
        eventually(worker.ready, "it works")
        assert not worker.caught_up()
        may_finish.set()
        eventually(worker.caught_up, "nothing is left")
    assert not worker.caught_up()


def test_a_poisonous_record_becomes_a_dead_letter_and_the_others_are_handled(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    good = encode(tile(1))
    raw = KafkaProducer(**connection(kafka_settings))
    topic = kafka_settings.prefix + TileEvent.TOPIC
    v2 = [(name, b"railwatch.tile.v2" if name == "ce_type" else value) for name, value in good.headers]
    for value, headers in ((b"\xff\xfe not json", good.headers), (good.value, []), (good.value, v2)):
        raw.send(topic, value, good.key, headers).get(10)
    raw.close()
    publisher.publish(tile(1), tile(2), tile(3))

    def handle(event: TileEvent) -> Sequence[Event]:
        if event == tile(1):
            raise UnprocessableError("blob-missing", "There is no blob at sha256/00.")
        if event == tile(2):
            raise ZeroDivisionError("secret of the handler")
        return [count_of(event)]

    with working(counter(kafka_settings, handle)), topic_view(kafka_settings, DeadLetter) as letters:
        eventually(lambda: len(letters.events()) == 5, "every poisonous record is a dead letter")
        by_reason = {letter.reason: letter for letter in letters.events()}
        with topic_view(kafka_settings, CountEvent) as counts:
            eventually(lambda: counts.ids() == {count_of(tile(3)).id}, "the good tile is counted")

    assert by_reason.keys() == {
        "invalid-body",
        "not-a-cloudevent",
        "unknown-version",
        "blob-missing",
        "internal-error",
    }
    assert by_reason["blob-missing"].detail == "There is no blob at sha256/00."
    assert by_reason["blob-missing"].subject == tile(1).id
    assert {letter.original.topic for letter in by_reason.values()} == {topic}
    assert sorted(letter.original.offset for letter in by_reason.values()) == [0, 1, 2, 3, 4]
    assert "secret" not in by_reason["internal-error"].model_dump_json()


def test_a_transient_error_is_tried_again_and_given_up_after_the_last_attempt(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    attempts = {tile(1).id: 0, tile(2).id: 0, tile(3).id: 0}

    def handle(event: TileEvent) -> Sequence[Event]:
        attempts[event.id] += 1
        if event == tile(1) and attempts[event.id] < 3:
            raise TransientError("The store is away.")
        if event == tile(2):
            raise TransientError("The store is away.")
        return [count_of(event)]

    publisher.publish(tile(1), tile(2), tile(3))
    worker = counter(kafka_settings, handle, retry=RetryPolicy(attempts=4, first_s=0.01))
    with working(worker), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: counts.ids() == {count_of(tile(1)).id, count_of(tile(3)).id}, "the others are counted")
        with topic_view(kafka_settings, DeadLetter) as letters:
            eventually(
                lambda: [letter.reason for letter in letters.events()] == ["retries-exhausted"], "one is given up"
            )

    assert attempts == {tile(1).id: 3, tile(2).id: 4, tile(3).id: 1}


def test_a_dependency_that_is_away_for_long_costs_no_record_and_no_order(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    attempts = 0
    handled: list[TileEvent] = []

    def handle(event: TileEvent) -> Sequence[Event]:
        nonlocal attempts
        attempts += 1
        if attempts <= 20:
            raise DependencyAwayError("Redis refuses: OutOfMemoryError.")
        handled.append(event)
        return [count_of(event)]

    publisher.publish(tile(1), tile(2))
    worker = counter(kafka_settings, handle, retry=RetryPolicy(attempts=2, first_s=0.01, longest_s=0.01))
    with working(worker), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: counts.ids() == {count_of(tile(1)).id, count_of(tile(2)).id}, "both are counted")
        with topic_view(kafka_settings, DeadLetter) as letters:
            assert letters.events() == []

    assert handled == [tile(1), tile(2)]


def test_a_second_consumer_takes_its_share_and_gives_it_back(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    sites = [f"site-{number}" for number in range(12)]
    handled_by: dict[str, set[str]] = {"first": set(), "second": set()}

    def handler(name: str) -> Handler:
        def handle(event: TileEvent) -> Sequence[Event]:
            handled_by[name].add(event.id)
            return [count_of(event)]

        return handle

    expected: set[str] = set()
    number = 0

    def assigned() -> float:
        return float(metrics.PARTITIONS_ASSIGNED.labels(COUNTERS)._value.get())

    def more() -> None:
        nonlocal number
        number += 1
        tiles = [tile(number, site) for site in sites]
        expected.update(count_of(event).id for event in tiles)
        publisher.publish(*tiles)

    first, second = (counter(kafka_settings, handler(name)) for name in ("first", "second"))
    with working(first), topic_view(kafka_settings, CountEvent) as counts:
        more()
        eventually(lambda: counts.ids() == expected, "the first one works alone")
        eventually(lambda: assigned() == metrics.PARTITIONS.labels(COUNTERS)._value.get() > 0, "it has all partitions")
        with working(second):

            def both_work() -> bool:
                handled_by["first"].clear()
                more()
                eventually(lambda: counts.ids() == expected, "nothing is lost while the group changes")
                return bool(handled_by["first"] and handled_by["second"])

            eventually(both_work, "both have a share")
        handled_by["second"].clear()
        more()
        eventually(lambda: counts.ids() == expected, "the first one has it all again")

    assert handled_by["second"] == set()
    assert assigned() == 0, "no replica works on any partition"


def test_a_rejoin_between_poll_and_commit_loses_nothing(kafka_settings: KafkaSettings, publisher: Publisher) -> None:
    """A second consumer joins while the first handles a tile. The commit of the first is too late and is refused."""
    holding, go_on = threading.Event(), threading.Event()
    handled: list[str] = []

    def slow(event: TileEvent) -> Sequence[Event]:
        holding.set()
        go_on.wait(60)
        handled.append(event.id)
        return [count_of(event)]

    tiles = [tile(1, f"site-{number}") for number in range(8)]
    publisher.publish(*tiles)
    with working(counter(kafka_settings, slow)), topic_view(kafka_settings, CountEvent) as counts:
        assert holding.wait(60)
        second = counter(kafka_settings, lambda event: [count_of(event)])
        with working(second):
            eventually(second.ready, "the second one has joined")
            go_on.set()
            eventually(lambda: counts.ids() == {count_of(event).id for event in tiles}, "every tile is counted")
            eventually(lambda: sum(committed(kafka_settings, COUNTERS, TileEvent).values()) == 8, "all is committed")


def test_topics_that_are_made_later_are_found(broker: dict[str, str]) -> None:
    """This counts on Apache Kafka. The embedded broker makes topics as soon as somebody asks for them."""
    kafka = kafka_settings_of({**broker, "RAILWATCH_KAFKA_PREFIX": f"later-{os.getpid()}-"})
    worker = counter(kafka, lambda event: [count_of(event)])
    with capture_logs() as lines, working(worker):
        eventually(lambda: any(line["event"] == "partitions assigned" for line in lines), "it has joined its group")
        ensure_topics(kafka, TopicPlan(2, replication=1))
        Publisher(kafka).publish(tile(1))
        with topic_view(kafka, CountEvent) as counts:
            eventually(lambda: counts.ids() == {count_of(tile(1)).id}, "the tile is counted")


def test_the_lineage_of_a_tile_is_passed_on(kafka_settings: KafkaSettings, publisher: Publisher) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with lineage(Lineage(arrived_at=FIRST_LOOK, traceparent=traceparent)):
        publisher.publish(tile(1))

    worker = counter(kafka_settings, lambda event: [count_of(event)])
    with working(worker), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: len(counts.events()) == 1, "the tile is counted")
        headers = dict(counts.records[0].headers)

    assert headers["traceparent"] == traceparent.encode()
    assert headers["ce_arrivedat"] == FIRST_LOOK.isoformat().encode()


def test_a_timer_runs_again_and_again_and_survives_its_own_failures(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    calls = 0

    def run() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TransientError("Redis is away.")
        if calls == 2:
            raise ZeroDivisionError
        publisher.publish(count_of(tile(calls)))

    worker = counter(kafka_settings, lambda event: [], timers=[Timer(timedelta(milliseconds=100), run)])
    with working(worker), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: len(counts.events()) >= 2, "the timer has published twice")


def test_what_can_wait_is_begun_when_no_record_is_left_and_told_of_the_next(
    kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    begun, told, handled = threading.Event(), threading.Event(), threading.Event()

    def meanwhile(goes_on: Callable[[], bool]) -> None:
        begun.set()
        eventually(lambda: not goes_on(), "a record is in hand")
        told.set()

    def handle(event: TileEvent) -> Sequence[Event]:
        if event == tile(2):
            assert told.wait(PATIENCE_S)
            handled.set()
        return [count_of(event)]

    with working(counter(kafka_settings, handle, meanwhile=meanwhile)):
        publisher.publish(tile(1))
        assert begun.wait(PATIENCE_S)
        publisher.publish(tile(2))
        assert handled.wait(PATIENCE_S)


def test_a_stuck_handler_stops_progress_and_is_left_behind(kafka_settings: KafkaSettings, publisher: Publisher) -> None:
    holding, go_on, progress = threading.Event(), threading.Event(), Progress()

    def stuck(event: TileEvent) -> Sequence[Event]:
        holding.set()
        go_on.wait(60)
        return [count_of(event)]

    publisher.publish(tile(1))
    worker = counter(kafka_settings, stuck, progress=progress, handle_limit_s=0.1, drain_s=0.1)
    with working(worker):
        assert holding.wait(60)
        eventually(lambda: not progress.alive(within_s=1), "the loop no longer counts as alive")
    assert committed(kafka_settings, COUNTERS, TileEvent) == {}, "what is left behind will be handled by another"
    done = metrics.RECORDS_HANDLED.labels(COUNTERS, "done")
    before = done._value.get()
    go_on.set()
    eventually(lambda: done._value.get() > before, "what was left behind has ended as well")


def test_lag_and_outcomes_are_measured(kafka_settings: KafkaSettings, publisher: Publisher) -> None:
    done = metrics.RECORDS_HANDLED.labels(COUNTERS, "done")
    before = done._value.get()
    holding, go_on = threading.Event(), threading.Event()

    def handle(event: TileEvent) -> Sequence[Event]:
        holding.set()
        go_on.wait(60)
        return []

    publisher.publish(*(tile(number) for number in range(3)))
    with working(counter(kafka_settings, handle)):
        assert holding.wait(60)
        eventually(lambda: metrics.RECORDS_IN_FLIGHT.labels(COUNTERS)._value.get() == 3, "three are in flight")
        eventually(lambda: metrics.LAG_SECONDS.labels(COUNTERS)._value.get() > 0, "the oldest has an age")
        go_on.set()
        eventually(lambda: done._value.get() == before + 3, "three are done")
        eventually(lambda: metrics.LAG_SECONDS.labels(COUNTERS)._value.get() == 0, "nothing waits")


@pytest.mark.parametrize("error", [DependencyAwayError, TransientError])
def test_what_was_handled_in_a_state_that_was_lost_is_handled_again_in_the_next(
    error: type[TransientError], kafka_settings: KafkaSettings, publisher: Publisher
) -> None:
    publisher.publish(tile(1))
    states, handled_in = ["first"], list[str]()

    def state() -> str:
        if not states:
            raise error("The state was lost, or cannot be asked.")
        return states[0]

    def handle(event: TileEvent) -> Sequence[Event]:
        handled_in.append(states[0])
        if states[0] == "first":
            states.clear()  # before it can be committed
        return [count_of(event)]

    with working(counter(kafka_settings, handle, state=state)):
        eventually(lambda: handled_in == ["first"] and not states, "it is handled")
        publisher.publish(tile(2))
        states.append("second")
        eventually(lambda: sum(committed(kafka_settings, COUNTERS, TileEvent).values()) == 2, "all is committed")
    assert handled_in == ["first", "second", "second"]
