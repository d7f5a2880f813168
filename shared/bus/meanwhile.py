"""What a worker does while it has no record in hand."""

from collections.abc import Callable
from concurrent.futures import Executor, Future

import structlog

from railwatch.shared.errors import TransientError

# Work that may be put off. It is given a question: whether still no record is in hand. If one is, it should end soon.
Meanwhile = Callable[[Callable[[], bool]], None]

log = structlog.get_logger(__name__)


class SpareTime:
    """The time of one worker in which it has no record in hand.

    Args:
        work: what to do in it. It is begun once each time that all records are handled, in a thread of its own. If it
            raises, the failure is logged. None if there is nothing to do.
    """

    def __init__(self, work: Meanwhile | None) -> None:
        self._work = work
        self._free = self._had_records = False
        self._under_way: Future[None] | None = None

    def look(self, pool: Executor, *, free: bool) -> None:
        """Note whether no record is in hand now. Begin the work if that is so, and was not before."""
        self._free = free
        if not free:
            self._had_records = True
        elif self._work and self._had_records and (self._under_way is None or self._under_way.done()):
            self._had_records = False
            self._under_way = pool.submit(self._run, self._work)

    def end(self) -> None:
        """Have the work end, as if there were a record."""
        self._free = False

    def _run(self, work: Meanwhile) -> None:
        try:
            work(lambda: self._free)
        except TransientError as error:
            log.warning("what is done meanwhile failed", error=str(error))
        except Exception:
            log.exception("what is done meanwhile failed")
