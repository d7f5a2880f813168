"""How the rule would have worked on a site's past, if the spans with too many cars are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.events import Transition


@dataclass(frozen=True, slots=True)
class Score:
    """How often the rule was right and wrong on a history.

    Attributes:
        quiet_looks: judged looks outside every span.
        false_alarms: those of them with an alarm, because of the threshold or of a slow rise.
        false_alerts: alerts opened outside every span.
        spans: spans with at least one judged look.
        found: spans of these with an alarm.
        delays: for each found span, the judged looks in it before the first alarm.
    """

    quiet_looks: int
    false_alarms: int
    false_alerts: int
    spans: int
    found: int
    delays: tuple[int, ...]


def score(judgements: Sequence[Judgement], spans: Sequence[tuple[datetime, datetime]]) -> Score:
    """Compare the alarms of a judged history with the truth.

    Args:
        judgements: the judged history, oldest first.
        spans: first and last moment of each span with too many cars.
    """
    judged = [look for look in judgements if look.state in (State.NORMAL, State.ALERT)]
    quiet = [look for look in judged if not any(start <= look.observed_at <= end for start, end in spans)]
    inside = [[look for look in judged if start <= look.observed_at <= end] for start, end in spans]
    firsts = [next((index for index, look in enumerate(span) if alarm(look)), None) for span in inside if span]
    delays = tuple(first for first in firsts if first is not None)
    return Score(
        quiet_looks=len(quiet),
        false_alarms=sum(alarm(look) for look in quiet),
        false_alerts=sum(look.transition is Transition.OPENED for look in quiet),
        spans=len(firsts),
        found=len(delays),
        delays=delays,
    )


def alarm(look: Judgement) -> bool:
    """Whether a look is an alarm by itself: it exceeds its threshold, or its cumulative sum opens an alert."""
    return look.exceeds or (look.cusum_exceeds and look.transition is Transition.OPENED)
