"""The events that cross Kafka: one model each, its topic, its key, and an id derived from its content.

The wire form (CloudEvents 1.0, Kafka binary mode) is made by `shared.bus.codec`. Every id is a function of what the
event is about, never of when it was sent, so writing the same thing twice gives the same id and changes nothing.
"""

import hashlib
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from railwatch.shared.counts import BaselineRef, BlobRef, Frozen, RecallCheck, Sun, TileCount, UtcDatetime

Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


def derived_id(*parts: object) -> str:
    """A stable 128-bit hex id of the given parts; order matters."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


class Event(Frozen):
    """What every event has: a type and topic, a partition key, a content-derived id and the time it was recorded."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]

    recorded_at: UtcDatetime = Field(description="when Railwatch recorded it.")

    @property
    def id(self) -> str:
        """The event's id, derived from its content."""
        raise TypeError(f"{type(self).__name__} has no id")

    @property
    def key(self) -> str:
        """The partition key: events of one key stay in order."""
        raise TypeError(f"{type(self).__name__} has no key")


class TileRole(StrEnum):
    """What a tile is for."""

    OBSERVATION = "observation"
    BASELINE = "baseline"


class TileEvent(Event):
    """A tile was cut from a scene and stored.

    Attributes:
        site: id of the site.
        tile: id of the site's cell.
        scene: id of the scene, unique per acquisition.
        tiles_in_scene: every tile of the site that this scene covers, so that alerting knows when a scene is whole.
        observed_at: when the satellite saw it.
        role: an observation to count, or a baseline that an operator gave.
        image: the tile's pixels, a GeoTIFF.
        gsd_m: ground sample distance, metres per pixel.
        sun: where the sun stood, if the provider said.
        source: where the scene came from: `api`, `directory`, `bucket` or `stac`.
    """

    TYPE: ClassVar[str] = "railwatch.tile.v1"
    TOPIC: ClassVar[str] = "railwatch.tiles.v1"

    site: Slug
    tile: Slug
    scene: Slug
    tiles_in_scene: tuple[Slug, ...]
    observed_at: UtcDatetime
    role: TileRole = TileRole.OBSERVATION
    image: BlobRef
    gsd_m: float = Field(gt=0)
    sun: Sun | None = None
    source: str

    @property
    def id(self) -> str:
        """From site, tile, time, role and pixels."""
        return derived_id(
            self.TYPE, self.site, self.tile, self.observed_at.isoformat(), self.role.value, self.image.sha256
        )

    @property
    def key(self) -> str:
        """One tile's history stays in order."""
        return f"{self.site}/{self.tile}"


class CountEvent(Event):
    """A tile was counted, or rejected with its reasons.

    Attributes:
        site: id of the site.
        tile: id of the site's cell.
        scene: id of the scene.
        tiles_in_scene: every tile of the site that this scene covers.
        observed_at: when the satellite saw it.
        result: the count.
        image: the tile that was counted.
        baseline: what it was differenced against; null for a single-image count.
        new_baseline: set where this very tile became the baseline of the looks that follow.
        evidence: pictures by name: `baseline`, `tile`, `difference`, `cars`.
        recall: how many of some known cars, painted into a copy of the tile, were found; null where it was not tried.
    """

    TYPE: ClassVar[str] = "railwatch.count.v1"
    TOPIC: ClassVar[str] = "railwatch.counts.v1"

    site: Slug
    tile: Slug
    scene: Slug
    tiles_in_scene: tuple[Slug, ...]
    observed_at: UtcDatetime
    result: TileCount
    image: BlobRef
    baseline: BaselineRef | None = None
    new_baseline: BaselineRef | None = None
    evidence: dict[str, BlobRef] = Field(default_factory=dict)
    recall: RecallCheck | None = None

    @property
    def id(self) -> str:
        """From site, tile, time, pixels, algorithm and baseline."""
        return derived_id(
            self.TYPE,
            self.site,
            self.tile,
            self.observed_at.isoformat(),
            self.image.sha256,
            self.result.algorithm,
            self.baseline.id if self.baseline else "none",
        )

    @property
    def key(self) -> str:
        """One site's counts stay in order."""
        return self.site


