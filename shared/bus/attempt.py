"""One attempt at one record: decode it, handle it, publish the output, and decide what happens to the record next."""

import random
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog
from kafka import TopicPartition

from railwatch.shared.bus import metrics
from railwatch.shared.bus.codec import decode_record, origin_of
from railwatch.shared.bus.commits import State, no_state
from railwatch.shared.bus.deadletter import dead_letter
from railwatch.shared.bus.inflight import Task
from railwatch.shared.bus.lineage import lineage
from railwatch.shared.bus.publisher import Publisher
from railwatch.shared.bus.tracing import span
from railwatch.shared.errors import DependencyAwayError, NotPublishedError, TransientError, UnprocessableError
from railwatch.shared.events import Event
from railwatch.shared.logs import log_context
from railwatch.shared.process import Service

E = TypeVar("E", bound=Event)
RecordTask = Task[TopicPartition, Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again: exponential backoff with jitter, so that waiting partitions do not all come back at once.

    The default gives up after about ten minutes. It limits the handling only. Publishing is repeated until it succeeds,
    and attempts that fail because a dependency is away are not counted.

    Attributes:
        attempts: how often a record is handled before it becomes a dead letter.
        first_s: the wait after the first failure, in seconds. It doubles with each failure.
        longest_s: the longest wait, in seconds. Nobody outside can ask for a longer one.
    """

    attempts: int = 12
    first_s: float = 0.5
    longest_s: float = 120.0

    def wait_s(self, failures: int, at_least_s: float | None = None) -> float:
        """The wait after this many failures: between half of the backoff and all of it, or what was asked for."""
        backoff_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        wait_s = backoff_s * random.uniform(0.5, 1.0)  # noqa: S311
        return max(wait_s, min(at_least_s or 0.0, self.longest_s))


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        task: the record.
        retry_in_s: when to try again, in seconds. Null if the record is finished and its output acknowledged.
        failures: how often the handling has failed so far.
        waits: how often in a row a dependency was away.
        state: names the state in which it was handled; null if it was not handled, or there is none.
    """

    task: RecordTask
    retry_in_s: float | None = None
    failures: int = 0
    waits: int = 0
    state: Hashable = None


class Attempt(Generic[E]):
    """Handles one record. The worker calls it in a thread of its pool. It never raises."""

    def __init__(
        self,
        service: Service,
        group: str,
        consumes: type[E],
        handle: Callable[[E], Sequence[Event]],
        publisher: Publisher,
        retry: RetryPolicy,
        state: State = no_state,
    ) -> None:
        self._service, self._group, self._consumes, self._handle = service, group, consumes, handle
        self._publisher, self._retry, self._state = publisher, retry, state
        for outcome in ("done", "dead-letter"):
            metrics.RECORDS_HANDLED.labels(group, outcome)  # a rate needs to see the counter begin at 0

    def __call__(self, task: RecordTask) -> Outcome:
        """Handle the record, and publish its output or its dead letter."""
        where = {"topic": task.partition.topic, "partition": task.partition.partition, "offset": task.offset}
        with log_context(**where):
            try:
                return self._process(task)
            except NotPublishedError as error:
                return self._publish_again(task, error)
            except DependencyAwayError as error:
                return self._await_dependency(task, error)
            except TransientError as error:
                failures = task.failures + 1
                if failures < self._retry.attempts:
                    return self._handle_again(task, failures, error)
                refusal = UnprocessableError("retries-exhausted", f"Given up after {failures} attempts: {error}")
            except UnprocessableError as error:
                refusal = error
            except Exception as error:
                log.exception("the handler failed")
                refusal = UnprocessableError("internal-error", f"{type(error).__name__} in the handler; see the log.")
            return self._dead_letter(task, refusal)

    def _process(self, task: RecordTask) -> Outcome:
        event = decode_record(task.record)
        if not isinstance(event, self._consumes):
            raise UnprocessableError(
                "unexpected-type", f"The record is a {event.TYPE}. {self._group} does not handle this type."
            )
        origin = origin_of(task.record.headers, event)
        with (
            log_context(event_id=event.id, **event.log_fields),
            span(
                self._service,
                f"process {self._consumes.TOPIC}",
                "consumer",
                origin,
                messaging__system="kafka",
                messaging__consumer__group__name=self._group,
                messaging__destination__name=task.partition.topic,
                messaging__destination__partition__id=str(task.partition.partition),
                messaging__kafka__offset=task.offset,
                railwatch__event_id=event.id,
                **{f"railwatch__{name}": value for name, value in event.log_fields.items()},
            ) as traced,
            lineage(traced),
        ):
            state = self._state()
            began = time.perf_counter()
            output = self._handle(event)
            seconds = time.perf_counter() - began
            metrics.HANDLE_SECONDS.labels(self._group).observe(seconds)
            self._publisher.publish(*output)
            metrics.RECORDS_HANDLED.labels(self._group, "done").inc()
            metrics.END_TO_END_SECONDS.labels(self._group).observe(max(0.0, origin.age_s))
            if event.satellite_time:
                since = datetime.now(UTC) - event.satellite_time
                metrics.OBSERVED_TO_DONE_SECONDS.labels(self._group).observe(max(0.0, since.total_seconds()))
            log.info("handled", seconds=round(seconds, 3), published=len(output))
        return Outcome(task, state=state)

    def _dead_letter(self, task: RecordTask, refusal: UnprocessableError) -> Outcome:
        letter = dead_letter(self._service, task.record, refusal)
        try:
            try:
                self._publisher.publish(letter)
            except UnprocessableError:  # the broker takes only shorter ones; the record itself is still in its topic
                self._publisher.publish(letter.model_copy(update={"headers": {}, "value_base64": None}))
        except NotPublishedError as error:
            return self._publish_again(task, error)
        metrics.RECORDS_HANDLED.labels(self._group, "dead-letter").inc()
        log.warning("dead letter", reason=refusal.reason, detail=refusal.detail)
        return Outcome(task)

    def _handle_again(self, task: RecordTask, failures: int, error: TransientError) -> Outcome:
        metrics.HANDLE_RETRIES.labels(self._group).inc()
        wait_s = self._retry.wait_s(failures, error.retry_after_s)
        log.warning("failed; trying again later", error=str(error), failures=failures, retry_in_s=round(wait_s, 1))
        return Outcome(task, wait_s, failures)

    def _await_dependency(self, task: RecordTask, error: DependencyAwayError) -> Outcome:
        metrics.HANDLE_RETRIES.labels(self._group).inc()
        waits = task.waits + 1
        wait_s = self._retry.wait_s(waits)
        log.warning("waiting for a dependency", error=str(error), waits=waits, retry_in_s=round(wait_s, 1))
        return Outcome(task, wait_s, task.failures, waits)

    def _publish_again(self, task: RecordTask, error: NotPublishedError) -> Outcome:
        metrics.PUBLISH_RETRIES.labels(self._group).inc()
        log.warning("not published; trying again later", error=str(error))
        return Outcome(task, self._retry.wait_s(1), task.failures)
