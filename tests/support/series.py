"""Series of looks for tests of the rule."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule
from railwatch.shared.events import Transition

DAY_0 = datetime(2022, 1, 1, 2, tzinfo=UTC)
RULE = Rule()
CALM = [8.0, 12, 10, 7, 11, 13, 9, 10, 6, 12, 9, 11]


def look(day: float, count: float | None, *, spread: float | None = None, coverage: float = 1.0) -> Observation:
    """A look on a day, with an interval if `spread` is given."""
    ends = (None, None) if count is None or spread is None else (max(count - spread, 0), count + spread)
    at = DAY_0 + timedelta(days=day)
    return Observation(scene=at.isoformat(), observed_at=at, count=count, low=ends[0], high=ends[1], coverage=coverage)


def weekly(counts: Sequence[float | None]) -> list[Observation]:
    """A look a week."""
    return [look(7 * i, count) for i, count in enumerate(counts)]


def openings(judgements: Sequence[Judgement]) -> list[int]:
    """The places of the looks that opened an alert."""
    return [i for i, judged in enumerate(judgements) if judged.transition is Transition.OPENED]
