"""What a consumer group has done before, by the offsets that it committed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection, make_consumer
from railwatch.shared.bus.position import Position, position_of
from railwatch.shared.bus.read import QUIET_MS
from railwatch.shared.errors import DependencyAwayError
from railwatch.shared.events import Event
from railwatch.shared.settings import KafkaSettings

ANSWER_WITHIN_MS = 10_000

# More than what may come in while a group looks for the end of its topic.
MAX_BATCHES = 10


def has_worked(kafka: KafkaSettings, group: str, consumes: type[Event]) -> bool:
    """Whether the group has ever finished a record of the event's topic, as far as Kafka knows.

    Args:
        kafka: how to reach Kafka.
        group: the consumer group, without the installation's prefix.
        consumes: the type of event that the group consumes.

    Raises:
        DependencyAwayError: Kafka does not answer.
    """
    return any(position.done_to for position in positions_of(kafka, group, consumes).values())


def positions_of(kafka: KafkaSettings, group: str, consumes: type[Event]) -> dict[int, Position]:
    """How far the group has handled each partition of the event's topic; empty if it has never committed anything.

    Raises:
        DependencyAwayError: Kafka does not answer.
    """
    found = {}
    with _consumer_of(kafka, group) as consumer:
        for partition in _partitions(consumer, kafka, consumes):
            held = consumer.committed(partition, metadata=True, timeout_ms=ANSWER_WITHIN_MS)
            if held is not None:
                found[partition.partition] = position_of(held.offset, held.metadata)
    return found


def ends_of(kafka: KafkaSettings, consumes: type[Event]) -> dict[int, int]:
    """The end offset of each partition of the event's topic; that of the embedded broker leaves the last batch out.

    Raises:
        DependencyAwayError: Kafka does not answer.
    """
    return _offsets(kafka, consumes, KafkaConsumer.end_offsets)


def begins_of(kafka: KafkaSettings, consumes: type[Event]) -> dict[int, int]:
    """The offset of the oldest record of each partition of the event's topic: above 0 if older ones were deleted.

    Raises:
        DependencyAwayError: Kafka does not answer.
    """
    return _offsets(kafka, consumes, KafkaConsumer.beginning_offsets)


def committed_position(consumer: KafkaConsumer, partition: TopicPartition, first: int) -> Position | None:
    """How far the group has handled a partition of which it fetches now from the offset `first`.

    Null if it has committed nothing, or fetches from before what it committed: the topic was made anew.

    Raises:
        KafkaError: Kafka does not answer.
    """
    held = consumer.committed(partition, metadata=True, timeout_ms=ANSWER_WITHIN_MS)
    return position_of(held.offset, held.metadata) if held is not None and held.offset <= first else None


def begin_group(kafka: KafkaSettings, group: str, consumes: type[Event], since: datetime | None) -> bool:
    """Commit where a group begins that has never committed anything, so that Kafka remembers the group from then on.

    Args:
        kafka: how to reach Kafka.
        group: the consumer group, without the installation's prefix.
        consumes: the type of event that the group consumes.
        since: the group begins with what was written at this time or later; if null, behind all that is there now.

    Returns:
        Whether it begins now. It does not if it has committed something before, or if there is no topic yet.

    Raises:
        DependencyAwayError: Kafka does not answer, or another member begins at the same time.
    """
    with _consumer_of(kafka, group) as consumer:
        partitions = _partitions(consumer, kafka, consumes)
        if not partitions or any(
            consumer.committed(one, timeout_ms=ANSWER_WITHIN_MS) is not None for one in partitions
        ):
            return False
        offsets = _ends(consumer, partitions) if since is None else _written_since(consumer, partitions, since)
        begin = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
        consumer.commit(begin, timeout_ms=ANSWER_WITHIN_MS)
        return True


@contextmanager
def _consumer_of(kafka: KafkaSettings, group: str | None) -> Iterator[KafkaConsumer]:
    try:
        consumer = make_consumer(kafka, group) if group else KafkaConsumer(**connection(kafka))
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        raise DependencyAwayError(f"Kafka does not answer: {type(error).__name__}.") from error


def _offsets(
    kafka: KafkaSettings,
    consumes: type[Event],
    ask: Callable[[KafkaConsumer, Sequence[TopicPartition]], Mapping[TopicPartition, int]],
) -> dict[int, int]:
    with _consumer_of(kafka, None) as consumer:
        found = ask(consumer, _partitions(consumer, kafka, consumes))
        return {partition.partition: offset for partition, offset in found.items()}


def _partitions(consumer: KafkaConsumer, kafka: KafkaSettings, consumes: type[Event]) -> list[TopicPartition]:
    topic = kafka.prefix + consumes.TOPIC
    return [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]


def _ends(consumer: KafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Behind the last record of each partition. The end offsets of the embedded broker leave the last batch out."""
    consumer.assign(partitions)
    consumer.seek_to_end(*partitions)
    for _ in range(MAX_BATCHES):
        if not consumer.poll(QUIET_MS):
            break
    return {partition: consumer.position(partition) for partition in partitions}


def _written_since(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition], since: datetime
) -> dict[TopicPartition, int]:
    # The embedded broker keeps no times, and gives the beginning.
    found = consumer.offsets_for_times({one: int(since.timestamp() * 1000) for one in partitions})
    ends = consumer.end_offsets(partitions)
    return {one: found[one].offset if found.get(one) else ends[one] for one in partitions}
