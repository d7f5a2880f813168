"""The alert event of one transition: everything a consumer needs, without asking back."""

from collections.abc import Sequence
from datetime import datetime

from railwatch.services.alerting.history.entries import Entries
from railwatch.services.alerting.history.lifecycle import Step
from railwatch.services.alerting.history.wording import sentence
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.rule.onset import context_lags
from railwatch.shared.events import AlertEvent, ContextLag, EvidenceItem, JudgedLook
from railwatch.shared.sites import Site

HISTORY_LOOKS = 40
"""Looks before the one that an alert speaks of which travel with it."""


def alert_event(
    site: Site,
    step: Step,
    entries: Entries,
    evidence: Sequence[EvidenceItem],
    public_url: str,
    recorded_at: datetime,
) -> AlertEvent:
    """Put together what is said of a step.

    Args:
        site: the site.
        step: the transition.
        entries: the site's judged history, oldest first.
        evidence: pictures and provenance of the look that the step speaks of.
        public_url: where alerting's pages are reached from outside.
        recorded_at: the present.
    """
    record, judgement = step.record, step.entry.judgement
    context = near_onset(site, judgement)
    return AlertEvent(
        recorded_at=recorded_at,
        alert=record.alert,
        sequence=record.sequence,
        transition=record.transition,
        reason=step.reason,
        site=site.id,
        site_name=site.name,
        opened_at=record.opened_at,
        look=plain_look(judgement),
        severity=record.severity,
        onset=judgement.onset,
        context=context,
        history=entries.before(judgement.observed_at)[-HISTORY_LOOKS:].plain(),
        evidence=tuple(evidence),
        missing_tiles=step.entry.missing_tiles,
        sentence=sentence(
            site.name,
            record.transition,
            record.opened_at,
            judgement,
            context,
            step.reason,
            step.entry.missing_tiles,
        ),
        page_url=f"{public_url.rstrip('/')}/alerts/{record.alert}",
    )


def near_onset(site: Site, judgement: Judgement) -> tuple[ContextLag, ...]:
    """The site's context events near the onset of the rise that a look belongs to, nearest first."""
    if judgement.onset is None:
        return ()
    return context_lags(judgement.onset, [(event.title, event.at) for event in site.events])


def plain_look(judgement: Judgement) -> JudgedLook:
    """A judged look as it crosses to consumers."""
    return JudgedLook(**{name: getattr(judgement, name) for name in JudgedLook.model_fields})
