"""Which fetched record may be handled next, and up to which offset each partition may be committed.

This is pure bookkeeping, without a clock, threads or Kafka. The records of one partition are handled in order, one at a
time. Several partitions are handled at the same time, up to a limit. A revoked partition is forgotten. But if one of
its records is still being handled, the partition waits until that ends. So the order holds even if the partition comes
straight back.
"""

from collections import deque
from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Task(Generic[P, R]):
    """A record to handle now.

    Attributes:
        partition: the partition that holds it.
        offset: its place there.
        record: the record itself.
        failures: how often handling it has failed before.
        assignment: the number of the assignment in which it was fetched.
        waits: how often in a row a dependency was away when it should have been handled.
    """

    partition: P
    offset: int
    record: R
    failures: int
    assignment: int
    waits: int = 0


@dataclass
class _Lane(Generic[R]):
    """One assigned partition. The first record of the queue is being handled, or is the next to be."""

    assignment: int
    queue: deque[tuple[int, R]] = field(default_factory=deque)
    last_added: int = -1
    failures: int = 0
    waits: int = 0
    not_before: float = 0.0
    finished: int | None = None


class Inflight(Generic[P, R]):
    """The records that were fetched and are not finished.

    Args:
        max_running: how many records may be handled at the same time.
    """

    def __init__(self, max_running: int) -> None:
        self._max_running = max_running
        self._lanes: dict[P, _Lane[R]] = {}
        self._running: dict[P, Task[P, R]] = {}
        self._assignments = 0

    def add(self, partition: P, records: Iterable[tuple[int, R]]) -> None:
        """Queue fetched records, given as (offset, record). If an offset goes back, the partition was rewound."""
        for offset, record in records:
            if partition in self._lanes and offset <= self._lanes[partition].last_added:
                self.revoke([partition])
            if partition not in self._lanes:
                self._assignments += 1
                self._lanes[partition] = _Lane(self._assignments)
            lane = self._lanes[partition]
            lane.queue.append((offset, record))
            lane.last_added = offset

    def revoke(self, partitions: Iterable[P]) -> None:
        """Forget these partitions. Their records that are being handled will not be committed."""
        for partition in partitions:
            self._lanes.pop(partition, None)

    def keep(self, partitions: Container[P]) -> None:
        """Forget all partitions except these."""
        self.revoke([partition for partition in self._lanes if partition not in partitions])

    def start(self, now: float) -> list[Task[P, R]]:
        """The records to begin now: at most one of each partition. Partitions that have waited longest come first."""
        tasks = []
        for partition, lane in list(self._lanes.items()):
            if len(self._running) >= self._max_running:
                break
            if partition in self._running or not lane.queue or lane.not_before > now:
                continue
            offset, record = lane.queue[0]
            task = Task(partition, offset, record, lane.failures, lane.assignment, lane.waits)
            self._running[partition] = task
            self._lanes[partition] = self._lanes.pop(partition)  # to the back of the line
            tasks.append(task)
        return tasks

    def finish(self, task: Task[P, R]) -> None:
        """Note that a record is handled and its output acknowledged. It may be committed."""
        del self._running[task.partition]
        lane = self._lane_of(task)
        if lane is not None:
            lane.queue.popleft()
            lane.failures, lane.waits, lane.not_before = 0, 0, 0.0
            lane.finished = task.offset + 1

    def put_off(self, task: Task[P, R], until: float, failures: int, waits: int = 0) -> None:
        """Note that a record must be handled again, not before the time `until`. Its partition waits."""
        del self._running[task.partition]
        lane = self._lane_of(task)
        if lane is not None:
            lane.failures, lane.waits, lane.not_before = failures, waits, until

    def to_commit(self) -> dict[P, int]:
        """The offset of the next record to handle, for each partition where it has moved since the last commit."""
        return {partition: lane.finished for partition, lane in self._lanes.items() if lane.finished is not None}

    def committed(self, offsets: dict[P, int]) -> None:
        """Note that these offsets, which came from `to_commit`, are stored."""
        for partition, offset in offsets.items():
            lane = self._lanes.get(partition)
            if lane is not None and lane.finished == offset:
                lane.finished = None

    def waiting(self, partition: P) -> int:
        """How many records of the partition are queued or being handled."""
        return len(self._lanes[partition].queue) if partition in self._lanes else 0

    def oldest(self) -> list[R]:
        """The oldest unfinished record of each partition that has one."""
        return [lane.queue[0][1] for lane in self._lanes.values() if lane.queue]

    @property
    def running(self) -> int:
        """How many records are being handled, including those of revoked partitions."""
        return len(self._running)

    def __len__(self) -> int:
        return sum(len(lane.queue) for lane in self._lanes.values())

    def _lane_of(self, task: Task[P, R]) -> _Lane[R] | None:
        lane = self._lanes.get(task.partition)
        return lane if lane is not None and lane.assignment == task.assignment else None
