"""Delivering the alerts topic to one receiver: the events about alerts and missed looks.

Each receiver has a consumer group of its own. So it has its own place in the topic, its own retries and its own order,
and a receiver that is slow or away delays no other. Redis remembers by event id what a receiver has been sent. A record
that comes again is not sent again: a process was killed before it could commit, or the topic is replayed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import redis
import structlog

from railwatch.services.alerting import metrics
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Timer
from railwatch.shared.errors import DependencyAwayError, RailwatchError, TransientError, UnprocessableError
from railwatch.shared.events import Event, Notice, Transition
from railwatch.shared.state import key, redis_errors

# For how long Redis remembers what a receiver was sent. Older events are not sent at all.
REMEMBER = timedelta(days=30)

# A receiver is noted at the start. This is how soon it is noted again if Redis has lost it.
INTRODUCE_EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Receiver:
    """Someone outside who hears of alerts.

    Attributes:
        name: names the receiver in settings, metrics and dead letters.
        send: sends one transition. It raises `TransientError` or `UnprocessableError` if the receiver did not take it.
        reminder: for a receiver that must hear again and again of what stands. Its `run` raises the same errors. An
            `UnprocessableError` says what the receiver refused. All the rest it took.
    """

    name: str
    send: Callable[[Notice], None]
    reminder: Timer | None = None


class Delivery:
    """Delivers transitions to one receiver; `handle` and `timers` are for a `Worker`.

    Args:
        receiver: who hears of them.
        client: Redis.
        store: what is known of alerts.
        worked_before: whether transitions were ever delivered to this receiver, by what Kafka knows. It is asked if
            Redis does not know the receiver.
        give_up_after: age at which a transition that the receiver does not take is given up.
        clock: the present.
    """

    def __init__(
        self,
        receiver: Receiver,
        client: redis.Redis,
        store: Store,
        worked_before: Callable[[], bool],
        give_up_after: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._receiver = receiver
        self._redis = client
        self._store = store
        self._worked_before = worked_before
        self._give_up_after = give_up_after
        self._clock = clock
        self._started_at = clock()
        self._since = key("alerting", "receiver-since", receiver.name)

    def handle(self, event: Notice) -> Sequence[Event]:
        """Deliver one transition, unless the receiver had it.

        Raises:
            TransientError: the receiver did not take it. Try again.
            DependencyAwayError: Redis does not answer. That is no fault of the receiver.
            UnprocessableError: `undelivered-<receiver>`: the receiver will not take it, or did not take it for too
                long.
        """
        if event.recorded_at < self._known_since():
            return self._done("before-receiver")
        if event.transition is not Transition.SILENCED and self._silenced(event):
            return self._done("silenced")
        sent = key("alerting", "delivered", self._receiver.name, event.id)
        with redis_errors():
            if self._redis.exists(sent):
                return self._done("repeated")
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
        with redis_errors():
            self._redis.set(sent, self._clock().isoformat(), ex=REMEMBER)
        return self._done("delivered")

    def timers(self) -> list[Timer]:
        """One notes that the receiver is there. Some receivers need another, which reminds them of what stands."""
        introduce, reminder = Timer(INTRODUCE_EVERY, self._introduce), self._receiver.reminder
        return [introduce, Timer(reminder.every, partial(self._remind, reminder))] if reminder else [introduce]

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

    def _undelivered(self, event: Notice, why: str) -> UnprocessableError:
        self._done("given-up")
        return UnprocessableError(
            f"undelivered-{self._receiver.name}",
            f"{self._receiver.name} did not take {event.TYPE} {event.about}, {event.transition}: {why}",
        )

    def _introduce(self) -> None:
        with redis_errors():
            if self._redis.exists(self._since):
                return
            # Redis has lost a receiver that had transitions delivered. What waits for it in Kafka is for it.
            since = self._started_at - REMEMBER if self._worked_before() else self._started_at
            self._redis.set(self._since, since.isoformat(), nx=True)

    def _known_since(self) -> datetime:
        """When the receiver was added. It does not hear of what happened before."""
        self._introduce()
        with redis_errors():
            text = self._redis.get(self._since)
        return max(datetime.fromisoformat(str(text)), self._clock() - REMEMBER)

    def _done(self, outcome: str) -> Sequence[Event]:
        metrics.DELIVERIES.labels(self._receiver.name, outcome).inc()
        return ()
