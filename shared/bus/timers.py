"""Timers: what a worker does every so often, beside the records it handles."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import timedelta

import structlog

from railwatch.shared.errors import TransientError

# A timer that failed runs again after this long, even if its period is longer.
RETRY_AFTER = timedelta(seconds=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timer:
    """Something to do again and again.

    Attributes:
        every: the time from the start of one run to the start of the next. The first run is at once.
        run: what to do. If it raises, the failure is logged and it runs again after a second, or when the other side
            asked for, but not later than after `every`.
    """

    every: timedelta
    run: Callable[[], None]


class Timers:
    """The timers of one worker. Times are in seconds of a monotonic clock.

    They run in a thread of their own, so the worker's loop need not wake up for them: a poll costs much more.
    """

    def __init__(self, timers: Sequence[Timer]) -> None:
        self._due_at = dict.fromkeys(timers, 0.0)
        self._over = threading.Event()
        self._under_way: Future[None] | None = None

    def next_due(self) -> float:
        """When the next timer should run; infinite if there is none."""
        return min(self._due_at.values(), default=math.inf)

    def run_due(self, now: float) -> None:
        """Run the timers that are due, one after the other. It never raises."""
        for timer in [timer for timer, due_at in self._due_at.items() if due_at <= now]:
            if not self._over.is_set():
                self._due_at[timer] = now + _run(timer)

    def begin(self, pool: Executor) -> None:
        """Run each timer from now on whenever it is due, in a thread of the pool. To begin again changes nothing."""
        if self._due_at and self._under_way is None:
            self._under_way = pool.submit(self._go_on)

    def end(self) -> None:
        """Run none any more. One that runs now goes on to its end."""
        self._over.set()

    def running(self) -> bool:
        """Whether they have begun, and not ended."""
        return self._under_way is not None and self._under_way.running()

    def _go_on(self) -> None:
        while not self._over.wait(max(0.0, self.next_due() - time.monotonic())):
            self.run_due(time.monotonic())


def _run(timer: Timer) -> float:
    """Run a timer once. The result is when it is due again, in seconds from its start."""
    every_s, pause_s = timer.every.total_seconds(), RETRY_AFTER.total_seconds()
    try:
        timer.run()
    except TransientError as error:
        log.warning("a timer failed; it runs again soon", error=str(error))
        pause_s = max(pause_s, error.retry_after_s or 0.0)
    except Exception:
        log.exception("a timer failed; it runs again soon")
    else:
        return every_s
    return min(every_s, pause_s)
