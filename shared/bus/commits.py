"""Committing what is handled, and going back to what was committed if the state in which it was handled is lost.

What a record brought about may be in a state that can be lost, such as Redis. If it is lost, a rebuild makes it anew
from what the group has committed. So a record that was handled in the lost state must not be committed after that: it
would be neither in the new state nor handled again.
"""

from collections.abc import Callable, Collection, Hashable
from typing import Any

import structlog
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError

from railwatch.shared.bus import metrics
from railwatch.shared.bus.inflight import Inflight
from railwatch.shared.errors import TransientError

COMMIT_TIMEOUT_MS = 5_000

State = Callable[[], Hashable]

log = structlog.get_logger(__name__)


def no_state() -> None:
    """What a worker works in whose handlers keep nothing that can be lost."""


class Commits:
    """Commits the offsets of one worker.

    Args:
        group: the consumer group, without the installation's prefix.
        inflight: what is handled.
        state: names the state that handlers write to. Another name means that the one before was lost. It raises
            `DependencyAwayError` while none is whole, or another `TransientError` if it cannot be asked.
    """

    def __init__(self, group: str, inflight: Inflight[TopicPartition, Any], state: State) -> None:
        self._group, self._inflight, self._state = group, inflight, state
        self._handled_in: dict[TopicPartition, Hashable] = {}

    def note(self, partition: TopicPartition, state: Hashable) -> None:
        """Note in which state a record was handled that is finished and not committed; null if in none."""
        if state is not None:
            self._handled_in.setdefault(partition, state)

    def commit(self, consumer: KafkaConsumer) -> None:
        """Commit how far each partition is handled. One that was handled in a lost state goes back instead.

        Raises:
            KafkaError: Kafka does not say how far a partition is committed that must go back.
        """
        positions = self._inflight.to_commit()
        if not positions:
            return
        try:
            state = self._state()
        except TransientError:  # while it is lost, or cannot be asked, records wait to be committed
            return
        self._go_back(consumer, [one for one in positions if self._handled_in.get(one, state) != state])
        positions = self._inflight.to_commit()
        if not positions:
            return
        try:
            consumer.commit(
                {tp: OffsetAndMetadata(position.offset, position.text(), -1) for tp, position in positions.items()},
                timeout_ms=COMMIT_TIMEOUT_MS,
            )
        except (CommitFailedError, RebalanceInProgressError):
            # The group is rebalancing. Partitions that stay are committed after it. Records of partitions that go are
            # handled again by another member, to the same effect.
            metrics.COMMITS_REFUSED.labels(self._group).inc()
        except KafkaError as error:
            log.warning("could not commit; trying again", error=str(error))
        else:
            self._inflight.committed(positions)
            self._handled_in.clear()

    def _go_back(self, consumer: KafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        for partition in partitions:
            committed = consumer.committed(partition, timeout_ms=COMMIT_TIMEOUT_MS)
            self._inflight.revoke([partition])
            del self._handled_in[partition]
            if committed is None:
                consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, committed)
            log.warning("handling again what was handled before the state was lost", partition=partition.partition)
