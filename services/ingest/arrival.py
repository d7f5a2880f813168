"""The arrival of a scene: its clock starts here, and its trace begins or goes on from its sender's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from railwatch.shared.bus import Lineage, lineage
from railwatch.shared.bus.lineage import TRACEPARENT
from railwatch.shared.bus.tracing import span


@contextmanager
def arriving(source: str, traceparent: str = "") -> Iterator[None]:
    """What is published inside was made from a scene that arrives now.

    Args:
        source: where it comes in: `api`, `directory`, `bucket` or `stac`.
        traceparent: what its sender said of a trace; something malformed is as good as nothing.
    """
    arrived = Lineage(datetime.now(UTC), traceparent if TRACEPARENT.match(traceparent) else None)
    with span("ingest", "take scene", "producer", arrived, railwatch__source=source) as origin, lineage(origin):
        yield
