"""When a look cannot have been taken yet. Every door asks this, with one tolerance."""

from datetime import datetime, timedelta

# Clocks differ: a look may be dated this far in the future.
CLOCK_TOLERANCE = timedelta(minutes=5)


def lies_ahead(observed_at: datetime, now: datetime) -> bool:
    """Whether a time lies so far in the future that it cannot be when a satellite saw something."""
    return observed_at > now + CLOCK_TOLERANCE
