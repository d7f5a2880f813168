"""The rules of the bookkeeping: order within a partition, and no commit of a record that is not finished."""

import math

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from railwatch.shared.bus.inflight import Inflight, Task
from railwatch.shared.bus.position import MAX_TEXT, Position, position_of

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
        for partition, position in offsets.items():
            offset = position.offset
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
    assert inflight.next_start(now=9.9) == 10.0
    (again,) = inflight.start(now=10.0)
    assert (again.offset, again.failures) == (0, 1)
    assert inflight.next_start(now=10.0) == math.inf


def test_a_record_being_handled_survives_a_rebalance_that_leaves_the_partition() -> None:
    inflight = queue_of(0)
    (task,) = inflight.start(now=0.0)
    inflight.keep({"a"})
    inflight.finish(task)

    assert inflight.to_commit() == {"a": Position(1, 1)}


def test_a_partition_that_came_back_waits_for_the_record_that_is_still_handled() -> None:
    inflight = queue_of(0)
    (task,) = inflight.start(now=0.0)
    inflight.revoke(["a"])
    inflight.add("a", [(0, 0), (1, 1)])

    assert inflight.start(now=0.0) == []
    inflight.finish(task)
    assert inflight.to_commit() == {}, "what was taken away is not committed"
    assert [again.offset for again in inflight.start(now=0.0)] == [0]


class LoopByKey(RuleBasedStateMachine):
    """The same loop over one partition whose records are in order by key only: three keys that take turns."""

    tasks = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.log_end = 0
        self.finished: set[int] = set()
        self.committed = Position(0, 0)
        self.now = 0.0
        self.running: set[int] = set()
        self.restart()

    @rule()
    def restart(self) -> None:
        """Another process takes the partition over; only what was committed is known of it."""
        self.inflight: Inflight[str, int] = Inflight(MAX_RUNNING, lambda offset: offset % 3)
        self.inflight.take_over("a", position_of(self.committed.offset, self.committed.text()))
        waiting = set(self.committed.unfinished)
        self.known_done = {o for o in range(self.committed.done_to) if o not in waiting}
        self.finished = set(self.known_done)
        self.position = self.committed.offset
        self.running = set()
        self.process = object()

    @rule(count=st.integers(1, 6))
    def fetch(self, count: int) -> None:
        self.inflight.add("a", [(offset, offset) for offset in range(self.position, self.position + count)])
        self.position += count

    @rule(target=tasks)
    def start(self) -> tuple[object, list[Task[str, int]]]:
        started = self.inflight.start(self.now)
        for task in started:
            assert task.offset not in self.finished, "what is known to be finished is not handled again"
            before = range(task.offset % 3, task.offset, 3)
            assert self.finished.issuperset(before), "in order by key"
            self.running.add(task.offset)
        assert len(self.running) <= MAX_RUNNING
        return self.process, started

    @rule(begun=consumes(tasks), index=st.integers(0, 2))
    def finish_some(self, begun: tuple[object, list[Task[str, int]]], index: int) -> None:
        process, started = begun
        for number, task in enumerate(started if process is self.process else ()):
            self.running.remove(task.offset)
            if number == index:
                self.inflight.put_off(task, until=self.now + 5, failures=task.failures + 1)
            else:
                self.finished.add(task.offset)
                self.inflight.finish(task)

    @rule()
    def commit(self) -> None:
        for position in self.inflight.to_commit().values():
            done = set(range(position.done_to)) - set(position.unfinished)
            assert done <= self.finished, "nothing unfinished is taken as finished"
            assert position.offset >= self.committed.offset, "never backwards"
            self.committed = position
            self.inflight.committed({"a": position})
        assert self.inflight.to_commit() == {}
        assert set(range(self.committed.done_to)) - set(self.committed.unfinished) == self.finished

    @rule(seconds=st.floats(0, 10))
    def wait(self, seconds: float) -> None:
        self.now += seconds


TestLoopByKey = LoopByKey.TestCase


def test_a_record_that_waits_holds_up_its_own_key_only() -> None:
    inflight: Inflight[str, int] = Inflight(4, lambda offset: "refused" if offset in (0, 2) else "taken")
    inflight.add("a", [(offset, offset) for offset in range(4)])
    for _ in range(2):
        for task in inflight.start(now=0.0):
            if task.strand == "refused":
                inflight.put_off(task, until=10.0, failures=1)
            else:
                inflight.finish(task)

    assert inflight.to_commit() == {"a": Position(0, 4, (0, 2))}
    assert position_of(0, Position(0, 4, (0, 2)).text()) == Position(0, 4, (0, 2))
    assert [task.offset for task in inflight.start(now=10.0)] == [0]


@given(st.lists(st.integers(0, 10**9), unique=True, max_size=700))
def test_a_position_that_is_too_long_for_kafka_says_less_and_nothing_wrong(unfinished: list[int]) -> None:
    offsets = tuple(sorted(unfinished))
    position = Position(offsets[0] if offsets else 5, 2 * 10**9, offsets)

    text = position.text()
    read = position_of(position.offset, text)

    assert len(text) <= MAX_TEXT
    assert read.unfinished == offsets[: len(read.unfinished)]
    following = offsets[len(read.unfinished) :]
    assert read.done_to == (following[0] if following else position.done_to if offsets else 5)


def test_a_text_that_is_not_ours_says_nothing() -> None:
    assert {position_of(7, text) for text in (None, "", "hello", "9 x")} == {Position(7, 7)}


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
