"""Topics on a real broker."""

import pytest
from kafka import KafkaAdminClient

from railwatch.shared.bus.client import connection
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import TransientError
from railwatch.shared.settings import KafkaSettings


def test_missing_topics_are_made_and_present_ones_left_alone(kafka_settings: KafkaSettings) -> None:
    elsewhere = kafka_settings.model_copy(update={"prefix": kafka_settings.prefix + "other-"})

    made = ensure_topics(elsewhere, TopicPlan(partitions=2, replication=1))
    made_again = ensure_topics(elsewhere, TopicPlan(partitions=9, replication=1))

    assert {topic.removeprefix(elsewhere.prefix) for topic in made} == {
        "railwatch.tiles.v1",
        "railwatch.counts.v1",
        "railwatch.baselines.v1",
        "railwatch.alerts.v1",
        "railwatch.verdicts.v1",
        "railwatch.acts.v1",
        "railwatch.dead-letters.v1",
    }
    assert made_again == []
    admin = KafkaAdminClient(**connection(elsewhere))
    assert {len(topic["partitions"]) for topic in admin.describe_topics(made)} == {2}
    admin.close()


def test_a_missing_broker_is_reported_in_a_sentence() -> None:
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(TransientError, match=r"^Kafka at 127\.0\.0\.1:1 is away"):
        ensure_topics(nobody, TopicPlan(1, 1))
