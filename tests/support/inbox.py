"""A directory that ingest watches, for tests: how scenes get into it, and what becomes of them."""

import json
import threading
from pathlib import Path

from railwatch.services.ingest.sources.directory import WatchedDirectory
from tests.support.geotiff import NoiseScene

METADATA = json.dumps({"observed_at": "2023-10-05T02:11:00Z", "scene": "S1"})
# Tells a source that it need not stop.
GOING_ON = threading.Event()


def lay(inbox: Path, name: str = "a", data: bytes | None = None, metadata: str = METADATA) -> None:
    """Writes a scene and its metadata."""
    (inbox / f"{name}.tif").write_bytes(NoiseScene().geotiff() if data is None else data)
    (inbox / f"{name}.json").write_text(metadata)


def poll_twice(watched: WatchedDirectory) -> None:
    """A file is taken when it has stayed the same from one poll to the next."""
    watched.poll(GOING_ON)
    watched.poll(GOING_ON)


def files(directory: Path) -> list[str]:
    """All files below a directory, by their paths from there."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
