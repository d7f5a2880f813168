"""What all events have in common: a type, a topic, a source, a key, and an id derived from the content.

Every id is a function of what the event is about, never of when it was sent. Writing the same thing twice gives the
same id and changes nothing.
"""

import hashlib
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from railwatch.shared.counts import Frozen, UtcDatetime

# The id of a site, a tile or a scene.
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


def derived_id(*parts: object) -> str:
    """A 128-bit id in hex, derived from these parts in this order. Equal parts give equal ids, always.

    A stranger's text may hold lone surrogates; they are encoded like other characters.
    """
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Event(Frozen):
    """What every event has.

    `TYPE` is its CloudEvents type, `TOPIC` the Kafka topic without the installation's prefix, and `SOURCE` the
    CloudEvents source: the service that publishes it.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    SOURCE: ClassVar[str]

    recorded_at: UtcDatetime = Field(description="when Railwatch recorded it.")

    @property
    def id(self) -> str:
        """The event's id, derived from its content."""
        raise TypeError(f"{type(self).__name__} has no id")

    @property
    def key(self) -> str:
        """The partition key: events of one key stay in order."""
        raise TypeError(f"{type(self).__name__} has no key")

    @property
    def event_source(self) -> str:
        """The CloudEvents source of this event."""
        return self.SOURCE

    @property
    def log_fields(self) -> dict[str, str]:
        """What it is about, such as its `site` and `tile`, as fields of logs and traces."""
        return {}

    @property
    def satellite_time(self) -> datetime | None:
        """When the satellite saw what the event is about; null if the satellite has no part in it."""
        return None


class AboutTile(Event):
    """An event about one tile of one scene."""

    site: Slug = Field(description="id of the site.")
    tile: Slug = Field(description="id of the site's cell.")
    scene: Slug = Field(description="id of the scene, unique per acquisition.")
    tiles_in_scene: tuple[Slug, ...] = Field(
        description="every tile of the site that this scene covers, so that alerting knows when a scene is whole."
    )
    observed_at: UtcDatetime = Field(description="when the satellite saw it.")
    sensor: str | None = Field(
        default=None,
        description="which sensor took it, in lower case; null if the sender did not say. Scenes of one sensor, "
        "minutes apart, are frames of one look.",
    )
    remarks: tuple[str, ...] = Field(
        default=(),
        description="what ingest left out of the scene, or took in another way than it was sent, each a sentence: a "
        "mask that could not be used, a time that is the middle of two.",
    )

    @property
    def log_fields(self) -> dict[str, str]:
        """The site, the tile and the scene. Alerting's page of the look is `/sites/<site>/looks/<scene>`."""
        return {"site": self.site, "tile": self.tile, "scene": self.scene}

    @property
    def satellite_time(self) -> datetime:
        """When the satellite saw the tile."""
        return self.observed_at
