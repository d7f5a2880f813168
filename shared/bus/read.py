"""Reading a topic from its beginning to its end, outside any group: for rebuilding state from it."""

from collections.abc import Iterator
from typing import TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared.bus.client import connection
from shared.bus.codec import decode
from shared.errors import TransientError, UnprocessableError
from shared.events import Event
from shared.settings import KafkaSettings

E = TypeVar("E", bound=Event)

QUIET_MS = 300
"""A partition is read to its end when nothing more comes for so long: not every broker's end offset includes the last
batch."""


def read_topic(settings: KafkaSettings, consumes: type[E]) -> Iterator[Iterator[E]]:
    """The events of a topic, one iterator for each partition, in order; records that cannot be read are left out.

    Raises:
        TransientError: Kafka is away.
    """
    topic = settings.prefix + consumes.TOPIC
    try:
        consumer = KafkaConsumer(
            **connection(settings),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
        try:
            for partition in sorted(consumer.partitions_for_topic(topic) or ()):
                yield _read_partition(consumer, TopicPartition(topic, partition), consumes)
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka is away: {type(error).__name__}.") from error


def _read_partition(consumer: KafkaConsumer, partition: TopicPartition, consumes: type[E]) -> Iterator[E]:
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    while (records := consumer.poll(QUIET_MS).get(partition, [])) or consumer.position(partition) < end:
        for record in records:
            try:
                event = decode(record.headers, record.value)
            except UnprocessableError:
                continue
            if isinstance(event, consumes):
                yield event
