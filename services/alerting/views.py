"""What the API answers with and takes, beside the values that alerting itself works with."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from railwatch.services.alerting.history.missed import Missed
from railwatch.services.alerting.products.rows import alert_state, picture_url
from railwatch.services.alerting.rule.judgement import Judgement, Observation
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import (
    AlertEvent,
    JudgedLook,
    MissedLookEvent,
    Onset,
    Severity,
    Transition,
    VerdictEvent,
    VerdictKind,
    WhyFalse,
)
from railwatch.shared.sites import ContextEvent, Site

AlertState = Literal["standing", "resolved", "retracted"]


class SiteView(Frozen):
    """A site and how it stands. The status is null for a site that has not been seen.

    `missed` are the looks that should have come by now, `context` what happened in the world that a rise may follow.
    """

    id: str
    name: str
    status: SiteStatus | None
    missed: tuple[Missed, ...]
    context: tuple[ContextEvent, ...]

    @classmethod
    def of(cls, site: Site, status: SiteStatus | None, known: Iterable[MissedLookEvent]) -> Self:
        """A site, its status, and the last event about each kind of missed look."""
        missed = (Missed.model_validate(event, from_attributes=True) for event in known if event.stands)
        return cls(id=site.id, name=site.name, status=status, missed=tuple(missed), context=site.events)


class AlertView(Frozen):
    """An alert as it stands after its last transition.

    `picture_url` shows a tile of the look with each counted car drawn; null if there is no such picture. `verdict` is
    the last word of people on the alert, and `verdict_reason` because of what it is false; null if there is none.
    """

    alert: str
    state: AlertState
    site: str
    site_name: str
    severity: Severity
    opened_at: UtcDatetime
    recorded_at: UtcDatetime
    onset: Onset | None
    look: JudgedLook
    sentence: str
    page_url: str
    picture_url: str | None
    verdict: VerdictKind | None = None
    verdict_reason: WhyFalse | None = None

    @classmethod
    def of(cls, event: AlertEvent, verdict: VerdictEvent | None) -> Self:
        """An alert after its last event, with the verdict on it that holds."""
        view = {**dict(event), "state": alert_state(event), "picture_url": picture_url(event)}
        said = {"verdict": verdict.kind, "verdict_reason": verdict.reason} if verdict else {}
        return cls.model_validate(view | said)


class TransitionView(Frozen):
    """A step in an alert's life."""

    id: str
    sequence: int
    transition: Transition
    reason: str
    recorded_at: UtcDatetime
    look: JudgedLook
    by: str | None
    sender: str | None
    until: UtcDatetime | None


class Acknowledgement(BaseModel):
    """Somebody takes care of an alert: who, and what they add.

    Without `by` it is the token's name. Whom a proxy has signed in is who the proxy says, whatever `by` says.
    """

    model_config = ConfigDict(extra="forbid")

    by: str | None = Field(default=None, min_length=1, max_length=80)
    note: str = Field(default="", max_length=500)


class Silence(Acknowledgement):
    """Receivers hear nothing about an alert until a time."""

    until: UtcDatetime


class AlertDetail(Frozen):
    """An alert: how it stands, its whole last event, its opening, and its last 40 transitions."""

    alert: AlertView
    event: AlertEvent
    transitions: tuple[TransitionView, ...]


class Page(Frozen):
    """`next` is the address of the next page; null on the last."""

    next: str | None


class SitePage(Page):
    """Sites by id."""

    items: tuple[SiteView, ...]


class ObservationPage(Page):
    """A site's judged observations, newest first.

    `left_out` are other deliveries of the same acquisitions, which were not judged.
    """

    items: tuple[Judgement, ...]
    left_out: tuple[Observation, ...] = ()


class AlertPage(Page):
    """Alerts, last opened first."""

    items: tuple[AlertView, ...]
