"""A clock that the test turns."""

from datetime import datetime, timedelta


class Clock:
    """Says the time that it was set to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        """Turn it on, by `hours=1` and the like."""
        self.now += timedelta(**by)
