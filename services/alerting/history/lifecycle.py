"""The life of a site's alerts, as pure functions of its judged history and of what consumers were told.

The judged history says which alerts there should be: runs of looks that belong together. The records say what consumers
were told. `transitions_due` compares the two and gives the transitions that bring consumers up to date. After them, it
gives none. So a transition is announced once, whatever the order in which counts arrive and however often.

An alert keeps the identity under which it was first announced. A run that lies wholly in the past was never announced
and never will be: an archival look cannot open an alert as if it were new. Nor can one that was brought from an
archive, even if none is newer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from railwatch.services.alerting.history.wording import amount, day
from railwatch.services.alerting.rule.judgement import CHANGES_NOTHING, Judgement
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import STANDING, AlertEvent, Severity, Transition, derived_id
from railwatch.shared.sites import Site

# Exceedance score, at the low end of the count's interval, from which an alert is critical.
CRITICAL_EXCEEDANCE = 2.0

Judgements = Sequence[Judgement]


class AlertRecord(Frozen):
    """What consumers were last told about an alert.

    Attributes:
        alert: the alert's identity.
        opened_at: `observed_at` of the look that opened it.
        sequence: number of its last transition.
        transition: its last transition.
        severity: the highest it has reached.
        look_at: `observed_at` of the look that the last transition was about.
        count: the count of that look.
        occupied_m: metres of track under trains on that look, if it was measured and not counted.
        onset_on: the day on which the rise began, as consumers know it.
    """

    alert: str
    opened_at: UtcDatetime
    sequence: int
    transition: Transition
    severity: Severity
    look_at: UtcDatetime
    count: float | None
    onset_on: date | None
    occupied_m: float | None = None

    @property
    def stands(self) -> bool:
        """Whether the alert stands."""
        return self.transition in STANDING


@dataclass(frozen=True)
class DueTransition:
    """A transition to announce: the record after it, why it is due, and the look that it is about."""

    record: AlertRecord
    reason: str
    judgement: Judgement


@dataclass(frozen=True)
class _Run:
    """Looks of one alert in the judged history, oldest first, and whether it stands at their end."""

    looks: Judgements
    standing: bool

    @property
    def speaker(self) -> Judgement:
        """The last look at which something happened to the alert."""
        return next((look for look in reversed(self.looks) if look.transition), self.looks[0])


def severity(look: Judgement) -> Severity:
    """How far a look is above its threshold.

    The exceedance score (y - expected) / (threshold - expected) is 1 at the threshold. It is taken at the low end of
    the count's interval, so that an uncertain count does not make an alert critical.

    References:
        Farrington, C. P. et al. (1996). A statistical algorithm for the early detection of outbreaks of infectious
        disease. Journal of the Royal Statistical Society A 159, 547-563.
    """
    low = look.low if look.occupied is None else look.occupied.cars_low
    if low is None or look.threshold is None or look.expected is None:
        return Severity.WARNING
    margin = look.threshold - look.expected
    critical = low - look.expected >= CRITICAL_EXCEEDANCE * margin > 0
    return Severity.CRITICAL if critical else Severity.WARNING


def record_of(event: AlertEvent) -> AlertRecord:
    """What consumers know about an alert after this event."""
    return AlertRecord(
        alert=event.alert,
        opened_at=event.opened_at,
        sequence=event.sequence,
        transition=event.transition,
        severity=event.severity,
        look_at=event.look.observed_at,
        count=event.look.count,
        onset_on=event.onset.at.date() if event.onset else None,
        occupied_m=event.look.occupied.occupied_m if event.look.occupied else None,
    )


def transitions_due(site: Site, records: Sequence[AlertRecord], judgements: Judgements) -> list[DueTransition]:
    """The transitions that bring consumers from what the records say to what the history says.

    Args:
        site: the site.
        records: what consumers were last told about each of the site's alerts, oldest first.
        judgements: the site's judged history, oldest first.
    """
    runs = _runs(judgements)
    found: list[DueTransition] = []
    taken: set[int] = set()
    for record in sorted(records, key=lambda record: (not record.stands, -record.opened_at.timestamp())):
        index = _run_of(record, runs)
        if index is None:
            due = _retraction(record, judgements)
        elif index in taken:
            due = None
        else:
            taken.add(index)
            due = _continuation(record, runs[index], site, judgements)
        if due:
            found.append(due)
    if runs and runs[-1].standing and len(runs) - 1 not in taken and _is_raised(judgements):
        found.append(_opening(site.id, records, runs[-1]))
    return found


def records_after(
    records: Sequence[AlertRecord], due: Sequence[DueTransition], judgements: Judgements
) -> tuple[AlertRecord, ...]:
    """The records after the transitions, without alerts that ended before the history that is kept."""
    merged = {record.alert: record for record in (*records, *(one.record for one in due))}
    oldest = judgements[0].observed_at if judgements else None
    kept = (r for r in merged.values() if r.stands or oldest is None or r.look_at >= oldest)
    return tuple(sorted(kept, key=lambda record: record.opened_at))


def newest_judged(judgements: Judgements) -> Judgement | None:
    """The newest look that could be judged."""
    return next((look for look in reversed(judgements) if look.state not in CHANGES_NOTHING), None)


def _runs(judgements: Judgements) -> list[_Run]:
    of_alerts = groupby((look for look in judgements if look.opened_at), key=lambda look: look.opened_at)
    runs = [list(looks) for _, looks in of_alerts]
    return [
        _Run(run, standing=run[-1] is judgements[-1] and run[-1].transition is not Transition.RESOLVED) for run in runs
    ]


def _run_of(record: AlertRecord, runs: Sequence[_Run]) -> int | None:
    """The last run that has looks in the time of the record."""
    for index in reversed(range(len(runs))):
        looks = runs[index].looks
        if looks[0].observed_at <= record.look_at and looks[-1].ended_at >= record.opened_at:
            return index
    return None


def _is_raised(judgements: Judgements) -> bool:
    """Whether the newest look that was judged is itself too high, and is news: not brought from an archive."""
    newest = newest_judged(judgements)
    return newest is not None and not newest.from_archive and (newest.exceeds or newest.cusum_exceeds)


def _opening(site: str, records: Sequence[AlertRecord], run: _Run) -> DueTransition:
    look = run.speaker
    alert = derived_id("railwatch.alert", site, look.observed_at.isoformat(), look.scene)
    before = next((record for record in records if record.alert == alert), None)
    sequence = before.sequence if before else 0
    record = _record(look, alert, look.observed_at, sequence, Transition.OPENED, Severity.WARNING)
    return DueTransition(record, look.reason, look)


def _continuation(record: AlertRecord, run: _Run, site: Site, judgements: Judgements) -> DueTransition | None:
    goes_on = run.standing and (record.stands or _is_raised(judgements))
    if not goes_on and not record.stands:
        return None
    look = run.speaker
    if goes_on:
        transition = Transition.UPDATED
        reason = _reason_for_update(record, look)
    else:
        transition = Transition.RESOLVED
        reason = look.reason if look.transition is Transition.RESOLVED else _ended_without_look(site, judgements)
    return _next(record, transition, reason, look) if reason else None


def _reason_for_update(record: AlertRecord, look: Judgement) -> str:
    """Why consumers should hear of a standing alert again; empty if nothing that they know has changed."""
    if not record.stands:
        return f"The history was corrected: the alert had ended, and stands again as of {day(look.observed_at)}."
    if not look.includes(record.look_at):
        later = look.observed_at > record.look_at
        return look.reason if later else f"The look of {day(record.look_at)} was corrected and no longer counts."
    if _amount(look) != (record.count, record.occupied_m):
        return _corrected(record, look)
    if _onset_on(look) != record.onset_on:
        return "A late or corrected look changed the estimate of when the rise began."
    return ""


def _retraction(record: AlertRecord, judgements: Judgements) -> DueTransition | None:
    if record.transition is Transition.RETRACTED or not judgements or judgements[0].observed_at > record.opened_at:
        return None
    look = next((one for one in judgements if one.includes(record.look_at)), judgements[-1])
    if not look.includes(record.look_at):
        reason = f"The look of {day(record.look_at)} no longer counts."
    elif _amount(look) == (None, None):
        reason = f"The count of {day(look.observed_at)} was withdrawn."
    elif _amount(look) != (record.count, record.occupied_m):
        reason = _corrected(record, look)
    else:
        reason = "The history before it was corrected, and its count is no longer too high."
    return _next(record, Transition.RETRACTED, reason, look)


def _corrected(record: AlertRecord, look: Judgement) -> str:
    before, after = amount(record.count, record.occupied_m), amount(*_amount(look))
    return f"The count of {day(look.observed_at)} was corrected from {before} to {after}."


def _amount(look: Judgement) -> tuple[float | None, float | None]:
    """The count of a look, and the metres of a measured one."""
    return look.count, look.occupied.occupied_m if look.occupied else None


def _ended_without_look(site: Site, judgements: Judgements) -> str:
    newest = judgements[-1].observed_at
    new = max((new for new in site.new_normal if new.at <= newest), key=lambda new: new.at, default=None)
    if new is None:
        return "The history was corrected, and the alert ended earlier."
    return f"{new.by} let the site's history begin anew on {day(new.at)}: {new.reason}."


def _next(record: AlertRecord, transition: Transition, reason: str, look: Judgement) -> DueTransition:
    after = _record(look, record.alert, record.opened_at, record.sequence, transition, record.severity)
    return DueTransition(after, reason, look)


def _record(
    look: Judgement, alert: str, opened_at: datetime, sequence: int, transition: Transition, reached: Severity
) -> AlertRecord:
    critical = Severity.CRITICAL in (reached, severity(look))
    return AlertRecord(
        alert=alert,
        opened_at=opened_at,
        sequence=sequence + 1,
        transition=transition,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        look_at=look.observed_at,
        count=look.count,
        onset_on=_onset_on(look),
        occupied_m=_amount(look)[1],
    )


def _onset_on(look: Judgement) -> date | None:
    return look.onset.at.date() if look.onset else None
