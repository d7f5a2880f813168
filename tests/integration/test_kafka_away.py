"""Kafka is away at the start or goes away later: the worker waits, says so, and continues by itself."""

import pytest

from railwatch.shared.bus import Publisher
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.events import CountEvent, DeadLetter, Event
from railwatch.shared.health import Progress
from tests.conftest import StartBroker
from tests.support.bus import count_of, counter, eventually, kafka_settings_of, tile, topic_view, working


def acknowledged(publisher: Publisher, event: Event) -> bool:
    try:
        publisher.publish(event)
    except NotPublishedError:
        return False
    return True


def test_it_waits_for_kafka_and_recovers(restartable_broker: StartBroker) -> None:
    with restartable_broker() as environment:
        kafka = kafka_settings_of(environment)
    publisher, progress = Publisher(kafka), Progress()

    worker = counter(kafka, progress=progress)
    with working(worker):
        with pytest.raises(NotPublishedError, match=r"^Kafka did not acknowledge"):
            publisher.publish(tile(1))
        assert not worker.ready()

        with restartable_broker():
            ensure_topics(kafka, TopicPlan(2, replication=1))
            eventually(worker.ready, "it has found Kafka")
            publisher.publish(tile(1))
            with topic_view(kafka, CountEvent) as counts:
                eventually(lambda: counts.ids() == {count_of(tile(1)).id}, "it works")

        eventually(lambda: not worker.ready(), "it has noticed that Kafka went away")
        assert progress.alive(within_s=30)

        with restartable_broker():
            ensure_topics(kafka, TopicPlan(2, replication=1))
            eventually(lambda: acknowledged(publisher, tile(2)), "a new producer is made where the old one is unknown")
            with topic_view(kafka, CountEvent) as counts:
                eventually(lambda: count_of(tile(2)).id in counts.ids(), "it works again")
            eventually(worker.ready, "it is ready again")
            with topic_view(kafka, DeadLetter) as letters:
                assert letters.events() == []
