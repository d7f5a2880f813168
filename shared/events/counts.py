"""The event that a tile was counted."""

from typing import ClassVar

from pydantic import Field

from railwatch.shared.counts import BaselineRef, BlobRef, RecallCheck, TileCount
from railwatch.shared.events.base import AboutTile, derived_id


class CountEvent(AboutTile):
    """A tile was counted, or rejected with its reasons.

    Attributes:
        result: the count.
        image: the tile that was counted.
        baseline: the reference that it was compared with; null if the tile was counted alone.
        new_baseline: set if this tile itself became the baseline of later looks.
        evidence: pictures by name: `baseline`, `tile`, `difference`, `cars`.
        recall: how many known cars, painted into a copy of the tile, were found; null if this was not tried.
        archival: whether the tile was brought from an archive: it enters history, and nobody is notified of it.
    """

    TYPE: ClassVar[str] = "railwatch.count.v1"
    TOPIC: ClassVar[str] = "railwatch.counts.v1"
    SOURCE: ClassVar[str] = "/railwatch/detector"

    result: TileCount
    image: BlobRef
    baseline: BaselineRef | None = None
    new_baseline: BaselineRef | None = None
    evidence: dict[str, BlobRef] = Field(default_factory=dict)
    recall: RecallCheck | None = None
    archival: bool = False

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
