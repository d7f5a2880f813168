"""The alert event of one transition: everything that a consumer needs, so that nobody has to ask back."""

from collections.abc import Sequence
from datetime import datetime

from railwatch.services.alerting.history.lifecycle import DueTransition, Judgements
from railwatch.services.alerting.history.wording import sentence
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.rule.onset import context_lags
from railwatch.shared.events import AlertEvent, ContextLag, EvidenceItem
from railwatch.shared.sites import Site

# An alert carries this many looks from before the one that it is about.
HISTORY_LOOKS = 40


def alert_event(
    site: Site,
    due: DueTransition,
    judgements: Judgements,
    evidence: Sequence[EvidenceItem],
    public_url: str,
    recorded_at: datetime,
) -> AlertEvent:
    """The event that announces a transition.

    Args:
        site: the site.
        due: the transition.
        judgements: the site's judged history, oldest first.
        evidence: pictures and provenance of the look that the transition is about.
        public_url: where alerting's pages are reached from outside.
        recorded_at: the present.
    """
    record, look = due.record, due.judgement
    context = near_onset(site, look)
    before = [earlier for earlier in judgements if earlier.observed_at < look.observed_at]
    return AlertEvent(
        recorded_at=recorded_at,
        alert=record.alert,
        sequence=record.sequence,
        transition=record.transition,
        reason=due.reason,
        site=site.id,
        site_name=site.name,
        opened_at=record.opened_at,
        look=look,
        severity=record.severity,
        onset=look.onset,
        context=context,
        history=tuple(before[-HISTORY_LOOKS:]),
        evidence=tuple(evidence),
        missing_tiles=look.missing_tiles,
        sentence=sentence(site.name, record.transition, record.opened_at, look, context, due.reason),
        page_url=f"{public_url.rstrip('/')}/alerts/{record.alert}",
    )


def near_onset(site: Site, look: Judgement) -> tuple[ContextLag, ...]:
    """The site's context events near the onset of the rise that a look belongs to, nearest first."""
    if look.onset is None:
        return ()
    return context_lags(look.onset, [(event.title, event.at) for event in site.events])
