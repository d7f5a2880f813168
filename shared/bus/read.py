"""Reading a topic from its beginning to its end, outside any group: for rebuilding state from it."""

import time
from collections.abc import Iterator
from typing import TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.bus.codec import decode
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import Event
from railwatch.shared.settings import KafkaSettings

E = TypeVar("E", bound=Event)

QUIET_MS = 300
"""A partition is read to its end when nothing more comes for so long: not every broker's end offset includes the last
batch."""

STALLED_S = 60.0
"""Kafka is taken for away when it gives nothing for so long although there is more. The client itself would wait on."""


def read_topic(settings: KafkaSettings, consumes: type[E]) -> Iterator[Iterator[E]]:
    """The events of a topic, one iterator for each partition, in order; records that cannot be read are left out.

    Raises:
        TransientError: Kafka is away, or went away in the middle, or the topic is not there.
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
            partitions = consumer.partitions_for_topic(topic)
            if not partitions:
                raise TransientError(f"There is no topic {topic} in Kafka.")
            for partition in sorted(partitions):
                yield _read_partition(consumer, TopicPartition(topic, partition), consumes)
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka is away: {type(error).__name__}.") from error


def _read_partition(consumer: KafkaConsumer, partition: TopicPartition, consumes: type[E]) -> Iterator[E]:
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    heard_at = time.monotonic()
    while (records := consumer.poll(QUIET_MS).get(partition, [])) or consumer.position(partition) < end:
        if records:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > STALLED_S:
            raise TransientError(f"Kafka has given nothing of {partition.topic} for {STALLED_S:g} s; run it again.")
        for record in records:
            try:
                event = decode(record.headers, record.value)
            except UnprocessableError:
                continue
            if isinstance(event, consumes):
                yield event
