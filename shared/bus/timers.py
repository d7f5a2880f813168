"""Timers: what a worker does every so often, beside the records it handles."""

from collections.abc import Callable, Sequence
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
        run: what to do. If it raises, the failure is logged and it runs again after a second.
    """

    every: timedelta
    run: Callable[[], None]


class Timers:
    """The timers of one worker. Times are in seconds of a monotonic clock."""

    def __init__(self, timers: Sequence[Timer]) -> None:
        self._due_at = dict.fromkeys(timers, 0.0)

    def due(self, now: float) -> bool:
        """Whether any timer should run."""
        return any(due_at <= now for due_at in self._due_at.values())

    def run_due(self, now: float) -> None:
        """Run the timers that are due, one after the other. It never raises."""
        for timer, due_at in self._due_at.items():
            if due_at <= now:
                wait = timer.every if _succeeds(timer) else min(timer.every, RETRY_AFTER)
                self._due_at[timer] = now + wait.total_seconds()


def _succeeds(timer: Timer) -> bool:
    try:
        timer.run()
    except TransientError as error:
        log.warning("a timer failed; it runs again soon", error=str(error))
    except Exception:
        log.exception("a timer failed; it runs again soon")
    else:
        return True
    return False
