"""The archive of counts in the object store. Redis forgets a site's old looks and pictures, the archive keeps all.

| path below `counts/<site>/` | holds |
| --- | --- |
| `scenes/<scene>/<tile>/<recorded>-<event>.json.zst` | a count event as JSON, compressed with Zstandard |
| `times/<month>/<observed>/<scene>` | nothing: the scene was taken at this time |

An object is never changed, so that it does not matter in which order counts come, how often, or from how many
processes. Of several counts of one tile, the one that was recorded last is valid, as everywhere in alerting. Its path
says so without reading the others. Where the time of a scene was corrected, the entry at the earlier time stays and is
passed over.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Self

import obstore
import zstandard
from obstore.store import ObjectStore
from pydantic import TypeAdapter, ValidationError

from railwatch.services.alerting.history.observations import TileReading, reading
from railwatch.shared.blobs import BlobStore
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent, Slug
from railwatch.shared.objects import store_errors
from railwatch.shared.settings import BlobSettings

# Scenes whose entry by time this process wrote last. It is not written again for each of their tiles.
ENTERED_KEPT = 10_000
# Entries that are written at the same time.
WRITERS = 16
# Scenes that are read ahead at the same time, for the time that the object store takes to answer.
READ_AHEAD = 16

_SCENE: TypeAdapter[str] = TypeAdapter(Slug)


@dataclass(frozen=True)
class ArchivedScene:
    """What was counted in one scene over one site: the valid count of each tile, by tile, at least one."""

    site: str
    scene: str
    counts: dict[str, CountEvent]

    @property
    def readings(self) -> dict[str, TileReading]:
        """What alerting's history keeps of the counts."""
        return {tile: reading(event) for tile, event in self.counts.items()}

    @property
    def observed_at(self) -> datetime:
        """When the satellite saw the site, as the last recorded count says."""
        return max(self.counts.values(), key=lambda event: (event.recorded_at, event.id)).observed_at


