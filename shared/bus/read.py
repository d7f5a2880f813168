"""Reading a topic to its end, outside of any group, to rebuild state from it or to compare state with it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.bus.codec import decode_record
from railwatch.shared.bus.unreadable import pass_over_unreadable
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import Event
from railwatch.shared.settings import KafkaSettings

E = TypeVar("E", bound=Event)

# What is read is at its end when nothing more comes for this time. The end offset alone is not enough: that of the
# embedded broker leaves the last batch out.
QUIET_MS = 300
# If Kafka gives nothing for this time although there is more, it counts as away. The client itself would wait for ever.
STALLED_S = 60.0


def read_topic(settings: KafkaSettings, consumes: type[E]) -> Iterator[Iterator[E]]:
    """The events of a topic in order, one iterator for each partition. Records that cannot be read are left out.

    Raises:
        TransientError: Kafka does not answer, or stopped in the middle, or there is no such topic.
    """
    for _, events in read_partitions(settings, consumes):
        yield (event for _, event in events)


def read_partitions(
    settings: KafkaSettings, consumes: type[E], since: Mapping[int, int] | None = None
) -> Iterator[tuple[int, Iterator[tuple[int, E]]]]:
    """The number of each partition of a topic, and its events in order, each with its offset.

    Args:
        settings: how to reach Kafka.
        consumes: the type of event.
        since: by partition, the offset to begin with; by default the beginning.

    Raises:
        TransientError: Kafka does not answer, or stopped in the middle, or there is no such topic.
    """
    with _reading(settings, consumes) as (consumer, partitions):
        for partition in partitions:
            read = _read(consumer, [partition], consumes, since or {})
            yield partition.partition, ((offset, event) for _, offset, event in read)


def read_since(settings: KafkaSettings, consumes: type[E], since: Mapping[int, int]) -> Iterator[tuple[int, int, E]]:
    """Partition, offset and event of all that came later, in order within each partition.

    The partitions are read together: to see the end of each alone takes `QUIET_MS`.

    Args:
        settings: how to reach Kafka.
        consumes: the type of event.
        since: by partition, the offset to begin with; others are read from their beginning.

    Raises:
        TransientError: Kafka does not answer, or stopped in the middle, or there is no such topic.
    """
    with _reading(settings, consumes) as (consumer, partitions):
        yield from _read(consumer, partitions, consumes, since)


@contextmanager
def _reading(
    settings: KafkaSettings, consumes: type[Event]
) -> Iterator[tuple[KafkaConsumer, Sequence[TopicPartition]]]:
    topic = settings.prefix + consumes.TOPIC
    try:
        consumer = KafkaConsumer(
            **connection(settings),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
        pass_over_unreadable(consumer)
        try:
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise TransientError(f"There is no topic {topic} in Kafka.")
            yield consumer, [TopicPartition(topic, number) for number in sorted(numbers)]
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer: {type(error).__name__}.") from error


def _read(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition], consumes: type[E], since: Mapping[int, int]
) -> Iterator[tuple[int, int, E]]:
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    for partition, end in ends.items():
        begin = since.get(partition.partition)
        if begin is None or begin > end:  # a topic that was made anew has fewer records
            consumer.seek_to_beginning(partition)
        else:
            consumer.seek(partition, begin)
    heard_at = time.monotonic()
    while (fetched := consumer.poll(QUIET_MS)) or any(consumer.position(one) < end for one, end in ends.items()):
        if fetched:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > STALLED_S:
            topic = partitions[0].topic
            raise TransientError(f"Kafka has given nothing of {topic} for {STALLED_S:g} s; run it again.")
        for record in chain.from_iterable(fetched.values()):
            try:
                event = decode_record(record)
            except UnprocessableError:
                continue
            if isinstance(event, consumes):
                yield record.partition, record.offset, event
