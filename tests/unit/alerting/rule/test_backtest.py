"""The rule on a past of which the truth is known."""

from datetime import timedelta

from railwatch.services.alerting.rule.backtest import score
from railwatch.services.alerting.rule.series import judge_series
from tests.support.series import CALM, RULE, weekly


def test_a_back_test_counts_false_alarms_and_finds_surges() -> None:
    looks = weekly([*CALM * 2, 50.0, 10.0, 9.0, *CALM, 16.0, 60.0, 55.0, *CALM])
    start, end = looks[39].observed_at, looks[41].observed_at
    came = score(judge_series(looks, RULE), [(start, end), (end + timedelta(days=900), end + timedelta(days=910))])
    assert (came.false_alarms, came.false_alerts) == (1, 1)
    assert (came.spans, came.found, came.delays) == (1, 1, (1,))
    assert came.quiet_looks == len(looks) - 8 - 3
