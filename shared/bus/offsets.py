"""What a consumer group has done before, by the offsets that it committed."""

from kafka import TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import make_consumer
from railwatch.shared.errors import DependencyAwayError
from railwatch.shared.events import Event
from railwatch.shared.settings import KafkaSettings

ANSWER_WITHIN_MS = 10_000


def has_worked(kafka: KafkaSettings, group: str, consumes: type[Event]) -> bool:
    """Whether the group has ever finished a record of the event's topic, as far as Kafka knows.

    Args:
        kafka: how to reach Kafka.
        group: the consumer group, without the installation's prefix.
        consumes: the type of event that the group consumes.

    Raises:
        DependencyAwayError: Kafka does not answer.
    """
    topic = kafka.prefix + consumes.TOPIC
    try:
        consumer = make_consumer(kafka, group)
        try:
            return any(
                consumer.committed(TopicPartition(topic, partition), timeout_ms=ANSWER_WITHIN_MS)
                for partition in consumer.partitions_for_topic(topic) or ()
            )
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        raise DependencyAwayError(f"Kafka does not answer: {type(error).__name__}.") from error
