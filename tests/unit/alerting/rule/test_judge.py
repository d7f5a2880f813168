"""Looks that cannot be judged."""

import pytest

from railwatch.services.alerting.rule.judge import judge
from railwatch.services.alerting.rule.past import past_of
from railwatch.services.alerting.rule.series import judge_series
from tests.support.series import CALM, RULE, look, weekly


def test_a_look_out_of_order_is_refused() -> None:
    history = judge_series(weekly(CALM), RULE)
    with pytest.raises(ValueError, match="later than the history"):
        judge(past_of(history), look(3, 10.0), RULE)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        judge(past_of(()), look(1, -1.0), RULE)
