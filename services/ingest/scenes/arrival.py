"""The arrival of a scene: its clock starts here. Its trace begins here, or continues the sender's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from railwatch.shared.bus import Lineage, lineage
from railwatch.shared.bus.lineage import TRACEPARENT
from railwatch.shared.bus.tracing import span


@contextmanager
def arriving(source: str, traceparent: str = "") -> Iterator[None]:
    """A block in which everything that is published comes from a scene that arrives now.

    Args:
        source: where the scene comes in: `api`, `directory`, `bucket` or `stac`.
        traceparent: the sender's trace; it is ignored if it is malformed.
    """
    arrived = Lineage(datetime.now(UTC), traceparent if TRACEPARENT.match(traceparent) else None)
    with span("ingest", "take scene", "producer", arrived, railwatch__source=source) as origin, lineage(origin):
        yield
