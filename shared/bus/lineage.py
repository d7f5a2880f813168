"""What an event passes on to the events made from it: the trace, and when the scene arrived in Railwatch."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from railwatch.shared.logs import log_context

# W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header.
TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True)
class Lineage:
    """Where an event comes from.

    Attributes:
        arrived_at: when the scene arrived in Railwatch. End-to-end latency is measured from here.
        traceparent: the trace of the scene, if its sender began one.
    """

    arrived_at: datetime
    traceparent: str | None = None

    @property
    def age_s(self) -> float:
        """Seconds since the scene arrived."""
        return (datetime.now(UTC) - self.arrived_at).total_seconds()


_current: ContextVar[Lineage | None] = ContextVar("lineage", default=None)


def current_lineage() -> Lineage | None:
    """The lineage that events get which are published now."""
    return _current.get()


@contextmanager
def lineage(origin: Lineage) -> Iterator[None]:
    """A block in which published events get this lineage, and logged lines its `trace_id`."""
    token = _current.set(origin)
    try:
        with log_context(**({"trace_id": origin.traceparent.split("-")[1]} if origin.traceparent else {})):
            yield
    finally:
        _current.reset(token)
