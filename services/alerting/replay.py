"""A site's whole history judged anew: the same looks give the same decisions, in whatever order they arrived."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.alerting.judgement import Judgement, Rule
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
        ValueError: two looks have the same `observed_at`.
    """
    raise NotImplementedError


def rejudge(history: Sequence[Judgement], look: Look, rule: Rule) -> list[Judgement]:
    """Insert a late or corrected look at its place in history and judge it and all that follow.

    A look with an `observed_at` that history already has replaces it.

    Returns:
        The whole history, oldest first; the judgements before the look are those given.
    """
    raise NotImplementedError


def retained(history: Sequence[Judgement], rule: Rule) -> list[Judgement]:
    """The part of a history that later judgements can depend on: a bounded number of looks, oldest first."""
    raise NotImplementedError
