"""The event that a tile's baseline changed, or that a change was considered."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from railwatch.shared.counts import BaselineMeasure, BaselineRef
from railwatch.shared.events.base import Event, Slug, derived_id

# Who decides if no person does.
ITSELF = "railwatch"
# How what a sender or a source decides begins: it sent a baseline to ingest.
BY_INGEST = "ingest ("


class BaselineChange(StrEnum):
    """What happened to the baseline of a tile."""

    SET = "set"
    RENEWED = "renewed"
    KEPT = "kept"
    FORGOTTEN = "forgotten"


class BaselineEvent(Event):
    """A tile has another baseline, or a new composite was made and the baseline stayed.

    Attributes:
        change: `set` for a look that became the baseline or an operator's choice, `renewed` for a composite, `kept` if
            a composite was not better or an operator's choice stands, `forgotten` if there is none from now on.
        version: the version that the tile has from now on; it never gets a lower one.
        baseline: the picture of this version and where it comes from; null if it was forgotten.
        by: who decided: `railwatch`, or a person.
        why: the reason: a short, stable word if `railwatch` decided, or the person's own words.
        measured: how good the new composite is; null if none was made.
        before: how good the earlier baseline is for the same looks; null if none was measured.
        considered: checksums of the looks that a composite could be made of.
    """

    TYPE: ClassVar[str] = "railwatch.baseline.v1"
    TOPIC: ClassVar[str] = "railwatch.baselines.v1"
    SOURCE: ClassVar[str] = "/railwatch/detector"

    site: Slug = Field(description="id of the site.")
    tile: Slug = Field(description="id of the site's cell.")
    change: BaselineChange
    version: int = Field(ge=1)
    baseline: BaselineRef | None = None
    by: str = Field(min_length=1)
    why: str = Field(min_length=1)
    measured: BaselineMeasure | None = None
    before: BaselineMeasure | None = None
    considered: tuple[str, ...] = ()

    @property
    def by_command(self) -> bool:
        """Whether a person decided, by the command: not Railwatch, and not who sent a baseline to ingest."""
        return self.by != ITSELF and not self.by.startswith(BY_INGEST)

    @property
    def id(self) -> str:
        """From site, tile, version, change, baseline and the looks that were considered."""
        return derived_id(
            self.TYPE,
            self.site,
            self.tile,
            self.version,
            self.change.value,
            self.baseline.id if self.baseline else "none",
            *sorted(self.considered),
        )

    @property
    def key(self) -> str:
        """One tile's history stays in order."""
        return f"{self.site}/{self.tile}"

    @property
    def log_fields(self) -> dict[str, str]:
        """The site and the tile."""
        return {"site": self.site, "tile": self.tile}
