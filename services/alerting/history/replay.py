"""A site's whole history judged anew: the same looks give the same decisions, in whatever order they arrived."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from railwatch.services.alerting.history.entries import FORGET_EVERY, Entries, Entry
from railwatch.services.alerting.rule.judgement import Judgement, Rule, judge
from railwatch.shared.events import Look


def replay(looks: Iterable[Look], rule: Rule, rebaselined_at: Sequence[datetime] = ()) -> list[Judgement]:
    """Judge looks in order of their `observed_at`, each against those before it.

    Args:
        looks: the site's looks in any order, one per `observed_at`.
        rule: the settings.
        rebaselined_at: the times of explicit re-baselines. From such a time on, nothing before it counts: an open
            alert ends, and the site learns its new normal from the looks that follow.

    Returns:
        One judgement per look, oldest first.

    Raises:
        ValueError: two looks have the same `observed_at`, or a count is negative.
    """
    judgements: list[Judgement] = []
    history = Entries.of(())
    starts = sorted(rebaselined_at, reverse=True)
    for look in sorted(looks, key=lambda look: look.observed_at):
        while starts and look.observed_at >= starts[-1]:
            starts.pop()
            history = Entries.of(())
        judgements.append(judge(history.past(), look, rule))
        history = history.with_more(Entries.of([Entry("", judgements[-1])]))
        if len(history) % FORGET_EVERY == 0:
            history = history.needed(rule)
    return judgements
