"""Delivering the alerts topic to one receiver: the events about alerts and missed looks.

Each receiver has a consumer group of its own. So it has its own place in the topic, its own retries and its own order,
and a receiver that is slow or away delays no other. Where a receiver began and what it was sent is in the group's
offsets: Kafka keeps them, whatever happens to Redis. Redis remembers by event id as well. So an event that comes again
at another place of the topic is not sent again: a process was killed before it could commit, or the topic is replayed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

import redis
import structlog

from railwatch.services.alerting import metrics
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Timer
from railwatch.shared.bus.offsets import begin_group
from railwatch.shared.errors import DependencyAwayError, RailwatchError, TransientError, UnprocessableError
from railwatch.shared.events import Event, Notice, Transition, VerdictEvent, VerdictKind
from railwatch.shared.settings import KafkaSettings
from railwatch.shared.state import key, redis_errors

# For how long Redis remembers what a receiver was sent. An older event becomes a dead letter.
REMEMBER = timedelta(days=30)

log = structlog.get_logger(__name__)

# What receivers are told of: steps of alerts and missed looks, and requests for a second look.
Heard = TypeVar("Heard", bound=Notice | VerdictEvent)


@dataclass(frozen=True)
class Receiver(Generic[Heard]):
    """Someone outside who hears of alerts.

    Attributes:
        name: names the receiver in settings, metrics and dead letters.
        send: sends one event. It raises `TransientError` or `UnprocessableError` if the receiver did not take it.
        reminder: for a receiver that must hear again and again of what stands. Its `run` raises the same errors. An
            `UnprocessableError` says what the receiver refused. All the rest it took.
    """

    name: str
    send: Callable[[Heard], None]
    reminder: Timer | None = None


class Delivery(Generic[Heard]):
    """Delivers transitions to one receiver; `handle` and `timers` are for a `Worker`, after `begin`.

    Args:
        receiver: who hears of them.
        client: Redis.
        store: what is known of alerts.
        give_up_after: age at which a transition that the receiver does not take is given up.
        clock: the present.
        consumes: what it hears of. Of verdicts, these are the requests for a second look.
    """

    def __init__(
        self,
        receiver: Receiver[Heard],
        client: redis.Redis,
        store: Store,
        give_up_after: timedelta,
        clock: Callable[[], datetime],
        consumes: type[Heard],
    ) -> None:
        self._receiver = receiver
        self._redis = client
        self._store = store
        self._give_up_after = give_up_after
        self._clock = clock
        self.consumes = consumes
        of = () if consumes is Notice else (consumes.TYPE,)
        self._since = key("alerting", "receiver-since", receiver.name, *of)
        self._sent: set[str] = set()  # what Redis could not note yet
        for outcome in ("delivered", "failed", "given-up"):
            metrics.DELIVERIES.labels(receiver.name, outcome)  # a rate needs to see the counter begin at 0
        self._seconds = metrics.DELIVERY_SECONDS.labels(receiver.name)

    def begin(self, kafka: KafkaSettings, group: str) -> None:
        """Let a new receiver begin behind what the topic holds now. Kafka remembers that.

        Redis remembers the time, in case that Kafka forgets: a broker keeps the offsets of a group that has no members
        for a week only, unless it is told otherwise.

        Raises:
            DependencyAwayError: Redis or Kafka does not answer.
        """
        with redis_errors():
            noted = self._redis.get(self._since)
            began = begin_group(kafka, group, self.consumes, datetime.fromisoformat(str(noted)) if noted else None)
            if not noted:
                since = self._clock() - (timedelta() if began else REMEMBER)
                self._redis.set(self._since, since.isoformat())

    def handle(self, event: Heard) -> Sequence[Event]:
        """Deliver one transition, unless the receiver had it.

        Raises:
            TransientError: the receiver did not take it. Try again.
            DependencyAwayError: Redis does not answer. That is no fault of the receiver.
            UnprocessableError: `undelivered-<receiver>`: the receiver will not take it, or did not take it for too
                long.
        """
        if isinstance(event, VerdictEvent) and event.kind is not VerdictKind.SECOND_LOOK:
            return ()
        if event.recorded_at < self._clock() - REMEMBER:
            raise self._undelivered(event, f"it is more than {REMEMBER.days} days old and may have been sent before")
        if isinstance(event, Notice) and event.transition is not Transition.SILENCED and self._silenced(event):
            return self._done("silenced")
        sent = delivered_key(self._receiver.name, event)
        if event.id not in self._sent:
            with redis_errors():
                if self._redis.exists(sent):
                    return self._done("repeated")
            self._send(event)
            self._seconds.observe(max(0.0, (self._clock() - event.recorded_at).total_seconds()))
            self._sent.add(event.id)
        with redis_errors():
            self._redis.set(sent, self._clock().isoformat(), ex=REMEMBER)
        self._sent.discard(event.id)
        return self._done("delivered")

    def _send(self, event: Heard) -> None:
        try:
            with self._health():
                self._receiver.send(event)
        except UnprocessableError as error:
            raise self._undelivered(event, error.detail) from None
        except DependencyAwayError:
            raise
        except TransientError as error:
            if self._clock() - event.recorded_at > self._give_up_after:
                raise self._undelivered(event, str(error)) from None
            self._done("failed")
            raise

    def timers(self) -> list[Timer]:
        """For a receiver that must hear again and again of what stands."""
        reminder = self._receiver.reminder
        return [Timer(reminder.every, partial(self._remind, reminder))] if reminder else []

    def _remind(self, reminder: Timer) -> None:
        try:
            with self._health():
                reminder.run()
        except UnprocessableError as error:
            # To ask again sooner would not help: the next reminder comes when it is due.
            log.warning("a receiver refused a reminder", receiver=self._receiver.name, detail=error.detail)

    @contextmanager
    def _health(self) -> Iterator[None]:
        healthy = metrics.DELIVERY_HEALTHY.labels(self._receiver.name)
        try:
            yield
        except DependencyAwayError:
            raise
        except RailwatchError:
            healthy.set(0)
            raise
        healthy.set(1)

    def _silenced(self, event: Notice) -> bool:
        until = self._store.silenced_until(event.about)
        return until is not None and self._clock() < until

    def _undelivered(self, event: Heard, why: str) -> UnprocessableError:
        self._done("given-up")
        return UnprocessableError(
            f"undelivered-{self._receiver.name}",
            f"{self._receiver.name} did not take {event.TYPE} {event.about}, {_step(event)}: {why}",
        )

    def _done(self, outcome: str) -> Sequence[Event]:
        metrics.DELIVERIES.labels(self._receiver.name, outcome).inc()
        return ()


def _step(event: Notice | VerdictEvent) -> str:
    return event.transition.value if isinstance(event, Notice) else event.kind.value


def delivered_key(receiver: str, event: Notice | VerdictEvent) -> str:
    """The name of the key that notes that a receiver was sent an event."""
    return key("alerting", "delivered", receiver, event.id)
