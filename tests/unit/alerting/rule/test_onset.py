"""The date on which a rise began."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from railwatch.services.alerting.rule.onset import context_lags, estimate_onset
from railwatch.shared.events import Onset

START = datetime(2023, 1, 1, tzinfo=UTC)


def weekly(n: int) -> list[datetime]:
    return [START + timedelta(weeks=i) for i in range(n)]


def onset_of(counts: list[float], mean: float = 10.0, error: float = 0.0) -> Onset:
    n = len(counts)
    return estimate_onset(weekly(n), np.array(counts), np.full(n, mean), 2.0, np.full(n, error))


def test_a_clear_step_is_put_into_its_gap() -> None:
    onset = onset_of([9.0, 12, 8, 11, 10, 48, 52, 50])
    times = weekly(8)
    assert times[4] < onset.at < times[5]
    assert (onset.low, onset.high) == (times[4], times[5])


def test_a_rise_that_builds_up_is_dated_to_its_beginning() -> None:
    onset = onset_of([9.0, 12, 8, 11, 10, 9, 19, 25, 42, 70])
    times = weekly(10)
    assert times[4] < onset.at <= times[7]
    assert onset.low <= times[6] <= onset.high


def test_doubtful_counts_widen_the_interval() -> None:
    counts = [9.0, 12, 8, 11, 10, 22, 25, 27]
    sure, shaky = onset_of(counts), onset_of(counts, error=60.0)
    assert shaky.high - shaky.low > sure.high - sure.low


def test_the_interval_is_ordered_and_inside_the_looks() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        onset = onset_of([float(c) for c in rng.poisson(12, 9)])
        assert weekly(9)[0] <= onset.low <= onset.at <= onset.high <= weekly(9)[-1]


def test_lags_are_counted_from_the_event_to_the_onset() -> None:
    onset = Onset(
        at=datetime(2023, 9, 18, tzinfo=UTC),
        low=datetime(2023, 9, 16, tzinfo=UTC),
        high=datetime(2023, 9, 22, tzinfo=UTC),
    )
    meeting, parade, long_ago = (datetime(2023, m, d, tzinfo=UTC) for m, d in ((9, 13), (9, 20), (3, 1)))
    lags = context_lags(onset, [("far", long_ago), ("Meeting", meeting), ("Parade", parade)])
    assert [(lag.title, lag.lag_days) for lag in lags] == [("Parade", -2.0), ("Meeting", 5.0)]
    assert lags[1].at == meeting


def test_no_event_near_gives_no_lag() -> None:
    onset = Onset(at=START, low=START, high=START)
    assert context_lags(onset, [("far", START - timedelta(days=200))]) == ()
    assert context_lags(onset, [("far", START - timedelta(days=200))], within_days=365)[0].lag_days == pytest.approx(
        200
    )
