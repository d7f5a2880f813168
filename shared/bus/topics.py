"""The topics. An operator, a deployment job or the demo makes them; services never do."""

from dataclasses import dataclass

from kafka import KafkaConsumer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from railwatch.shared.bus.client import connection, make_admin
from railwatch.shared.errors import TransientError
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.settings import KafkaSettings

# Redis' state is rebuilt from the topics. Which of them may have a retention is in docs/operate.md, *Sizing*.
KEEP_FOREVER_MS = -1


@dataclass(frozen=True)
class TopicPlan:
    """How the topics are made.

    Attributes:
        partitions: partitions of each topic: as many consumers can share its work. Partitions that are added later move
            keys to other partitions, which breaks the order of those keys' events once.
        replication: copies of each partition.
    """

    partitions: int = 12
    replication: int = 3

    def configuration(self) -> dict[str, str]:
        """The settings of each topic. With three copies, a write is acknowledged when two have it."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(KEEP_FOREVER_MS),
            "min.insync.replicas": str(max(1, self.replication - 1)),
        }


def ensure_topics(settings: KafkaSettings, plan: TopicPlan) -> list[str]:
    """Make the topics that are missing, and wait until they can be used. Existing topics are not changed.

    Returns:
        The topics that were made.

    Raises:
        TransientError: Kafka does not answer, or refuses.
    """
    made = []
    try:
        admin = make_admin(settings)
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka at {settings.bootstrap_servers} is away, or refuses us: {error}") from error
    try:
        for name in dict.fromkeys(event.TOPIC for event in EVENT_TYPES.values()):
            topic = settings.prefix + name
            options = {
                "num_partitions": plan.partitions,
                "replication_factor": plan.replication,
                "configs": plan.configuration(),
            }
            try:
                admin.create_topics({topic: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                continue
            made.append(topic)
    except KafkaError as error:
        raise TransientError(f"Kafka refused to make {topic}: {error}") from error
    finally:
        admin.close()
    return made


def is_missing(settings: KafkaSettings, topic: str) -> bool:
    """Whether Kafka answers that there is no such topic. False if it does not answer."""
    try:
        consumer = KafkaConsumer(**connection(settings), enable_auto_commit=False, allow_auto_create_topics=False)
    except (KafkaError, OSError):
        return False
    try:
        return not consumer.partitions_for_topic(topic)
    except (KafkaError, OSError):
        return False
    finally:
        consumer.close()
