"""Which fetched record may be handled next, and up to which offset each partition may be committed.

This is pure bookkeeping, without a clock, threads or Kafka. The records of one strand are handled in order, one at a
time. A strand is a whole partition, or the records of one key in it. Several strands are handled at the same time, up
to a limit. A revoked partition is forgotten. But if one of its records is still being handled, its strand waits until
that ends. So the order holds even if the partition comes straight back.
"""

import math
from collections import deque
from collections.abc import Callable, Container, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from railwatch.shared.bus.position import Position

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
        strand: what it is in order with, inside the partition.
    """

    partition: P
    offset: int
    record: R
    failures: int
    assignment: int
    waits: int = 0
    strand: Hashable = None


@dataclass
class _Lane(Generic[R]):
    """One assigned partition: what was fetched and is not finished, by offset, and how far all is done."""

    assignment: int
    unfinished: dict[int, R] = field(default_factory=dict)
    last_added: int = -1
    done_to: int = 0
    awaited: tuple[int, ...] = ()  # unfinished when the partition was taken over, and not fetched yet
    to_commit: bool = False

    @property
    def position(self) -> Position:
        waiting = (*self.unfinished, *self.awaited)
        unfinished = tuple(sorted(offset for offset in waiting if offset < self.done_to))
        return Position(unfinished[0] if unfinished else self.done_to, self.done_to, unfinished)


@dataclass
class _Strand:
    """Records of a lane that are in order. The first one is being handled, or is the next to be."""

    queue: deque[int] = field(default_factory=deque)
    failures: int = 0
    waits: int = 0
    not_before: float = 0.0


class Inflight(Generic[P, R]):
    """The records that were fetched and are not finished.

    Args:
        max_running: how many records may be handled at the same time.
        strand_of: what a record is in order with, inside its partition. By default this is the whole partition.
    """

    def __init__(self, max_running: int, strand_of: Callable[[R], Hashable] = lambda _: None) -> None:
        self._max_running, self._strand_of = max_running, strand_of
        self._lanes: dict[P, _Lane[R]] = {}
        self._strands: dict[tuple[P, Hashable], _Strand] = {}
        self._running: dict[tuple[P, Hashable], Task[P, R]] = {}
        self._assignments = 0

    def begins_with(self, partition: P, offset: int) -> bool:
        """Whether a record that was fetched begins its partition: there is nothing of it yet, or it was rewound."""
        lane = self._lanes.get(partition)
        return lane is None or offset <= lane.last_added

    def take_over(self, partition: P, position: Position) -> None:
        """Begin a partition where it was committed. What is finished beyond that offset is not handled again."""
        self.revoke([partition])
        lane = self._begin(partition)
        lane.done_to, lane.awaited = position.done_to, position.unfinished

    def add(self, partition: P, records: Iterable[tuple[int, R]]) -> None:
        """Queue fetched records, given as (offset, record). If an offset goes back, the partition was rewound."""
        for offset, record in records:
            if self.begins_with(partition, offset):
                self.revoke([partition])
                self._begin(partition)
            lane = self._lanes[partition]
            lane.last_added = offset
            done = offset < lane.done_to and offset not in lane.awaited
            if lane.awaited:
                lane.awaited = tuple(other for other in lane.awaited if other > offset)
            if not done:
                lane.unfinished[offset] = record
                self._strands.setdefault((partition, self._strand_of(record)), _Strand()).queue.append(offset)

    def revoke(self, partitions: Iterable[P]) -> None:
        """Forget these partitions. Their records that are being handled will not be committed."""
        gone = {partition for partition in partitions if self._lanes.pop(partition, None)}
        self._strands = {name: strand for name, strand in self._strands.items() if name[0] not in gone}

    def keep(self, partitions: Container[P]) -> None:
        """Forget all partitions except these."""
        self.revoke([partition for partition in self._lanes if partition not in partitions])

    def start(self, now: float) -> list[Task[P, R]]:
        """The records to begin now: at most one of each strand. Strands that have waited longest come first."""
        tasks = []
        for name, strand in list(self._strands.items()):
            if self.full:
                break
            if name in self._running or strand.not_before > now:
                continue
            partition, key = name
            lane, offset = self._lanes[partition], strand.queue[0]
            record = lane.unfinished[offset]
            task = Task(partition, offset, record, strand.failures, lane.assignment, strand.waits, key)
            self._running[name] = task
            self._strands[name] = self._strands.pop(name)  # to the back of the line
            tasks.append(task)
        return tasks

    def next_start(self, now: float) -> float:
        """When the first record that waits for its next attempt may begin; infinite if none waits."""
        return min(
            (strand.not_before for strand in self._strands.values() if strand.not_before > now), default=math.inf
        )

    def finish(self, task: Task[P, R]) -> None:
        """Note that a record is handled and its output acknowledged. It may be committed."""
        name = task.partition, task.strand
        del self._running[name]
        lane = self._lane_of(task)
        if lane is None:
            return
        del lane.unfinished[task.offset]
        lane.done_to, lane.to_commit = max(lane.done_to, task.offset + 1), True
        strand = self._strands[name]
        strand.queue.popleft()
        strand.failures, strand.waits, strand.not_before = 0, 0, 0.0
        if not strand.queue:
            del self._strands[name]

    def put_off(self, task: Task[P, R], until: float, failures: int, waits: int = 0) -> None:
        """Note that a record must be handled again, not before the time `until`. Its strand waits."""
        name = task.partition, task.strand
        del self._running[name]
        if self._lane_of(task) is not None:
            strand = self._strands[name]
            strand.failures, strand.waits, strand.not_before = failures, waits, until

    def to_commit(self) -> dict[P, Position]:
        """How far each partition is handled that has moved since the last commit."""
        return {partition: lane.position for partition, lane in self._lanes.items() if lane.to_commit}

    def committed(self, positions: dict[P, Position]) -> None:
        """Note that these positions, which came from `to_commit`, are stored."""
        for partition, position in positions.items():
            lane = self._lanes.get(partition)
            if lane is not None and lane.position == position:
                lane.to_commit = False

    def waiting(self, partition: P) -> int:
        """How many records of the partition are queued or being handled."""
        return len(self._lanes[partition].unfinished) if partition in self._lanes else 0

    def oldest(self) -> list[R]:
        """The oldest unfinished record of each partition that has one."""
        return [next(iter(lane.unfinished.values())) for lane in self._lanes.values() if lane.unfinished]

    @property
    def running(self) -> int:
        """How many records are being handled, including those of revoked partitions."""
        return len(self._running)

    @property
    def full(self) -> bool:
        """Whether no further record may begin until one ends."""
        return len(self._running) >= self._max_running

    def __len__(self) -> int:
        return sum(len(lane.unfinished) for lane in self._lanes.values())

    def _begin(self, partition: P) -> _Lane[R]:
        self._assignments += 1
        self._lanes[partition] = _Lane(self._assignments)
        return self._lanes[partition]

    def _lane_of(self, task: Task[P, R]) -> _Lane[R] | None:
        lane = self._lanes.get(task.partition)
        return lane if lane is not None and lane.assignment == task.assignment else None
