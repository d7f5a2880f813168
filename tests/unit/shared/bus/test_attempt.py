"""What happens to a record, attempt by attempt."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import given
from kafka import TopicPartition

from railwatch.shared.bus import Publisher, RetryPolicy, encode
from railwatch.shared.bus.attempt import Attempt, Outcome
from railwatch.shared.bus.deadletter import MAX_VALUE_BYTES
from railwatch.shared.bus.inflight import Task
from railwatch.shared.bus.unreadable import Unreadable
from railwatch.shared.errors import DependencyAwayError, NotPublishedError, TransientError, UnprocessableError
from railwatch.shared.events import DeadLetter, Event, TileEvent
from tests.support.bus import count_of, tile

RETRY = RetryPolicy(attempts=3, first_s=1.0, longest_s=8.0)


@dataclass
class Record:
    """A fetched record, as kafka-python gives it."""

    headers: list[tuple[str, bytes | None]]
    value: bytes | None
    topic: str = TileEvent.TOPIC
    partition: int = 2
    offset: int = 7
    timestamp: int = 0


@dataclass
class Outbox:
    """Takes the publisher's place: keeps what is published, or raises the next of its errors."""

    published: list[Event] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def publish(self, *events: Event) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.published.extend(events)


def record_of(event: Event) -> Record:
    message = encode(event)
    return Record(list(message.headers), message.value)


def attempt(record: Record, handle: Any, outbox: Outbox, failures: int = 0, waits: int = 0) -> Outcome:
    where = TopicPartition(record.topic, record.partition)
    task = Task(where, record.offset, cast("Any", record), failures, 1, waits)
    return Attempt("detector", "test", TileEvent, handle, cast("Publisher", outbox), RETRY)(task)


def raising(error: Exception) -> Any:
    def handle(event: TileEvent) -> Sequence[Event]:
        raise error

    return handle


def only_letter(outbox: Outbox) -> DeadLetter:
    (letter,) = outbox.published
    assert isinstance(letter, DeadLetter)
    return letter


def test_output_is_published_and_the_record_done() -> None:
    outbox = Outbox()
    outcome = attempt(record_of(tile(1)), lambda event: [count_of(event)], outbox)

    assert outcome.retry_in_s is None
    assert outbox.published == [count_of(tile(1))]


def test_an_unprocessable_record_becomes_a_dead_letter_with_its_coordinates() -> None:
    outbox, record = Outbox(), record_of(tile(1))
    outcome = attempt(record, raising(UnprocessableError("blob-missing", "There is no blob.")), outbox)

    letter = only_letter(outbox)
    assert outcome.retry_in_s is None
    assert (letter.service, letter.reason, letter.detail) == ("detector", "blob-missing", "There is no blob.")
    assert letter.original is not None
    assert (letter.original.topic, letter.original.partition, letter.original.offset) == (record.topic, 2, 7)
    assert letter.subject == letter.headers["ce_id"] == tile(1).id
    assert base64.b64decode(letter.value_base64 or "") == record.value


def test_the_dead_letter_of_an_unexpected_error_shows_no_message_and_no_stack() -> None:
    outbox = Outbox()
    attempt(record_of(tile(1)), raising(KeyError("hush")), outbox)

    letter = only_letter(outbox)
    assert letter.reason == "internal-error"
    assert letter.detail == "KeyError in the handler; see the log."
    assert "Traceback" not in letter.model_dump_json()


def test_an_event_of_another_type_becomes_a_dead_letter() -> None:
    outbox = Outbox()
    attempt(record_of(count_of(tile(1))), lambda event: [], outbox)

    assert only_letter(outbox).reason == "unexpected-type"


def test_a_tombstone_and_headers_without_a_value_become_dead_letters() -> None:
    outbox = Outbox()
    attempt(Record([("ce_id", None), ("odd", b"\xff")], None), lambda event: [], outbox)

    letter = only_letter(outbox)
    assert letter.reason == "not-a-cloudevent"
    assert letter.headers == {"ce_id": "", "odd": "�"}


def test_a_value_above_the_limit_is_left_out_of_the_dead_letter() -> None:
    outbox = Outbox()
    attempt(Record([], b"x" * (MAX_VALUE_BYTES + 1)), lambda event: [], outbox)

    letter = only_letter(outbox)
    assert letter.value_base64 is None
    assert len(encode(letter).value) < MAX_VALUE_BYTES


