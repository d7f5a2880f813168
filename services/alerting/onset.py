"""When a rise began: a change point between looks, with an interval, and its lag to the site's context events."""

from collections.abc import Iterable
from datetime import datetime

from shared.events import ContextLag, Onset


def context_lags(
    onset: Onset, events: Iterable[tuple[str, datetime]], within_days: float = 60.0
) -> tuple[ContextLag, ...]:
    """The context events near an onset, nearest first, each with the days from the event to the onset.

    Args:
        onset: the estimated onset.
        events: title and time of the site's context events.
        within_days: events further away than this, before or after, are left out.
    """
    lags = (ContextLag(title=title, at=at, lag_days=(onset.at - at).total_seconds() / 86_400.0) for title, at in events)
    return tuple(sorted((lag for lag in lags if abs(lag.lag_days) <= within_days), key=lambda lag: abs(lag.lag_days)))
