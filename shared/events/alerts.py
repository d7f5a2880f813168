"""The events that receivers are told of: steps in the life of an alert, or of a missed look."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from railwatch.shared.counts import BaselineRef, BlobRef, Frozen, Occupied, UtcDatetime
from railwatch.shared.events.base import Event, Slug, derived_id


class Transition(StrEnum):
    """A step in the life of an alert. Counts cause the first four. People cause the last two while it stands."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"


# After one of these transitions an alert, or a missed look, stands.
STANDING = frozenset({Transition.OPENED, Transition.UPDATED, Transition.ACKNOWLEDGED, Transition.SILENCED})


class Severity(StrEnum):
    """How far the count is above its threshold."""

    WARNING = "warning"
    CRITICAL = "critical"


class Onset(Frozen):
    """When the rise began: a date with a 90 % interval."""

    at: UtcDatetime
    low: UtcDatetime
    high: UtcDatetime


class ContextLag(Frozen):
    """A context event of the site, and how many days after it the rise began; negative if it began before."""

    title: str
    at: UtcDatetime
    lag_days: float


class Recalibrated(Frozen):
    """What people's verdicts on earlier looks at a site make of a count. The count stays what the detector said.

    Attributes:
        count: railcars, with the site's share and bias.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        verdicts: how many looks with a true count, said before this one was counted, it was learned from.
    """

    count: float = Field(ge=0)
    low: float = Field(ge=0)
    high: float = Field(ge=0)
    verdicts: int = Field(ge=1)


class Look(Frozen):
    """What was seen of one site at one time.

    Attributes:
        observed_at: when the satellite saw the site.
        count: railcars on all tiles; null if the site could not be observed, or was measured and not counted.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the site's track length that was seen.
        occupied: metres of track under trains, where pixels were too coarse to count; null otherwise.
        remarks: what ingest left out of its scenes, or took in another way than it was sent, each a sentence.
        recalibrated: the count and its interval as people's verdicts at the site make them; null where there were none.
    """

    observed_at: UtcDatetime
    count: float | None
    low: float | None
    high: float | None
    coverage: float
    occupied: Occupied | None = None
    remarks: tuple[str, ...] = ()
    recalibrated: Recalibrated | None = None


class JudgedLook(Look):
    """A look, and what the site's history says about it.

    Attributes:
        observed_at: when the satellite saw the site.
        count: railcars on all tiles; null if the site could not be observed, or was measured and not counted.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the site's track length that was seen.
        occupied: metres of track under trains, where pixels were too coarse to count; null otherwise. Such a look is
            judged by its `cars_low`.
        remarks: what ingest left out of its scenes, or took in another way than it was sent, each a sentence.
        recalibrated: the count and its interval as people's verdicts at the site make them; null where there were none.
        expected: what the site's history predicts.
        threshold: upper prediction bound; null while learning.
        p_value: how likely so high a count is if nothing had changed.
    """

    # A field of this type accepts a value that carries more, and cuts it down to this.
    model_config = ConfigDict(revalidate_instances="subclass-instances")

    expected: float | None = None
    threshold: float | None = None
    p_value: float | None = None


class EvidenceItem(Frozen):
    """The pictures and provenance of one tile behind an alert."""

    tile: Slug
    scene: Slug
    image: BlobRef
    baseline: BaselineRef | None
    pictures: dict[str, BlobRef]
    algorithm: str


class Notice(Event):
    """A step in the life of an alert or of a missed look. Receivers get these."""

    TOPIC: ClassVar[str] = "railwatch.alerts.v1"
    SOURCE: ClassVar[str] = "/railwatch/alerting"

    sequence: int = Field(ge=1)
    transition: Transition
    reason: str
    site: Slug
    site_name: str
    sentence: str
    page_url: str

    @property
    def about(self) -> str:
        """The id of the alert, or of the missed look."""
        raise TypeError(f"{type(self).__name__} is about no alert")

    @property
    def stands(self) -> bool:
        """Whether it stands after this step."""
        return self.transition in STANDING

    @property
    def id(self) -> str:
        """From the alert or the missed look, the number of the step, and the step."""
        return derived_id(self.TYPE, self.about, self.sequence, self.transition.value)

    @property
    def key(self) -> str:
        """The events of one site stay in order."""
        return self.site

    @property
    def log_fields(self) -> dict[str, str]:
        """The site."""
        return {"site": self.site}


class AlertEvent(Notice):
    """An alert was opened, updated, resolved or retracted, or a person acknowledged or silenced it.

    Attributes:
        alert: the alert's identity, one throughout its life.
        sequence: 1 for the opening, and one more for each further transition.
        transition: what happened.
        reason: why, in one sentence.
        site: id of the site.
        site_name: its name.
        opened_at: `observed_at` of the look that opened the alert.
        look: the look that caused this transition, with its judgement.
        severity: how far the count is above the threshold.
        onset: when the rise began.
        context: the site's context events near the onset, with their lag.
        history: the looks before, oldest first.
        evidence: pictures and provenance by tile.
        missing_tiles: tiles of the scene that were not counted in time.
        sentence: the alert in one sentence for a person.
        page_url: the alert's page.
        by: who acknowledged or silenced it, as they say.
        sender: name of the token with which they did; null if the token has no name.
        until: when the silence ends.
    """

    TYPE: ClassVar[str] = "railwatch.alert.v1"

    alert: str
    opened_at: UtcDatetime
    look: JudgedLook
    severity: Severity
    onset: Onset | None = None
    context: tuple[ContextLag, ...] = ()
    history: tuple[JudgedLook, ...] = ()
    evidence: tuple[EvidenceItem, ...] = ()
    missing_tiles: tuple[Slug, ...] = ()
    by: str | None = None
    sender: Slug | None = None
    until: UtcDatetime | None = None

    @property
    def about(self) -> str:
        """The alert."""
        return self.alert


class Miss(StrEnum):
    """What was missed: any look at all, or a look that shows enough of the site."""

    LOOK = "look"
    CLEAR_LOOK = "clear-look"


class MissedLookEvent(Notice):
    """A site should have been seen by now and was not, or it was seen again.

    Attributes:
        missed: the missed look's identity, derived from site, kind and due time.
        sequence: 1 for the opening, and one more for each further transition.
        transition: `opened` when the look was missed, `resolved` when that ended.
        reason: why, in one sentence.
        site: id of the site.
        site_name: its name.
        miss: any look at all, or a look that shows enough of the site.
        due_at: when the look should have come, at the latest.
        last_at: when the last such look was taken; null if there was none yet.
        seen_at: when the look that ended it was taken; null if no look ended it.
        sentence: what was missed, in one sentence for a person.
        page_url: the page with the state of all sites.
    """

    TYPE: ClassVar[str] = "railwatch.missed-look.v1"

    missed: str
    transition: Literal[Transition.OPENED, Transition.RESOLVED]
    miss: Miss
    due_at: UtcDatetime
    last_at: UtcDatetime | None
    seen_at: UtcDatetime | None = None

    @property
    def about(self) -> str:
        """The missed look."""
        return self.missed
