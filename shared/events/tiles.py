"""The event that a tile was cut from a scene."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from railwatch.shared.counts import BlobRef, Sun
from railwatch.shared.events.base import AboutTile, Slug, derived_id


class TileRole(StrEnum):
    """What a tile is for: to be counted, or to be the baseline of later tiles."""

    OBSERVATION = "observation"
    BASELINE = "baseline"


class TileEvent(AboutTile):
    """A tile was cut from a scene and stored.

    Attributes:
        role: whether to count it, or to take it as a baseline that an operator gave.
        image: the tile's pixels, a GeoTIFF.
        gsd_m: ground sample distance, metres per pixel.
        sun: where the sun stood, if the provider said so.
        source: where the scene came from: `api`, `directory`, `bucket` or `stac`.
        sender: name of the token with which it was pushed; null if it came from another source, or if the token has
            no name.
        archival: whether it was brought from an archive: it enters history, and nobody is notified of it.
    """

    TYPE: ClassVar[str] = "railwatch.tile.v1"
    TOPIC: ClassVar[str] = "railwatch.tiles.v1"
    SOURCE: ClassVar[str] = "/railwatch/ingest"

    role: TileRole = TileRole.OBSERVATION
    image: BlobRef
    gsd_m: float = Field(gt=0)
    sun: Sun | None = None
    source: str
    sender: Slug | None = None
    archival: bool = False

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
