"""What the API of verdicts takes and answers with."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from railwatch.services.alerting.state.records import Taught
from railwatch.services.alerting.verdicts.corrected import corrected, judged, standing
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Found, Place, VerdictEvent, VerdictKind, WhyFalse
from railwatch.shared.events.verdicts import OF_ALERTS, OF_LOOKS, PLACES

# More cars than any site holds.
MOST_CARS = 100_000
# What may be said of a look and of an alert alike.
OF_BOTH = frozenset({VerdictKind.SECOND_LOOK, VerdictKind.TAKEN_BACK})


class VerdictBody(BaseModel):
    """What a person says. `by` may be left out if the token has a name."""

    model_config = ConfigDict(extra="forbid")

    kind: VerdictKind
    places: tuple[Place, ...] = Field(default=(), max_length=2)
    total: int | None = Field(default=None, ge=0, le=MOST_CARS)
    reason: WhyFalse | None = None
    note: str = Field(default="", max_length=500)
    by: str | None = Field(default=None, min_length=1, max_length=80)
    takes_back: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        kind = self.kind
        needed = PLACES.get(kind, 0)
        if len(self.places) != needed:
            raise ValueError(f"{kind} needs {needed} `places`")
        if (self.total is None) == (kind is VerdictKind.TOTAL):
            raise ValueError(f"{kind} needs {'a' if self.total is None else 'no'} `total`")
        if (self.takes_back is None) == (kind is VerdictKind.TAKEN_BACK):
            raise ValueError(f"{kind} needs {'the id' if self.takes_back is None else 'no id'} in `takes_back`")
        if (self.reason is None) == (kind in (VerdictKind.NOT_A_CAR, VerdictKind.FALSE)):
            raise ValueError(f"{kind} needs {'a' if self.reason is None else 'no'} `reason`")
        return self


class LookVerdictBody(VerdictBody):
    """What a person says of a look."""

    @model_validator(mode="after")
    def _is_of_a_look(self) -> Self:
        if self.kind not in OF_LOOKS | OF_BOTH:
            raise ValueError(f"{self.kind} is said of alerts, not of looks")
        return self


class AlertVerdictBody(VerdictBody):
    """What a person says of an alert."""

    @model_validator(mode="after")
    def _is_of_an_alert(self) -> Self:
        if self.kind not in OF_ALERTS | OF_BOTH:
            raise ValueError(f"{self.kind} is said of looks, not of alerts")
        return self


class VerdictView(Frozen):
    """A verdict, and whether it stands; the fields are those of the event."""

    id: str
    recorded_at: UtcDatetime
    kind: VerdictKind
    places: tuple[Place, ...]
    total: int | None
    reason: WhyFalse | None
    note: str
    by: str
    sender: str | None
    takes_back: str | None
    sentence: str
    stands: bool

    @classmethod
    def all_of(cls, verdicts: Iterable[VerdictEvent]) -> tuple[Self, ...]:
        """Verdicts on one thing, in order."""
        listed = list(verdicts)
        held = {verdict.id for verdict in standing(listed)}
        return tuple(
            cls.model_validate({**dict(verdict), "id": verdict.id, "stands": verdict.id in held}) for verdict in listed
        )


class LookVerdicts(Frozen):
    """A look as the detector and as people see it. The count is not edited: both stand side by side.

    Attributes:
        site: the site.
        scene: the look: id of its first scene.
        found: what the detector says now.
        true: the true count; null until a person said that the look is right, or how many cars there are.
        false: drawn cars that are none, or one with another, as people marked them.
        missed: cars that were not drawn, or drawn as one with another, as people marked them.
        explained: whether each difference between both counts is marked.
        verdicts: all verdicts on the look, in order.
    """

    site: str
    scene: str
    found: Found
    true: int | None
    false: int
    missed: int
    explained: bool
    verdicts: tuple[VerdictView, ...]

    @classmethod
    def of(cls, site: str, scene: str, found: Found, verdicts: Iterable[VerdictEvent]) -> Self:
        """A look, with the verdicts on it."""
        listed = list(verdicts)
        look = corrected(standing(listed))
        return cls(
            site=site,
            scene=scene,
            found=found,
            true=look.true,
            false=look.false,
            missed=look.missed,
            explained=look.explained,
            verdicts=VerdictView.all_of(listed),
        )


class AlertVerdicts(Frozen):
    """What people say of an alert.

    Attributes:
        alert: the alert.
        site: its site.
        judged: the last verdict that stands, of those that judge it; null if there is none.
        verdicts: all verdicts on it, in order.
    """

    alert: str
    site: str
    judged: VerdictKind | None
    verdicts: tuple[VerdictView, ...]

    @classmethod
    def of(cls, alert: str, site: str, verdicts: Iterable[VerdictEvent]) -> Self:
        """An alert, with the verdicts on it."""
        listed = list(verdicts)
        last = judged(standing(listed))
        return cls(alert=alert, site=site, judged=last.kind if last else None, verdicts=VerdictView.all_of(listed))


class SiteVerdicts(Frozen):
    """What people's verdicts teach of a site, and the last of them, newest first."""

    site: str
    taught: Taught
    verdicts: tuple[VerdictView, ...]
