"""A clock that the test sets."""

from datetime import datetime, timedelta


class Clock:
    """Gives the time to which it was set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        """Move it forward, by `hours=1` for example."""
        self.now += timedelta(**by)
