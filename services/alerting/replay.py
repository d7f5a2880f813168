"""A site's whole history judged anew: the same looks give the same decisions, in whatever order they arrived."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from services.alerting.entries import past_of
from services.alerting.judgement import (
    RISING_LOOKS,
    SURGE_LOOKS,
    Judgement,
    Rule,
    State,
    judge,
)
from shared.events import Look


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
    history: list[Judgement] = []
    starts = sorted(rebaselined_at, reverse=True)
    for look in sorted(looks, key=lambda look: look.observed_at):
        while starts and look.observed_at >= starts[-1]:
            starts.pop()
            history = []
        judgements.append(judge(past_of(history), look, rule))
        history = retained([*history, judgements[-1]], rule)
    return judgements


def retained(history: Sequence[Judgement], rule: Rule) -> list[Judgement]:
    """The part of a history that later judgements can depend on: a bounded number of looks, oldest first.

    Judging against it gives exactly what judging against the whole history gives. Of an alert that stands, its first
    and last looks are kept; of one that has ended, enough to know that it is to be left out;
    of the looks before, as many quiet ones as the window and a slow rise in front of it can hold.
    """
    observed = [past for past in history if past.state is not State.UNOBSERVED]
    standing = observed[-1].opened_at if observed and observed[-1].state is State.ALERT else None
    alert = [past for past in observed if standing and past.opened_at == standing]
    before = observed[: len(observed) - len(alert)]
    places: Counter[datetime | None] = Counter()
    spared: list[Judgement] = []
    for past in before:
        places[past.opened_at] += past.state is State.ALERT
        if past.state is not State.ALERT or places[past.opened_at] <= 2:
            spared.append(past)
    quiet = [index for index, past in enumerate(spared) if past.state is not State.ALERT or places[past.opened_at] == 1]
    surplus = max(len(quiet) - rule.window_looks - RISING_LOOKS, 0)
    start = quiet[surplus] if quiet else 0
    of_alert = alert if len(alert) <= 2 * SURGE_LOOKS else [*alert[:SURGE_LOOKS], *alert[-SURGE_LOOKS:]]
    unobserved = history[-1:] if history and history[-1].state is State.UNOBSERVED else ()
    return [*spared[start:], *of_alert, *unobserved]
