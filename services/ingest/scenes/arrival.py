"""The arrival of a scene: what is known of it then. Its clock starts here, and its trace begins or continues."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from railwatch.services.ingest.scenes.metadata import SceneMetadata
from railwatch.services.ingest.scenes.remote import RemoteFile
from railwatch.services.ingest.scenes.tiling import Cutout
from railwatch.shared.access import Holder
from railwatch.shared.bus import Lineage, lineage
from railwatch.shared.bus.lineage import TRACEPARENT
from railwatch.shared.bus.tracing import span
from railwatch.shared.events import derived_id
from railwatch.shared.sites import Site
from railwatch.shared.tiff import Elsewhere


@dataclass(frozen=True)
class Arrival:
    """A scene that comes in.

    Attributes:
        id: its id.
        content: what its file contains.
        metadata: what its sender says about it.
        source: where it comes in.
        sender: who pushed it; null if it comes from another source.
        masks: the contents and meanings of its masks.
        archival: whether it is from an archive.
    """

    id: str
    content: str
    metadata: SceneMetadata
    source: str
    sender: Holder | None = None
    masks: tuple[str, ...] = ()
    archival: bool = False

    def claim(self, site: Site, parts: Sequence[Cutout]) -> str:
        """The claim of this scene over one site, with the cells that the site has now."""
        grid = [(part.cell.id, part.cell.crs, part.cell.bounds_m) for part in parts]
        metadata = self.metadata.model_dump_json(exclude={"scaling", "sensor"})
        scaling = [self.metadata.scaling.model_dump_json()] if self.metadata.scaling else []
        sensor = [f"sensor {self.metadata.sensor}"] if self.metadata.sensor else []
        return derived_id("scene", self.id, self.content, metadata, site.id, grid, *scaling, *sensor, *self.masks)


@contextmanager
def arriving(source: str, traceparent: str = "") -> Iterator[None]:
    """A block in which everything that is published comes from a scene that arrives now.

    Args:
        source: where the scene comes in: `api`, or the name of its source.
        traceparent: the sender's trace; it is ignored if it is malformed.
    """
    arrived = Lineage(datetime.now(UTC), traceparent if TRACEPARENT.match(traceparent) else None)
    with span("ingest", "take scene", "producer", arrived, railwatch__source=source) as origin, lineage(origin):
        yield


def content_of(file: Path | Elsewhere) -> str:
    """An id of what a file contains: its checksum, or the version of a file that lies elsewhere."""
    if isinstance(file, Path):
        return sha256_of(file)
    if isinstance(file, RemoteFile):
        return file.version
    raise TypeError(f"{type(file).__name__} says nothing of its version")


def sha256_of(path: Path) -> str:
    """A file's checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