class Archive:
    """The counts of all sites.

    Every method raises `DependencyAwayError` if the object store does not answer, or refuses. Those that read raise
    `UnprocessableError`, `archive-damaged`, if an object is not a count.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.objects = store
        self._entered: set[str] = set()
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="archive")

    @classmethod
    def open(cls, settings: BlobSettings) -> Self:
        """The archive beside the blobs of the settings.

        Raises:
            ConfigurationError: the directory cannot be made.
        """
        return cls(BlobStore.open(settings).objects)

    def put(self, event: CountEvent) -> None:
        """Keep a count. To keep it again changes nothing."""
        entry = entry_path(event)
        with store_errors(f"counts/{event.site}"):
            # Both at the same time: alerting waits for the object store once for each count.
            entering = None if entry in self._entered else self._writers.submit(obstore.put, self.objects, entry, b"")
            obstore.put(self.objects, count_path(event), zstandard.compress(event.model_dump_json().encode()))
            if entering is not None:
                entering.result()
        if len(self._entered) >= ENTERED_KEPT:
            self._entered.clear()
        self._entered.add(entry)

    def is_empty(self) -> bool:
        """Whether nothing is kept of any site."""
        with store_errors("counts"):
            return not any(obstore.list(self.objects, "counts", chunk_size=1))

    def paths(self, site: str) -> Iterator[str]:
        """The paths of all that is kept of a site, see `count_path` and `entry_path`."""
        yield from self._listed(f"counts/{site}")

    def scene(self, site: str, scene: str) -> ArchivedScene | None:
        """The valid counts of a scene; null if there is none, or if its name cannot be that of a scene."""
        if not _is_scene(scene):
            return None
        newest: dict[str, str] = {}
        for path in self._listed(f"counts/{site}/scenes/{scene}"):
            tile = PurePosixPath(path).parent.name
            newest[tile] = max(newest.get(tile, ""), path)
        counts = {tile: self._read(path) for tile, path in sorted(newest.items())}
        return ArchivedScene(site, scene, counts) if counts else None

    def times(
        self, site: str, since: datetime | None = None, before: datetime | None = None, *, newest_first: bool = False
    ) -> Iterator[tuple[datetime, str]]:
        """The times and ids of a site's scenes, in order, from one time on and before another. Nothing is read of them.

        A scene whose time was corrected stands at both times. A month's entries are in memory at once.
        """
        with store_errors(f"counts/{site}/times"):
            months = obstore.list_with_delimiter(self.objects, f"counts/{site}/times")["common_prefixes"]
        first, last = since and _month(since), before and _month(before)
        for month in sorted(months, reverse=newest_first):
            name = PurePosixPath(month).name
            if (first and name < first) or (last and name > last):
                continue
            for entry in sorted(self._listed(month), reverse=newest_first):
                _, _, at, scene = entry.rsplit("/", 3)
                observed_at = read_stamp(at)
                if (since is None or observed_at >= since) and (before is None or observed_at < before):
                    yield observed_at, scene

    def first_times(self, sites: Sequence[str]) -> dict[str, datetime]:
        """When the first scene of each of these sites was taken; those without scenes are left out."""
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="archive") as readers:
            found = readers.map(lambda site: next(self.times(site), None), sites)
            return {site: first[0] for site, first in zip(sites, found, strict=True) if first}

    def scenes(
        self, site: str, since: datetime | None = None, before: datetime | None = None, *, newest_first: bool = False
    ) -> Iterator[ArchivedScene]:
        """A site's scenes in order of time, from one time on and before another. A few are in memory at once."""
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="archive") as readers:
            ahead: deque[tuple[datetime, Future[ArchivedScene | None]]] = deque()
            try:
                for observed_at, scene in self.times(site, since, before, newest_first=newest_first):
                    ahead.append((observed_at, readers.submit(self.scene, site, scene)))
                    if len(ahead) == 2 * READ_AHEAD:
                        yield from _at_its_time(*ahead.popleft())
                while ahead:
                    yield from _at_its_time(*ahead.popleft())
            finally:
                for _, waiting in ahead:
                    waiting.cancel()

    def _listed(self, prefix: str) -> Iterator[str]:
        with store_errors(prefix):
            for chunk in obstore.list(self.objects, prefix, chunk_size=1000):
                yield from (found["path"] for found in chunk)

    def _read(self, path: str) -> CountEvent:
        with store_errors(path):
            data = bytes(obstore.get(self.objects, path).bytes())
        try:
            return CountEvent.model_validate_json(zstandard.decompress(data))
        except (zstandard.ZstdError, ValidationError):
            raise UnprocessableError("archive-damaged", f"The object at {path} is not a count.") from None


def count_path(event: CountEvent) -> str:
    """Where a count is kept. The greatest path of a tile is that of its valid count."""
    return f"counts/{event.site}/scenes/{event.scene}/{event.tile}/{stamp(event.recorded_at)}-{event.id}.json.zst"


def entry_path(event: CountEvent) -> str:
    """Where it is kept that the count's scene was taken at its time."""
    return f"counts/{event.site}/times/{_month(event.observed_at)}/{stamp(event.observed_at)}/{event.scene}"


def stamp(at: datetime) -> str:
    """A time in UTC as it stands in paths, always of one length, so that the order of texts is that of time."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds").replace("-", "").replace(":", "") + "Z"


def read_stamp(text: str) -> datetime:
    """The inverse of `stamp`.

    Raises:
        ValueError: it is none.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def _month(at: datetime) -> str:
    return at.isoformat()[:7]


def _is_scene(text: str) -> bool:
    """Whether a text may be the id of a scene. Any other would lead elsewhere in the store, or nowhere."""
    try:
        _SCENE.validate_python(text)
    except ValidationError:
        return False
    return True


def _at_its_time(observed_at: datetime, found: Future[ArchivedScene | None]) -> Iterator[ArchivedScene]:
    scene = found.result()
    if scene is not None and scene.observed_at == observed_at:
        yield scene
