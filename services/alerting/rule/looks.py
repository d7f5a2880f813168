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


def error_variance(look: Look) -> float:
    """Variance of the measurement error of a look's count, from its 90 % interval."""
    if look.low is None or look.high is None:
        return 0.0
    return ((look.high - look.low) / INTERVAL_SD) ** 2
