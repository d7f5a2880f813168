"""The loop of all workers: poll, handle, publish, wait for the acknowledgement, commit.

Handlers run in a pool of threads while the loop keeps polling. So a slow handler, or a record that waits for its next
attempt, does not lose the worker its place in the group. An offset is committed only after the output of its record was
acknowledged. So a handler may run again for a record that it has already handled, and must then give the same output.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import MemberState

from railwatch.shared.bus import metrics
from railwatch.shared.bus.attempt import Attempt, Outcome, RetryPolicy
from railwatch.shared.bus.client import BUSY_FETCH_MS, make_consumer, rest_ms, set_fetch_wait
from railwatch.shared.bus.commits import COMMIT_TIMEOUT_MS, Commits, State, no_state
from railwatch.shared.bus.inflight import Inflight, Task
from railwatch.shared.bus.meanwhile import Meanwhile, SpareTime
from railwatch.shared.bus.offsets import committed_position
from railwatch.shared.bus.order import MAX_QUEUED, STRANDS, Order
from railwatch.shared.bus.publisher import Publisher
from railwatch.shared.bus.rebalance import Rebalance
from railwatch.shared.bus.timers import Timer, Timers
from railwatch.shared.bus.unreadable import pass_over_unreadable
from railwatch.shared.events import Event
from railwatch.shared.health import Progress
from railwatch.shared.process import Service
from railwatch.shared.settings import KafkaSettings

E = TypeVar("E", bound=Event)

# While handlers run, the loop waits for them to finish rather than for records; for longer if no other may begin.
BUSY_POLL_MS = 5
BUSY_WAIT_S, FULL_WAIT_S = 0.05, 0.25
# While partitions move: kafka-python completes a join only within one poll.
JOIN_POLL_MS = 200
# How often the broker is asked for the ends of the partitions. The worker is ready if it answers.
CHECK_S = 5.0

log = structlog.get_logger(__name__)


class Worker(Generic[E]):
    """Consumes one kind of event as a member of a group.

    Args:
        service: which service this is. Dead letters and spans say so.
        kafka: how to reach Kafka.
        group: the consumer group, without the installation's prefix.
        consumes: the type of event that `handle` takes. Its `TOPIC` is consumed.
        handle: makes the output of one event. If it raises `TransientError`, it is called again later, and the
            partition waits. After the last attempt, and for any other error, the record becomes a dead letter. For a
            `DependencyAwayError` there is no last attempt.
        publisher: publishes the output and the dead letters.
        progress: gets a beat each time the loop comes round, unless a handler is stuck.
        timers: run one after the other in a thread of their own. A timer that has events publishes them itself.
        meanwhile: what to do while no record is in hand; see `SpareTime`.
        max_in_flight: how many records may be handled at the same time.
        retry: how often and when to try again.
        handle_limit_s: a handler that takes longer, in seconds, is stuck. Progress stops, and the service is restarted.
        drain_s: how long `run` waits for running handlers when it must stop, in seconds.
        order: whether the records of a whole partition are handled in order, or only those of each key. Then a record
            that waits for its next attempt holds up its own key only, until a partition holds `MAX_QUEUED` records.
        state: names the state that `handle` writes to, if that can be lost; see `railwatch.shared.bus.commits`. It is
            asked before each call. While it raises `DependencyAwayError`, records wait.
    """

    def __init__(
        self,
        *,
        service: Service,
        kafka: KafkaSettings,
        group: str,
        consumes: type[E],
        handle: Callable[[E], Sequence[Event]],
        publisher: Publisher,
        progress: Progress,
        timers: Sequence[Timer] = (),
        meanwhile: Meanwhile | None = None,
        max_in_flight: int = 4,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008
        handle_limit_s: float = 600.0,
        drain_s: float = 25.0,
        order: Order = "partition",
        state: State = no_state,
    ) -> None:
        self._kafka, self._group, self._topic = kafka, group, consumes.TOPIC
        self._attempt = Attempt(service, group, consumes, handle, publisher, retry, state)
        self._progress, self._timers = progress, Timers(timers)
        self._max_in_flight, self._handle_limit_s, self._drain_s = max_in_flight, handle_limit_s, drain_s
        self._order, self._spare_time = order, SpareTime(meanwhile)
        self._inflight: Inflight[TopicPartition, Any] = Inflight(max_in_flight, STRANDS[order])
        self._commits = Commits(group, self._inflight, state)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._began: dict[Task[TopicPartition, Any], float] = {}
        self._ready = self._caught_up = False

    def ready(self) -> bool:
        """Whether this worker is a member of its group, and the broker answered the last question."""
        return self._ready

    def caught_up(self) -> bool:
        """Whether it has partitions, and had handled all their records when the broker was last asked."""
        return self._ready and self._caught_up

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Then finish the running handlers, commit, and leave the group.

        Kafka may be away at the start or later. The loop waits for it, and the log and `ready` say so.
        """
        pool = ThreadPoolExecutor(self._max_in_flight + 2, thread_name_prefix=self._group)
        try:
            while not stop.is_set():
                try:
                    consumer = make_consumer(self._kafka, self._group)
                except (KafkaError, OSError) as error:
                    log.warning("Kafka does not answer, or refuses us", error=str(error))
                    self._progress.beat()
                    stop.wait(1.0)
                    continue
                self._timers.begin(pool)
                try:
                    self._consume(consumer, pool, stop)
                except KafkaError as error:
                    log.warning("lost the consumer; joining again", error=str(error))
                    stop.wait(1.0)
                finally:
                    self._ready = False
                    metrics.PARTITIONS_ASSIGNED.labels(self._group).set(0)
                    with suppress(KafkaError):
                        consumer.close(autocommit=False, timeout_ms=COMMIT_TIMEOUT_MS)
                    self._inflight.keep(())
        finally:
            self._timers.end()
            self._spare_time.end()
            pool.shutdown(wait=False, cancel_futures=True)

    def _consume(self, consumer: KafkaConsumer, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        pass_over_unreadable(consumer)
        rebalance = Rebalance(consumer)
        consumer.subscribe([self._kafka.prefix + self._topic], listener=rebalance)
        next_check, give_up = 0.0, float("inf")
        while True:
            stopping = stop.is_set()
            if stopping:
                self._timers.end()
            busy = self._inflight.running > 0 or (stopping and self._timers.running())
            if stopping and (time.monotonic() > give_up or not busy):
                return
            set_fetch_wait(consumer, BUSY_FETCH_MS if busy else rest_ms(self._kafka))
            moving = rebalance.under_way
            fetched = consumer.poll(self._wait_ms(next_check, busy=busy, moving=moving))
            rebalance.apply(self._inflight)
            if moving and not rebalance.under_way:
                next_check = 0.0  # it may be ready
            for partition, records in fetched.items():
                first = records[0].offset
                begins = self._order == "key" and self._inflight.begins_with(partition, first)
                if begins and (position := committed_position(consumer, partition, first)):
                    self._inflight.take_over(partition, position)
                self._inflight.add(partition, ((record.offset, record) for record in records))
            self._look_for_spare_time(pool, stop)  # what is done in it learns of new records
            self._settle(FULL_WAIT_S if self._inflight.full else BUSY_WAIT_S if busy else 0.0)
            self._look_for_spare_time(pool, stop)  # it begins now, and not when the next poll has ended
            if not rebalance.under_way:
                self._commits.commit(consumer)
            now = time.monotonic()
            if stop.is_set():
                give_up = min(give_up, now + self._drain_s)
                consumer.pause(*consumer.assignment())
            else:
                for task in () if rebalance.under_way else self._inflight.start(now):
                    self._began[task] = now
                    pool.submit(self._work, task)
                self._pause_full(consumer)
            if now >= next_check:
                self._check(consumer)
                next_check = now + (CHECK_S if self._ready else CHECK_S / 5)
            self._measure()
            if all(now - began < self._handle_limit_s for began in self._began.values()):
                self._progress.beat()

    def _look_for_spare_time(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        self._spare_time.look(pool, free=not (self._inflight.running or len(self._inflight) or stop.is_set()))

    def _wait_ms(self, next_check: float, *, busy: bool, moving: bool) -> int:
        """How long a poll may wait for records: not long if handlers run or partitions move."""
        if busy:
            return BUSY_POLL_MS
        if moving:
            return JOIN_POLL_MS
        now = time.monotonic()
        due = min(next_check, self._inflight.next_start(now))
        return max(0, math.ceil(min(rest_ms(self._kafka), 1000 * (due - now))))

    def _work(self, task: Task[TopicPartition, Any]) -> None:
        self._outcomes.put(self._attempt(task))

    def _settle(self, wait_s: float) -> None:
        """Take in what the handlers have finished. Wait a little for the first."""
        try:
            outcome = self._outcomes.get(timeout=wait_s) if wait_s else self._outcomes.get_nowait()
            while True:
                self._began.pop(outcome.task, None)
                if outcome.retry_in_s is None:
                    self._inflight.finish(outcome.task)
                    self._commits.note(outcome.task.partition, outcome.state)
                else:
                    until = time.monotonic() + outcome.retry_in_s
                    self._inflight.put_off(outcome.task, until, outcome.failures, outcome.waits)
                outcome = self._outcomes.get_nowait()
        except queue.Empty:
            return

    def _pause_full(self, consumer: KafkaConsumer) -> None:
        assigned, paused = consumer.assignment(), consumer.paused()
        full = {partition for partition in assigned if self._inflight.waiting(partition) >= MAX_QUEUED[self._order]}
        consumer.pause(*(full - paused))
        consumer.resume(*(paused - full))

    def _check(self, consumer: KafkaConsumer) -> None:
        assigned, topic = consumer.assignment(), self._kafka.prefix + self._topic
        try:
            if assigned:
                # Its coordinator has a connection of its own. A question to a leader would wait behind a resting fetch.
                consumer.committed(next(iter(assigned)), timeout_ms=1_000)
            else:
                consumer.end_offsets([TopicPartition(topic, 0)], timeout_ms=1_000)  # also learns of a new topic
            ends = {partition: consumer.highwater(partition) for partition in assigned}
            behind = sum(end - consumer.position(partition, timeout_ms=1_000) for partition, end in ends.items() if end)
            behind += len(self._inflight)
            metrics.PARTITIONS.labels(self._group).set(len(consumer.partitions_for_topic(topic)))
        except KafkaError as error:
            self._ready = False
            log.warning("Kafka does not answer, or refuses us", error=str(error))
        else:
            self._ready = consumer.group_metadata().state == MemberState.STABLE
            self._caught_up = bool(ends) and None not in ends.values() and behind == 0
            metrics.LAG_RECORDS.labels(self._group).set(behind)
        metrics.PARTITIONS_ASSIGNED.labels(self._group).set(len(assigned) if self._ready else 0)

    def _measure(self) -> None:
        oldest_ms = min((record.timestamp for record in self._inflight.oldest()), default=None)
        metrics.LAG_SECONDS.labels(self._group).set(0 if oldest_ms is None else max(0, time.time() - oldest_ms / 1000))
        metrics.RECORDS_IN_FLIGHT.labels(self._group).set(len(self._inflight))
