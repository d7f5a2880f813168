"""What is said where a topic is missing, as after an upgrade that brought a new one."""

import pytest

from railwatch.shared.bus import Publisher
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import tile


def test_a_publisher_names_the_topic_that_is_missing_and_publishes_once_it_is_there(
    kafka_settings: KafkaSettings,
) -> None:
    later = kafka_settings.model_copy(update={"prefix": f"{kafka_settings.prefix}later-"})
    publisher = Publisher(later)
    with pytest.raises(NotPublishedError, match=rf"^There is no topic {later.prefix}railwatch\.tiles\.v1 in Kafka\.$"):
        publisher.publish(tile(1))
    ensure_topics(later, TopicPlan(partitions=1, replication=1))
    publisher.publish(tile(1))
    publisher.close()
