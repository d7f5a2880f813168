"""Bugs that the checker must find: each is put into a service from outside, and the run must fail.

They are what a hurried change could bring: an offset that is committed too early, a number that is counted in memory,
an outbox that is emptied too early.
"""

from collections.abc import Callable
from typing import Any


def commit_before_acknowledgement() -> None:
    """Offsets are committed as soon as their records are fetched."""
    from railwatch.shared.bus.inflight import Inflight
    from railwatch.shared.bus.position import Position

    def hasty(self: Any) -> dict[Any, Position]:
        ends = {partition: lane.last_added + 1 for partition, lane in self._lanes.items() if lane.last_added >= 0}
        return {partition: Position(end, end, ()) for partition, end in ends.items()}

    Inflight.to_commit = hasty  # type: ignore[method-assign]


def sequence_from_memory() -> None:
    """The steps of an alert are numbered in the process, not in what all processes share."""
    from railwatch.services.alerting.history import lifecycle

    numbered, last = lifecycle._record, dict[str, int]()

    def forgetful(look: Any, alert: str, opened_at: Any, sequence: int, *rest: Any) -> Any:
        last[alert] = last.get(alert, 0) + 1
        return numbered(look, alert, opened_at, last[alert] - 1, *rest)

    lifecycle._record = forgetful  # type: ignore[assignment]


def lost_outbox() -> None:
    """The outbox is emptied before its events are published."""
    from railwatch.services.alerting.announcing import Announcer

    def careless(self: Any, site: str) -> None:
        events = self._store.outbox(site)
        self._store.published(site, events)
        self._publisher.publish(*events)

    Announcer._publish_all = careless  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "commit-before-acknowledgement": commit_before_acknowledgement,
    "sequence-from-memory": sequence_from_memory,
    "lost-outbox": lost_outbox,
}
