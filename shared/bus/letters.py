"""Dead letters as a person works on them: read, sent again through the same code, or dropped. None is ever lost.

What was done with a letter is published on the topic of dead letters, as the same letter with `settled`.
"""

import base64
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.bus.codec import decode, decode_record, origin_of
from railwatch.shared.bus.lineage import lineage
from railwatch.shared.bus.publisher import Publisher
from railwatch.shared.bus.read import read_topic
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import Coordinates, DeadLetter, Event, Settled
from railwatch.shared.events.acts import act_on_letter
from railwatch.shared.settings import KafkaSettings

# Seconds that Kafka has to give one record.
RECORD_S = 20.0


def read_letters(settings: KafkaSettings) -> list[DeadLetter]:
    """Every dead letter as it stands now, oldest first.

    Raises:
        TransientError: Kafka does not answer.
    """
    return latest(letter for partition in read_topic(settings, DeadLetter) for letter in partition)


def latest(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """The last letter of each id, oldest first. One that came again after it was settled is open again."""
    standing = {letter.id: letter for letter in letters}
    return sorted(standing.values(), key=lambda letter: letter.recorded_at)


def event_in(letter: DeadLetter) -> Event | None:
    """The event that could not be processed, as far as the letter holds it; null if it is none that can be read."""
    if letter.value_base64 is None:
        return None
    try:
        return decode(_headers(letter), base64.b64decode(letter.value_base64))
    except (UnprocessableError, ValueError):
        return None


def site_of(letter: DeadLetter) -> str | None:
    """The site that a letter is about; null where it does not say."""
    site = getattr(event_in(letter), "site", None)
    return site if isinstance(site, str) else None


def retry(letter: DeadLetter, settings: KafkaSettings, publisher: Publisher, settled: Settled) -> Event:
    """Send a letter's event to its topic again, and mark the letter.

    The service handles it by the same code as the first time. Ids are derived from content, so an event that is handled
    twice changes nothing. If this is killed in between, the letter stays open and can be retried again.

    Raises:
        UnprocessableError: `no-record`: there is nothing in Kafka to send again; or why the record cannot be read.
        TransientError: Kafka does not answer.
    """
    if letter.original is None:
        raise UnprocessableError(
            "no-record",
            f"{letter.subject} never was in Kafka: send the file again, or move it back into the directory.",
        )
    event = event_in(letter) or decode_record(_record_at(settings, letter.original))
    with lineage(origin_of(_headers(letter), event)):
        publisher.publish(event)
    mark(letter, publisher, settled)
    return event


def mark(letter: DeadLetter, publisher: Publisher, settled: Settled) -> None:
    """Publish what was done with a letter, and the record of this act.

    Raises:
        TransientError: Kafka does not answer.
    """
    marked = letter.model_copy(update={"settled": settled})
    publisher.publish(marked, act_on_letter(marked, site_of(letter)))


def matches(
    letter: DeadLetter, reason: str = "", site: str = "", since: datetime | None = None, until: datetime | None = None
) -> bool:
    """Whether a letter has a reason, is about a site, and was recorded from one time on and before another."""
    return (
        (not reason or letter.reason == reason)
        and (not site or site_of(letter) == site)
        and (since is None or letter.recorded_at >= since)
        and (until is None or letter.recorded_at < until)
    )


def _headers(letter: DeadLetter) -> list[tuple[str, bytes | None]]:
    return [(name, text.encode()) for name, text in letter.headers.items()]


def _record_at(settings: KafkaSettings, where: Coordinates) -> Any:
    """The record at a place in Kafka.

    Raises:
        UnprocessableError: `no-record`: Kafka does not hold it any more.
        TransientError: Kafka does not answer.
    """
    partition = TopicPartition(where.topic, where.partition)
    try:
        with closing(KafkaConsumer(**connection(settings), enable_auto_commit=False)) as consumer:
            consumer.assign([partition])
            if not consumer.beginning_offsets([partition])[partition] <= where.offset:
                raise UnprocessableError("no-record", f"Kafka holds {where.topic} only behind offset {where.offset}.")
            consumer.seek(partition, where.offset)
            deadline = time.monotonic() + RECORD_S
            while time.monotonic() < deadline:
                for record in consumer.poll(500).get(partition, []):
                    if record.offset == where.offset:
                        return record
                    raise UnprocessableError("no-record", f"There is no record at offset {where.offset} any more.")
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer: {type(error).__name__}.") from error
    raise TransientError(f"Kafka gave no record of {where.topic} for {RECORD_S:g} s.")