class Transition(StrEnum):
    """A step in an alert's life. Counts bring about the first four; people the last two, of an alert that stands."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    RETRACTED = "retracted"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"


class Severity(StrEnum):
    """How far the count stands above its threshold."""

    WARNING = "warning"
    CRITICAL = "critical"


class Onset(Frozen):
    """When the rise began: a date with a 90 % interval."""

    at: UtcDatetime
    low: UtcDatetime
    high: UtcDatetime


class ContextLag(Frozen):
    """A context event of the site, and how many days after it the rise began (negative: before it)."""

    title: str
    at: UtcDatetime
    lag_days: float


class Look(Frozen):
    """What was seen of one site at one time.

    Attributes:
        observed_at: when the satellite saw the site.
        count: railcars on all tiles; null where unobserved.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the site's track length that was seen.
    """

    observed_at: UtcDatetime
    count: float | None
    low: float | None
    high: float | None
    coverage: float


class JudgedLook(Look):
    """A look, and what the site's history says about it.

    Where a field asks for a judged look, a value that carries more is accepted and cut down to this.

    Attributes:
        observed_at: when the satellite saw the site.
        count: railcars on all tiles; null where unobserved.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the site's track length that was seen.
        expected: what the site's history predicts.
        threshold: upper prediction bound; null while learning.
        p_value: chance of so high a count if nothing had changed.
    """

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
    """A step in the life of something that receivers are told of: an alert, or a look that was missed."""

    TOPIC: ClassVar[str] = "railwatch.alerts.v1"

    sequence: int = Field(ge=1)
    transition: Transition
    reason: str
    site: Slug
    site_name: str
    sentence: str
    page_url: str

    @property
    def about(self) -> str:
        """The identity of that which takes the step."""
        raise TypeError(f"{type(self).__name__} is about nothing")

    @property
    def id(self) -> str:
        """From what takes the step, its place in that life, and the step."""
        return derived_id(self.TYPE, self.about, self.sequence, self.transition.value)

    @property
    def key(self) -> str:
        """What is told of one site stays in order."""
        return self.site


class AlertEvent(Notice):
    """An alert was opened, updated, resolved or retracted; or a person acknowledged or silenced it.

    Attributes:
        alert: the alert's identity, one throughout its life.
        sequence: 1 for the opening, one more for each transition.
        transition: what happened.
        reason: why, in one sentence.
        site: id of the site.
        site_name: its name.
        opened_at: `observed_at` of the look that opened the alert.
        look: the look that caused this transition, with its judgement.
        severity: how far above the threshold.
        onset: when the rise began.
        context: the site's context events near the onset, with their lag.
        history: the looks before, oldest first.
        evidence: pictures and provenance by tile.
        missing_tiles: tiles of the scene that were not counted in time.
        sentence: the alert, told to a person.
        page_url: where a person sees it.
        by: who acknowledged or silenced it.
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
    until: UtcDatetime | None = None

    @property
    def about(self) -> str:
        """The alert."""
        return self.alert


class Miss(StrEnum):
    """What was missed: any look, or one on which something could be seen."""

    LOOK = "look"
    CLEAR_LOOK = "clear-look"


class MissedLookEvent(Notice):
    """A site should have been seen by now and was not; or it has been seen again.

    Attributes:
        missed: the missed look's identity, derived from site, kind and due time.
        sequence: 1 when it was first told, one more for each transition.
        transition: `opened` when the look was missed, `resolved` when that ended.
        reason: why, in one sentence.
        site: id of the site.
        site_name: its name.
        miss: any look, or one on which something could be seen.
        due_at: by when it should have come.
        last_at: when the last one was taken; null if there never was one.
        seen_at: when the look was taken that ended it; null without one.
        sentence: what was missed, told to a person.
        page_url: where a person sees how all sites stand.
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


class Coordinates(Frozen):
    """Where a Kafka record lies."""

    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class DeadLetter(Event):
    """Something could not be processed. It is kept, with the reason, never dropped.

    Attributes:
        service: who gave up.
        reason: a short, stable word.
        detail: one sentence for a person, without a stack trace.
        subject: what it was about: a file name, a scene id, an event id.
        original: where the record lies; null for what never was a record, such as a rejected upload.
        headers: the record's headers, decoded leniently.
        value_base64: the record's value; null above the size limit or for what never was a record.
    """

    TYPE: ClassVar[str] = "railwatch.dead-letter.v1"
    TOPIC: ClassVar[str] = "railwatch.dead-letters.v1"

    service: Literal["ingest", "detector", "alerting"]
    reason: str = Field(pattern=r"^[a-z0-9-]+$")
    detail: str
    subject: str
    original: Coordinates | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    value_base64: str | None = None

    @property
    def id(self) -> str:
        """From the service, the reason and the record's coordinates, or the subject where there is no record."""
        where = self.original.model_dump_json() if self.original else self.subject
        return derived_id(self.TYPE, self.service, self.reason, where)

    @property
    def key(self) -> str:
        """Dead letters of one service stay in order."""
        return self.service
