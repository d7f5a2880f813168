"""Reading a topic from its beginning to its end, outside of any group, to rebuild state from it."""

import time
from collections.abc import Iterator, Mapping
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

# A partition is read to its end when nothing more comes for this time. The end offset alone is not enough: that of the
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
            partitions = consumer.partitions_for_topic(topic)
            if not partitions:
                raise TransientError(f"There is no topic {topic} in Kafka.")
            for partition in sorted(partitions):
                begin = (since or {}).get(partition)
                yield partition, _read_partition(consumer, TopicPartition(topic, partition), consumes, begin)
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer: {type(error).__name__}.") from error


def _read_partition(
    consumer: KafkaConsumer, partition: TopicPartition, consumes: type[E], begin: int | None
) -> Iterator[tuple[int, E]]:
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    if begin is None or begin > end:  # a topic that was made anew has fewer records
        consumer.seek_to_beginning(partition)
    else:
        consumer.seek(partition, begin)
    heard_at = time.monotonic()
    while (records := consumer.poll(QUIET_MS).get(partition, [])) or consumer.position(partition) < end:
        if records:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > STALLED_S:
            raise TransientError(f"Kafka has given nothing of {partition.topic} for {STALLED_S:g} s; run it again.")
        for record in records:
            try:
                event = decode_record(record)
            except UnprocessableError:
                continue
            if isinstance(event, consumes):
                yield record.offset, event
