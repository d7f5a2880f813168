"""The life of a site's alerts, as pure functions of its judged history and of what has been said already.

The judged history says which alerts there should be: runs of looks that belong together. The records say what consumers
were told. `steps` compares the two and gives the transitions that bring consumers up to date; comparing again gives
none. So a transition is announced once, whatever the order in which counts arrive and however often.

An alert keeps the identity under which it was first announced. A run that lies wholly in the past was never announced
and never is: an archival look cannot open an alert as if it were new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from railwatch.services.alerting.history.entries import Entries, Entry
from railwatch.services.alerting.history.wording import day, number
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import AlertEvent, Severity, Transition, derived_id
from railwatch.shared.sites import Site

STANDING = frozenset({Transition.OPENED, Transition.UPDATED, Transition.ACKNOWLEDGED, Transition.SILENCED})
"""Transitions after which an alert stands."""

CRITICAL_EXCEEDANCE = 2.0
"""Exceedance score, at the low end of the count's interval, from which an alert is critical."""


class AlertRecord(Frozen):
    """What consumers were last told of an alert.

    Attributes:
        alert: the alert's identity.
        opened_at: `observed_at` of the look that opened it.
        sequence: of its last transition.
        transition: its last transition.
        severity: the highest it has reached.
        look_at: `observed_at` of the look that the last transition spoke of.
        count: the count of that look.
        onset_on: the day on which the rise began, as last told.
    """

    alert: str
    opened_at: UtcDatetime
    sequence: int
    transition: Transition
    severity: Severity
    look_at: UtcDatetime
    count: float | None
    onset_on: date | None

    @property
    def stands(self) -> bool:
        """Whether the alert stands."""
        return self.transition in STANDING


@dataclass(frozen=True)
class Step:
    """A transition to announce: what the record becomes, why, and the look that it speaks of."""

    record: AlertRecord
    reason: str
    entry: Entry


@dataclass(frozen=True)
class _Run:
    """Looks of one alert in the judged history, oldest first, and whether it stands at their end."""

    entries: Entries
    standing: bool

    @property
    def first_at(self) -> datetime:
        return self.entries.time(0)

    @property
    def last_at(self) -> datetime:
        return self.entries.time(-1)

    @property
    def spokesman(self) -> Entry:
        """The last look at which something happened to the alert."""
        return next((entry for entry in reversed(self.entries) if entry.judgement.transition), self.entries[0])


def severity(judgement: Judgement) -> Severity:
    """How far a look stands above its threshold.

    The exceedance score (y - expected) / (threshold - expected) is 1 at the threshold; taken at the low end of the
    count's interval, so that a shaky count does not make an alert critical.

    References:
        Farrington, C. P. et al. (1996). A statistical algorithm for the early detection of outbreaks of infectious
        disease. Journal of the Royal Statistical Society A 159, 547-563.
    """
    if judgement.low is None or judgement.threshold is None or judgement.expected is None:
        return Severity.WARNING
    margin = judgement.threshold - judgement.expected
    critical = judgement.low - judgement.expected >= CRITICAL_EXCEEDANCE * margin > 0
    return Severity.CRITICAL if critical else Severity.WARNING


def record_of(event: AlertEvent) -> AlertRecord:
    """What consumers know of an alert after this event."""
    return AlertRecord(
        alert=event.alert,
        opened_at=event.opened_at,
        sequence=event.sequence,
        transition=event.transition,
        severity=event.severity,
        look_at=event.look.observed_at,
        count=event.look.count,
        onset_on=event.onset.at.date() if event.onset else None,
    )


def steps(site: Site, records: Sequence[AlertRecord], entries: Entries) -> list[Step]:
    """The transitions that bring consumers from what the records say to what the history says.

    Args:
        site: the site.
        records: what was last told of each of the site's alerts, oldest first.
        entries: the site's judged history, oldest first.
    """
    runs = _runs(entries)
    found: list[Step] = []
    taken: set[int] = set()
    for record in sorted(records, key=lambda record: (not record.stands, -record.opened_at.timestamp())):
        index = _run_of(record, runs)
        if index is None:
            step = _retraction(record, entries)
        elif index in taken:
            step = None
        else:
            taken.add(index)
            step = _continuation(record, runs[index], site, entries)
        if step:
            found.append(step)
    if runs and runs[-1].standing and len(runs) - 1 not in taken and _raises(entries):
        found.append(_opening(site.id, records, runs[-1]))
    return found


def told(records: Sequence[AlertRecord], taken: Sequence[Step], entries: Entries) -> tuple[AlertRecord, ...]:
    """The records after the steps were taken, without alerts that ended before the history that is kept."""
    merged = {record.alert: record for record in (*records, *(step.record for step in taken))}
    oldest = entries.time(0) if entries else None
    kept = (r for r in merged.values() if r.stands or oldest is None or r.look_at >= oldest)
    return tuple(sorted(kept, key=lambda record: record.opened_at))


