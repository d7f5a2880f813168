"""Looks as arrays."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from services.alerting.regression import QuietLooks
from services.alerting.surges import Array

YEAR_S = 365.25 * 86_400
INTERVAL_SD = 2 * 1.6449
"""Width of a 90 % interval in standard deviations."""


class Seen(Protocol):
    """What a look saw; an event's look and a judged one alike."""

    @property
    def observed_at(self) -> datetime:
        """When the satellite saw the site."""

    @property
    def count(self) -> float | None:
        """Railcars; null where unobserved."""

    @property
    def low(self) -> float | None:
        """Lower end of the 90 % interval."""

    @property
    def high(self) -> float | None:
        """Upper end of the 90 % interval."""

    @property
    def coverage(self) -> float:
        """Share of the track length that was seen."""


def year(look: Seen) -> float:
    """When a look was taken, in years."""
    return look.observed_at.timestamp() / YEAR_S


def error_variance(look: Seen) -> float:
    """Variance of the measurement error of a look's count, from its 90 % interval."""
    if look.low is None or look.high is None:
        return 0.0
    return ((look.high - look.low) / INTERVAL_SD) ** 2


def counts(looks: Sequence[Seen]) -> Array:
    """The counts of observed looks, shape (n,)."""
    return np.array([look.count for look in looks], dtype=np.float64)


def coverages(looks: Sequence[Seen]) -> Array:
    """The share of the track that each look saw, shape (n,)."""
    return np.array([look.coverage for look in looks])


def error_variances(looks: Sequence[Seen]) -> Array:
    """The variance of each count's measurement error, shape (n,)."""
    return np.array([error_variance(look) for look in looks])


def quiet_looks(looks: Sequence[Seen]) -> QuietLooks:
    """Observed looks as a baseline."""
    return QuietLooks(
        years=np.array([year(look) for look in looks]),
        counts=counts(looks),
        coverage=coverages(looks),
        error_variance=error_variances(looks),
    )
