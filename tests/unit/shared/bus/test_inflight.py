"""The rules of the bookkeeping: order within a partition, and no commit of a record that is not finished."""

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from railwatch.shared.bus.inflight import Inflight, Task

PARTITIONS = ("a", "b", "c")
MAX_RUNNING = 2
partitions = st.sampled_from(PARTITIONS)


class Loop(RuleBasedStateMachine):
    """Plays the worker's loop against a log of ten thousand records in each partition.

    The model knows what the client would: where it would fetch next, what is committed, and what was finished.
    """

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.inflight: Inflight[str, int] = Inflight(MAX_RUNNING)
        self.position = dict.fromkeys(PARTITIONS, 0)
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.finished: dict[str, set[int]] = {partition: set() for partition in PARTITIONS}
        self.running: set[str] = set()
        self.now = 0.0

    @rule(partition=partitions, count=st.integers(1, 5))
    def fetch(self, partition: str, count: int) -> None:
        first = self.position[partition]
        self.inflight.add(partition, [(offset, offset) for offset in range(first, first + count)])
        self.position[partition] = first + count

    @rule(partition=partitions)
    def lose_and_get_back(self, partition: str) -> None:
        """The partition goes to another member, which begins at the committed offset."""
        self.inflight.revoke([partition])
        self.position[partition] = self.committed[partition]

    @rule(partition=partitions, count=st.integers(1, 5))
    def rewind(self, partition: str, count: int) -> None:
        """The client begins at the committed offset and has not said that it lost the partition."""
        self.position[partition] = self.committed[partition]
        self.fetch(partition, count)

    @rule(kept=st.sets(partitions))
    def rebalance(self, kept: set[str]) -> None:
        """Partitions that stay continue where they were."""
        self.inflight.keep(kept)
        for partition in set(PARTITIONS) - kept:
            self.position[partition] = self.committed[partition]

    @rule(target=tasks)
    def start(self) -> list[Task[str, int]]:
        started = self.inflight.start(self.now)
        for task in started:
            assert task.partition not in self.running, "one record of a partition at a time"
            before = set(range(self.committed[task.partition], task.offset))
            assert before <= self.finished[task.partition], "in order: all before it are finished"
            self.running.add(task.partition)
        assert len(self.running) <= MAX_RUNNING
        return started

    @rule(started=consumes(tasks), index=st.integers(0, 2))
    def finish_some(self, started: list[Task[str, int]], index: int) -> None:
        for number, task in enumerate(started):
            self.running.remove(task.partition)
            if number == index:
                self.inflight.put_off(task, until=self.now + 5, failures=task.failures + 1)
            else:
                self.finished[task.partition].add(task.offset)
                self.inflight.finish(task)

    @rule()
    def commit(self) -> None:
        offsets = self.inflight.to_commit()
        for partition, offset in offsets.items():
            assert set(range(self.committed[partition], offset)) <= self.finished[partition], "nothing unfinished"
            assert offset > self.committed[partition], "never backwards"
            self.committed[partition] = offset
        self.inflight.committed(offsets)
        assert self.inflight.to_commit() == {}

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def counts_what_it_runs(self) -> None:
        assert self.inflight.running == len(self.running)


TestLoop = Loop.TestCase


def queue_of(*offsets: int) -> Inflight[str, int]:
    inflight: Inflight[str, int] = Inflight(4)
    inflight.add("a", [(offset, offset) for offset in offsets])
    return inflight


def test_a_record_that_waits_for_its_next_attempt_holds_its_partition() -> None:
    inflight = queue_of(0, 1)
    (task,) = inflight.start(now=0.0)
    inflight.put_off(task, until=10.0, failures=1)

    assert inflight.start(now=9.9) == []
    (again,) = inflight.start(now=10.0)
    assert (again.offset, again.failures) == (0, 1)


def test_a_record_being_handled_survives_a_rebalance_that_leaves_the_partition() -> None:
    inflight = queue_of(0)
    (task,) = inflight.start(now=0.0)
    inflight.keep({"a"})
    inflight.finish(task)

    assert inflight.to_commit() == {"a": 1}


def test_a_partition_that_came_back_waits_for_the_record_that_is_still_handled() -> None:
    inflight = queue_of(0)
    (task,) = inflight.start(now=0.0)
    inflight.revoke(["a"])
    inflight.add("a", [(0, 0), (1, 1)])

    assert inflight.start(now=0.0) == []
    inflight.finish(task)
    assert inflight.to_commit() == {}, "what was taken away is not committed"
    assert [again.offset for again in inflight.start(now=0.0)] == [0]


def test_partitions_take_turns() -> None:
    inflight: Inflight[str, int] = Inflight(1)
    for partition in PARTITIONS:
        inflight.add(partition, [(0, 0), (1, 1)])

    order = []
    for _ in range(6):
        (task,) = inflight.start(now=0.0)
        order.append(task.partition)
        inflight.finish(task)

    assert order == ["a", "b", "c", "a", "b", "c"]
