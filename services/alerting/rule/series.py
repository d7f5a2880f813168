"""All looks of one site, judged in order of time, without any state."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from railwatch.services.alerting.rule.judge import judge
from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule
from railwatch.services.alerting.rule.past import FORGET_EVERY, needed, past_of
from railwatch.shared.events import Look


def judge_series(looks: Iterable[Look], rule: Rule, new_normal_at: Sequence[datetime] = ()) -> list[Judgement]:
    """Judge looks in order of their `observed_at`, each against those before it.

    Args:
        looks: the site's looks in any order, one per `observed_at`.
        rule: the settings.
        new_normal_at: times at which the site's history begins anew. From such a time on, nothing before it counts: an
            open alert ends, and the site learns its new normal from the looks that follow.

    Returns:
        One judgement per look, oldest first. A look of no scene is named by its time.

    Raises:
        ValueError: two looks have the same `observed_at`, or a count is negative.
    """
    judgements: list[Judgement] = []
    before: list[Judgement] = []
    starts = sorted(new_normal_at, reverse=True)
    for look in sorted(looks, key=lambda look: look.observed_at):
        while starts and look.observed_at >= starts[-1]:
            starts.pop()
            before = []
        seen = Observation.model_validate({"scene": look.observed_at.isoformat(), **dict(look)})
        judgements.append(judge(past_of(before), seen, rule))
        before.append(judgements[-1])
        if len(before) % FORGET_EVERY == 0:
            before = list(needed(before, rule))
    return judgements
