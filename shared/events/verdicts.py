"""The event that a person said something about a look or an alert. It is never an edit: the count stays as it is."""

from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, model_validator

from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events.base import Event, Slug, derived_id


class VerdictKind(StrEnum):
    """What a person says. The first three are about a look or an alert, those with cars about a look."""

    RIGHT = "right"
    FALSE = "false"
    UNCLEAR = "unclear"
    NOT_A_CAR = "not-a-car"
    MISSED_CAR = "missed-car"
    ONE_CAR = "one-car"
    TWO_CARS = "two-cars"
    TOTAL = "total"
    SECOND_LOOK = "second-look"
    TAKEN_BACK = "taken-back"


class WhyFalse(StrEnum):
    """What was taken for a car, or for a rise."""

    SHADOW = "shadow"
    SNOW = "snow"
    BUILDING = "building"
    WAGON_BODY = "wagon-body"
    OTHER = "other"


# How many places each kind needs.
PLACES = {VerdictKind.NOT_A_CAR: 1, VerdictKind.MISSED_CAR: 1, VerdictKind.ONE_CAR: 2, VerdictKind.TWO_CARS: 1}
OF_ALERTS = frozenset({VerdictKind.RIGHT, VerdictKind.FALSE, VerdictKind.UNCLEAR})
OF_LOOKS = frozenset({*PLACES, VerdictKind.TOTAL, VerdictKind.RIGHT})


class Place(Frozen):
    """Where a car stands, or was missed.

    Attributes:
        lon: longitude of its middle, WGS 84 degrees.
        lat: latitude of its middle, WGS 84 degrees.
        tile: the tile on which it was marked; null if nobody said.
        track: the track on which it stands; null if nobody said.
    """

    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    tile: Slug | None = None
    track: str | None = Field(default=None, max_length=128)


class Found(Frozen):
    """What the detector had said of a look when a person judged it.

    Attributes:
        count: railcars on all tiles; null if the look has no count.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        cars: how many cars were drawn; null if that is not known.
        conditions: of the picture and of the count, such as `low-sun`; `clear` if there are none.
        counts: ids of the count events.
    """

    count: float | None = Field(ge=0)
    low: float | None = Field(ge=0)
    high: float | None = Field(ge=0)
    cars: int | None = Field(default=None, ge=0)
    conditions: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


class VerdictEvent(Event):
    """A person judged a look or an alert, asked for a second look, or took a verdict back.

    Attributes:
        site: id of the site.
        site_name: its name.
        scene: the look: id of its first scene; null if the verdict is about an alert.
        alert: the alert; null if the verdict is about a look.
        observed_at: when the satellite saw the look, or the alert's last look.
        sequence: 1 for the first verdict on the look or the alert, and one more for each further one.
        kind: what the person says. `right` says of a look that it is right with the marks that people have set.
        places: the cars that it is about; two for `one-car`, one for the others with cars.
        total: the true count that the person gives; null for all kinds but `total`.
        reason: what was taken for a car, or for a rise; null if it says nothing is false.
        note: what the person adds; empty if nothing.
        by: who says it.
        sender: name of the token with which they do; null if the token has no name.
        takes_back: id of the verdict that no longer holds; null for all kinds but `taken-back`.
        found: what the detector had said of the look; null if the verdict is about an alert.
        sentence: the verdict in one sentence for a person.
        page_url: the page of the look or the alert.
    """

    TYPE: ClassVar[str] = "railwatch.verdict.v1"
    TOPIC: ClassVar[str] = "railwatch.verdicts.v1"
    SOURCE: ClassVar[str] = "/railwatch/alerting"

    site: Slug
    site_name: str
    scene: Slug | None = None
    alert: str | None = None
    observed_at: UtcDatetime
    sequence: int = Field(ge=1)
    kind: VerdictKind
    places: tuple[Place, ...] = ()
    total: int | None = Field(default=None, ge=0)
    reason: WhyFalse | None = None
    note: str = ""
    by: str = Field(min_length=1)
    sender: Slug | None = None
    takes_back: str | None = None
    found: Found | None = None
    sentence: str
    page_url: str

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.scene is None) == (self.alert is None):
            raise ValueError("a verdict is about a look (`scene`) or about an alert, and not about both")
        return self

    @property
    def about(self) -> str:
        """The look's scene, or the alert."""
        return self.scene or self.alert or ""

    @property
    def said(self) -> tuple[object, ...]:
        """What was said and by whom: two verdicts on one thing with the same are the same."""
        places = tuple((place.lon, place.lat) for place in self.places)
        what = (self.kind.value, places, self.total, self.reason, self.note, self.takes_back)
        return (*what, self.by, self.sender)

    @property
    def id(self) -> str:
        """From the site, what it is about, its number, and what was said by whom."""
        places = (f"{place.lon},{place.lat}" for place in self.places)
        said = (self.kind.value, self.total, self.reason, self.note, self.takes_back, self.by, self.sender)
        return derived_id(self.TYPE, self.site, self.scene, self.alert, self.sequence, *said, *places)

    @property
    def key(self) -> str:
        """The verdicts of one site stay in order."""
        return self.site

    @property
    def log_fields(self) -> dict[str, str]:
        """The site."""
        return {"site": self.site}
