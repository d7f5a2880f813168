"""A fault of kafka-python that the bus works around: how it shows, and whether it is still there."""

from collections.abc import Callable
from contextlib import closing

import kafka
import pytest
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.structs import MemberState

from railwatch.embedded import embedded_broker
from railwatch.shared.bus.client import FORGETFUL_VERSIONS, JoinsForCertain, keep_joining, make_admin, make_consumer
from railwatch.shared.events import CountEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import eventually, kafka_settings_of

TOPIC = "growing"


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Does something when partitions are revoked, and counts how often some are assigned."""

    def __init__(self, revoked: Callable[[], object]) -> None:
        self._revoked = revoked
        self.assigned = 0

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._revoked()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.assigned += 1


def joins_again_after_partitions_were_added(revoked: Callable[[KafkaConsumer], object]) -> bool:
    """Whether a member of a group joins it again after partitions were added; false if it has forgotten to.

    The embedded broker takes seconds to answer a join. The polls are far shorter.
    """
    with embedded_broker() as environment:
        settings = kafka_settings_of(environment)
        admin, consumer = make_admin(settings), make_consumer(settings, "group")
        listener = Listener(lambda: revoked(consumer))

        def settled() -> bool:
            consumer.poll(5)
            return listener.assigned > 1 or forgotten()

        def forgotten() -> bool:
            joining = consumer.group_metadata().state == MemberState.REBALANCING
            return joining and not consumer._coordinator.need_rejoin()

        try:
            admin.create_topics({TOPIC: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
            consumer.subscribe([TOPIC], listener=listener)
            eventually(lambda: consumer.poll(5) or listener.assigned, "it has joined the group")
            # The embedded broker cannot add partitions to a topic that exists.
            admin.delete_topics([TOPIC])
            admin.create_topics({TOPIC: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
            consumer.topics()  # so that it learns of them
            eventually(settled, "it has joined again, or has forgotten to")
            return not forgotten()
        finally:
            consumer.close()
            admin.close()


def test_a_consumer_that_keeps_joining_joins_again_when_partitions_are_added() -> None:
    assert joins_again_after_partitions_were_added(keep_joining)


def test_a_consumer_whose_polls_are_far_shorter_than_the_join_joins_its_group(kafka_settings: KafkaSettings) -> None:
    """Apache Kafka showed it: without the listener, eleven of twelve members waited for ever."""
    with closing(make_consumer(kafka_settings, "in-haste")) as consumer:
        consumer.subscribe([kafka_settings.prefix + CountEvent.TOPIC], listener=JoinsForCertain(consumer))

        eventually(lambda: consumer.poll(5) or consumer.assignment(), "it has joined the group")


def test_kafka_python_by_itself_forgets_to_join_again() -> None:
    if joins_again_after_partitions_were_added(lambda consumer: None):
        pytest.fail(
            f"kafka-python {kafka.__version__} no longer forgets to join: `keep_joining` is not needed any more"
        )
    assert kafka.__version__.startswith(FORGETFUL_VERSIONS), "it still forgets to join: add this version"
