"""Why a tile is not counted."""

from railwatch.shared.errors import RailwatchError


class TileRejectedError(RailwatchError):
    """This tile cannot be counted; it gets a count of null, with the reason.

    Attributes:
        reason: a short, stable word that goes into the count's `reasons` and labels a metric.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
