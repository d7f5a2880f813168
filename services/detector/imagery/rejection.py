"""The error that says why a tile is not counted."""

from railwatch.shared.errors import RailwatchError


class TileRejectedError(RailwatchError):
    """A tile that cannot be counted. Its count is null and carries the reason.

    Attributes:
        reason: a short, stable word that goes into the count's `reasons` and labels a metric.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
