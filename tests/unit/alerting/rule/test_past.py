"""The looks that later judgements depend on."""

import numpy as np

from railwatch.services.alerting.rule.judge import judge
from railwatch.services.alerting.rule.judgement import Judgement, Rule
from railwatch.services.alerting.rule.past import needed, past_of
from tests.support.series import weekly


def test_only_what_is_needed_matters() -> None:
    rng = np.random.default_rng(11)
    rule = Rule(window_looks=20)
    counts = rng.poisson(10, 160).astype(float)
    counts[40:75] += 40
    counts[110] += 30
    counts[130:140] += 40
    history: list[Judgement] = []
    for each in weekly(counts.tolist()):
        judged = judge(past_of(history), each, rule)
        assert judge(past_of(needed(history, rule)), each, rule) == judged
        history.append(judged)
    assert len(needed(history, rule)) < 100
