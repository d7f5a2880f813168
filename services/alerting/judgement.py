"""One look judged against its site's history: the rule, what it says, and what that does to the site's alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events import Look, Onset, Transition


class State(StrEnum):
    """How a site stands after a look."""

    LEARNING = "learning"
    NORMAL = "normal"
    ALERT = "alert"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings of the alerting rule; the defaults are argued in docs/alerting.md.

    Attributes:
        false_alarm_rate: chance that a look of a site where nothing changed exceeds its threshold.
        minimum_looks: observed looks a site needs before one may raise an alert.
        minimum_coverage: share of the track length below which a look is unobserved.
        guard_looks: looks before the tested one that do not enter its baseline.
        window_looks: quiet looks that the baseline remembers at most.
        window_days: age at which a look leaves the baseline.
    """

    false_alarm_rate: float = 0.01
    minimum_looks: int = 8
    minimum_coverage: float = 0.5
    guard_looks: int = 2
    window_looks: int = 150
    window_days: float = 3 * 365.25


class Judgement(Look):
    """A look as it was judged, and how the site stands after it.

    `count`, `low` and `high` are those of the look even where its coverage was too low to be judged.

    Attributes:
        exceeds: the count is above `threshold`; the same as `p_value` < the rule's false-alarm rate.
        sustained: the companion for slow rises signals: the looks up to this one are too high together.
        sustained_p_value: chance of so high a run of looks if nothing had changed; null where not judged.
        state: how the site stands after this look.
        transition: what happened to the site's alert at this look; null where nothing did.
        reason: why, in one sentence; empty without a transition.
        opened_at: `observed_at` of the look that opened the alert that this look belongs to; null outside an alert.
            It stays through unobserved looks, and is set on the look that resolves the alert.
        onset: when the rise began; null outside an alert.
    """

    exceeds: bool
    sustained: bool
    sustained_p_value: float | None
    state: State
    transition: Transition | None
    reason: str
    opened_at: datetime | None
    onset: Onset | None


def judge(history: Sequence[Judgement], look: Look, rule: Rule) -> Judgement:
    """Judge one look against the looks before it.

    Args:
        history: the site's judgements, oldest first, all before `look`; what `retained` keeps of them is enough.
        look: the new look; its `expected`, `threshold` and `p_value` are ignored.
        rule: the settings.

    Returns:
        The look with its judgement. The result depends on nothing but the arguments.

    Raises:
        ValueError: the look is not after the history, or its count is negative or not finite.
    """
    raise NotImplementedError
