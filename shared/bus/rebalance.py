"""What happens to a worker's partitions when its group rebalances."""

from typing import Any

import structlog
from kafka import KafkaConsumer, TopicPartition

from railwatch.shared.bus.client import JoinsForCertain
from railwatch.shared.bus.inflight import Inflight

log = structlog.get_logger(__name__)


class Rebalance(JoinsForCertain):
    """Notes what happens to the partitions. It is called inside `poll`, where committing is not allowed.

    In a rebalance every partition is revoked, and most come back at once. kafka-python then goes on where it was. So
    the work in hand of those partitions goes on too. Only the work of partitions that went elsewhere is dropped.

    Attributes:
        under_way: whether partitions are still to be assigned: for the first time, or again after they were revoked.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        super().__init__(consumer)
        self.under_way = True
        self._lost: set[TopicPartition] = set()
        self._assigned: set[TopicPartition] | None = None

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """The group begins to rebalance."""
        self.under_way = True
        super().on_partitions_revoked(revoked)

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        """The group has excluded this member. Another member may have the partitions by now."""
        self.under_way = True
        self._lost |= lost

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """These are the partitions from now on."""
        self.under_way = False
        self._assigned = assigned
        log.info("partitions assigned", partitions=sorted(partition.partition for partition in assigned))

    def apply(self, inflight: Inflight[TopicPartition, Any]) -> None:
        """Drop the work of the partitions that are gone. Call it after a poll, before what it fetched is added."""
        inflight.revoke(self._lost)
        self._lost = set()
        if self._assigned is not None:
            inflight.keep(self._assigned)
            self._assigned = None