def _runs(entries: Entries) -> list[_Run]:
    return [_Run(run, standing=_stands(run, entries)) for run in entries.of_alerts()]


def _stands(run: Entries, entries: Entries) -> bool:
    return run.time(-1) == entries.time(-1) and run[-1].judgement.transition is not Transition.RESOLVED


def _run_of(record: AlertRecord, runs: Sequence[_Run]) -> int | None:
    """The last run that has looks in the time of which the record speaks."""
    for index in reversed(range(len(runs))):
        if runs[index].first_at <= record.look_at and runs[index].last_at >= record.opened_at:
            return index
    return None


def _raises(entries: Entries) -> bool:
    """Whether the newest look that was judged is itself too high."""
    newest = next((e.judgement for e in reversed(entries) if e.judgement.state is not State.UNOBSERVED), None)
    return newest is not None and (newest.exceeds or newest.sustained)


def _opening(site: str, records: Sequence[AlertRecord], run: _Run) -> Step:
    entry = run.spokesman
    judgement = entry.judgement
    alert = derived_id("railwatch.alert", site, judgement.observed_at.isoformat(), entry.scene)
    before = next((record for record in records if record.alert == alert), None)
    return Step(
        record=_record(
            entry, alert, judgement.observed_at, before.sequence if before else 0, Transition.OPENED, Severity.WARNING
        ),
        reason=judgement.reason,
        entry=entry,
    )


def _continuation(record: AlertRecord, run: _Run, site: Site, entries: Entries) -> Step | None:
    goes_on = run.standing and (record.stands or _raises(entries))
    if not goes_on and not record.stands:
        return None
    entry = run.spokesman
    judgement = entry.judgement
    if goes_on:
        transition = Transition.UPDATED
        reason = _reason_for_update(record, entry)
    else:
        transition = Transition.RESOLVED
        reason = judgement.reason if judgement.transition is Transition.RESOLVED else _ended_without_look(site, entries)
    if not reason:
        return None
    return Step(
        record=_record(entry, record.alert, record.opened_at, record.sequence, transition, record.severity),
        reason=reason,
        entry=entry,
    )


def _reason_for_update(record: AlertRecord, entry: Entry) -> str:
    """Why consumers should hear of a standing alert again; empty where nothing that they were told has changed."""
    judgement = entry.judgement
    if not record.stands:
        return f"The history was corrected: the alert had ended, and stands again as of {_on(judgement)}."
    if judgement.observed_at != record.look_at:
        later = judgement.observed_at > record.look_at
        return judgement.reason if later else f"The look of {day(record.look_at)} was corrected and no longer counts."
    if judgement.count != record.count:
        return _corrected(record, judgement)
    if _onset_on(judgement) != record.onset_on:
        return "A late or corrected look changed the estimate of when the rise began."
    return ""


def _retraction(record: AlertRecord, entries: Entries) -> Step | None:
    if record.transition is Transition.RETRACTED or not entries or entries.time(0) > record.opened_at:
        return None
    entry = next((e for e in entries if e.judgement.observed_at == record.look_at), entries[-1])
    judgement = entry.judgement
    if judgement.observed_at != record.look_at:
        reason = f"The look of {day(record.look_at)} no longer counts."
    elif judgement.count is None:
        reason = f"The count of {_on(judgement)} was withdrawn."
    elif judgement.count != record.count:
        reason = _corrected(record, judgement)
    else:
        reason = "The history before it was corrected, and its count is no longer too high."
    return Step(
        record=_record(entry, record.alert, record.opened_at, record.sequence, Transition.RETRACTED, record.severity),
        reason=reason,
        entry=entry,
    )


def _corrected(record: AlertRecord, judgement: Judgement) -> str:
    return f"The count of {_on(judgement)} was corrected from {number(record.count)} to {number(judgement.count)}."


def _ended_without_look(site: Site, entries: Entries) -> str:
    newest = entries.time(-1)
    new = max((new for new in site.new_normal if new.at <= newest), key=lambda new: new.at, default=None)
    if new is None:
        return "The history was corrected, and the alert ended earlier."
    return f"{new.by} let the site's history begin anew on {day(new.at)}: {new.reason}."


def _record(
    entry: Entry, alert: str, opened_at: datetime, sequence: int, transition: Transition, reached: Severity
) -> AlertRecord:
    critical = Severity.CRITICAL in (reached, severity(entry.judgement))
    return AlertRecord(
        alert=alert,
        opened_at=opened_at,
        sequence=sequence + 1,
        transition=transition,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        look_at=entry.judgement.observed_at,
        count=entry.judgement.count,
        onset_on=_onset_on(entry.judgement),
    )


def _onset_on(judgement: Judgement) -> date | None:
    return judgement.onset.at.date() if judgement.onset else None


def _on(judgement: Judgement) -> str:
    return day(judgement.observed_at)
