"""The times and errors of looks as numbers."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from railwatch.services.alerting.rule.surges import Array
from railwatch.shared.events import Look

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
YEAR_S = 365.25 * 86_400

# Width of a 90 % interval, in standard deviations.
INTERVAL_SD = 2 * 1.6449


def microseconds(at: datetime) -> int:
    """A time as microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def moment(at_us: int) -> datetime:
    """The time that many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=at_us)


def year(at: datetime) -> float:
    """A time in years."""
    return at.timestamp() / YEAR_S


def years(at_us: NDArray[np.int64]) -> Array:
    """Times in years, shape (n,), from microseconds since 1970."""
    return at_us / 1e6 / YEAR_S


def at_least(look: Look) -> float | None:
    """The number that must be too high before a look is: the count, or the fewest cars on the metres of a measured one.

    The interval of a measured look decides. Its metres say too little about single cars to be taken for a count.
    """
    return look.occupied.cars_low if look.occupied is not None else look.count


def estimate(look: Look) -> float:
    """The count, or the middle of the range of cars of a measured look; 0 if nothing was seen."""
    if look.occupied is not None:
        return (look.occupied.cars_low + look.occupied.cars_high) / 2
    return look.count or 0.0


def error_variance(look: Look) -> float:
    """Variance of the error of `estimate`, from the look's 90 % interval or its range of cars."""
    low, high = look.low, look.high
    if look.occupied is not None:
        low, high = look.occupied.cars_low, look.occupied.cars_high
    return 0.0 if low is None or high is None else ((high - low) / INTERVAL_SD) ** 2
