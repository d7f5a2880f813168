"""What an event hands on to the events made from it: the trace, and when the scene arrived in Railwatch."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from railwatch.shared.logs import log_context

TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
"""W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header."""


@dataclass(frozen=True)
class Lineage:
    """Where an event comes from.

    Attributes:
        arrived_at: when the scene arrived in Railwatch; end-to-end latency is measured from it.
        traceparent: the trace that it belongs to, if the sender began one.
    """

    arrived_at: datetime
    traceparent: str | None = None

    @property
    def age_s(self) -> float:
        """Seconds since the scene arrived."""
        return (datetime.now(UTC) - self.arrived_at).total_seconds()


_current: ContextVar[Lineage | None] = ContextVar("lineage", default=None)


def current_lineage() -> Lineage | None:
    """What the events published from here on are made from."""
    return _current.get()


@contextmanager
def lineage(origin: Lineage) -> Iterator[None]:
    """Events published inside are made from this origin, and every line logged inside carries its `trace_id`."""
    token = _current.set(origin)
    try:
        with log_context(**({"trace_id": origin.traceparent.split("-")[1]} if origin.traceparent else {})):
            yield
    finally:
        _current.reset(token)
