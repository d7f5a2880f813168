"""What the API answers with, and what it takes."""

from collections.abc import Iterable
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from railwatch.services.alerting.history.entries import Entry
from railwatch.services.alerting.history.lifecycle import STANDING
from railwatch.services.alerting.history.missed import Missed, stands
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.transaction import SiteStatus
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import AlertEvent, JudgedLook, MissedLookEvent, Onset, Severity, Transition
from railwatch.shared.sites import Site

AlertState = Literal["standing", "resolved", "retracted"]


class SiteView(Frozen):
    """A site and how it stands; the status is null for a site that has not been seen.

    `missed` are the looks that should have come by now.
    """

    id: str
    name: str
    status: SiteStatus | None
    missed: tuple[Missed, ...]


class Observation(JudgedLook):
    """A look of a site's history, as it was judged."""

    scene: str
    state: State
    exceeds: bool
    sustained: bool
    archival: bool
    missing_tiles: tuple[str, ...]


class AlertView(Frozen):
    """An alert as it stands after its last transition."""

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


class TransitionView(Frozen):
    """A step in an alert's life."""

    id: str
    sequence: int
    transition: Transition
    reason: str
    recorded_at: UtcDatetime
    look: JudgedLook
    by: str | None
    until: UtcDatetime | None


class Acknowledgement(BaseModel):
    """That somebody takes care of an alert: who, and what else they say."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(min_length=1, max_length=80)
    note: str = Field(default="", max_length=500)


class Silence(Acknowledgement):
    """That receivers are not to be told of an alert until a time."""

    until: AwareDatetime


class AlertDetail(Frozen):
    """An alert: how it stands, its last event whole, and the steps that led there, the last 40 of them."""

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
    """Observations, newest first."""

    items: tuple[Observation, ...]


class AlertPage(Page):
    """Alerts, last opened first."""

    items: tuple[AlertView, ...]


def site_view(site: Site, status: SiteStatus | None, told: Iterable[MissedLookEvent]) -> SiteView:
    """A site, as the API tells it.

    Args:
        site: the site.
        status: how it stands.
        told: what was last told of its missed looks.
    """
    missed = tuple(
        Missed(miss=event.miss, due_at=event.due_at, last_at=event.last_at) for event in told if stands(event)
    )
    return SiteView(id=site.id, name=site.name, status=status, missed=missed)


def alert_view(event: AlertEvent) -> AlertView:
    """How an alert stands after its last event."""
    stands = event.transition in STANDING
    return AlertView(
        state="standing" if stands else "retracted" if event.transition is Transition.RETRACTED else "resolved",
        **{name: getattr(event, name) for name in AlertView.model_fields if name != "state"},
    )


def observation_view(entry: Entry) -> Observation:
    """A look of the history, as the API tells it."""
    look = entry.judgement
    return Observation(
        scene=entry.scene,
        archival=entry.archival,
        missing_tiles=entry.missing_tiles,
        **{name: getattr(look, name) for name in (*JudgedLook.model_fields, "state", "exceeds", "sustained")},
    )