def test_a_transient_error_is_tried_again_until_the_last_attempt() -> None:
    outbox, away = Outbox(), raising(TransientError("The store is away."))

    first = attempt(record_of(tile(1)), away, outbox, failures=0)
    second = attempt(record_of(tile(1)), away, outbox, failures=1)
    third = attempt(record_of(tile(1)), away, outbox, failures=2)

    assert (first.failures, second.failures) == (1, 2)
    assert first.retry_in_s is not None
    assert second.retry_in_s is not None
    assert third.retry_in_s is None
    assert only_letter(outbox).reason == "retries-exhausted"
    assert only_letter(outbox).detail == "Given up after 3 attempts: The store is away."


def test_a_dependency_that_is_away_has_no_last_attempt() -> None:
    outbox, away = Outbox(), raising(DependencyAwayError("Redis refuses: it is full."))
    outcome = Outcome(cast("Any", None), failures=2)

    for _ in range(1000):
        outcome = attempt(record_of(tile(1)), away, outbox, outcome.failures, outcome.waits)
        assert outcome.retry_in_s is not None
        assert outcome.retry_in_s <= RETRY.longest_s

    assert (outcome.failures, outcome.waits) == (2, 1000), "waiting is not counted against the record"
    assert outbox.published == []


@pytest.mark.parametrize(("asked_s", "wait_s"), [(6.0, 6.0), (1e9, RETRY.longest_s)])
def test_a_pause_that_the_other_side_asks_for_is_kept_within_bounds(asked_s: float, wait_s: float) -> None:
    outcome = attempt(record_of(tile(1)), raising(TransientError("Slower.", asked_s)), Outbox())

    assert outcome.retry_in_s == wait_s


@pytest.mark.parametrize("handle", [lambda event: [count_of(event)], raising(UnprocessableError("no-good", "No."))])
def test_without_kafka_nothing_is_given_up(handle: Any) -> None:
    outbox = Outbox(errors=[NotPublishedError("Kafka did not acknowledge.")])
    outcome = attempt(record_of(tile(1)), handle, outbox, failures=2)

    assert outcome.retry_in_s is not None
    assert outcome.failures == 2, "publishing again is not counted against the record"
    assert outbox.published == []


def test_output_that_is_too_large_makes_a_dead_letter() -> None:
    outbox = Outbox(errors=[UnprocessableError("event-too-large", "An event is larger than the broker takes.")])
    attempt(record_of(tile(1)), lambda event: [count_of(event)], outbox)

    assert only_letter(outbox).reason == "event-too-large"


def test_the_same_record_makes_the_same_dead_letter() -> None:
    first, second = Outbox(), Outbox()
    for outbox in (first, second):
        attempt(Record([], b"{}"), lambda event: [], outbox)

    assert only_letter(first).id == only_letter(second).id
    assert only_letter(first).recorded_at <= datetime.now(UTC)


@given(failures=st.integers(1, 10_000))
def test_waits_double_up_to_the_longest_and_are_jittered(failures: int) -> None:
    wait_s = RETRY.wait_s(failures)
    backoff_s = min(8.0, 2.0 ** min(failures - 1, 10))

    assert backoff_s / 2 <= wait_s <= backoff_s


def test_a_dead_letter_that_the_broker_finds_too_long_is_sent_without_the_record() -> None:
    outbox = Outbox(errors=[UnprocessableError("event-too-large", "An event is larger than the broker accepts.")])
    outcome = attempt(Record([("x", b"y" * 900)], b"z" * 100_000), None, outbox)
    assert outcome.retry_in_s is None
    (letter,) = outbox.published
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.headers, letter.value_base64) == ("not-a-cloudevent", {}, None)
    assert letter.original is not None
    assert (letter.original.partition, letter.original.offset) == (2, 7)


def test_what_cannot_be_read_becomes_a_dead_letter_with_its_place() -> None:
    outbox = Outbox()
    attempt(cast("Any", Unreadable(TileEvent.TOPIC, 2, 7, 0, "The record is malformed.")), None, outbox)
    (letter,) = outbox.published
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.detail) == ("unreadable-record", "The record is malformed.")
    assert letter.original is not None
    assert (letter.original.topic, letter.original.partition, letter.original.offset) == (TileEvent.TOPIC, 2, 7)
