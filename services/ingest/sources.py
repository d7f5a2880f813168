"""What the sources that Railwatch looks through by itself have in common: the directory, the bucket, the STAC API."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import structlog

from railwatch.services.ingest.arrival import arriving
from railwatch.services.ingest.intake import Intake, Receipt
from railwatch.shared import metrics
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.health import Progress

GEOTIFF_SUFFIXES = (".tif", ".tiff")
METADATA_SUFFIX = ".json"
PARTNER_WITHIN_S = 300.0
"""How long a GeoTIFF may wait for its metadata, or metadata for its GeoTIFF, before it is refused."""

log = structlog.get_logger()


class Pair(NamedTuple):
    """A GeoTIFF and the metadata of the same name beside it; one of both may be missing."""

    geotiff: str | None
    metadata: str | None

    @property
    def subject(self) -> str:
        """What the pair is called."""
        return self.geotiff or self.metadata or ""

    @property
    def names(self) -> tuple[str, ...]:
        """The files that are there."""
        return tuple(name for name in self if name is not None)

    def refusal(self) -> UnprocessableError:
        """Why a pair of which one is missing cannot be taken."""
        if self.metadata is None:
            problem = (
                f"There is no metadata beside {self.geotiff}; it must lie in a file of the same name, ending in .json."
            )
            return UnprocessableError("metadata-missing", problem)
        return UnprocessableError("file-missing", f"There is no GeoTIFF of the same name beside {self.metadata}.")


def pairs(paths: Iterable[str]) -> Iterator[Pair]:
    """Files by their name without suffix; hidden files and other kinds are left alone."""
    metadata: dict[str, str] = {}
    geotiffs: dict[str, list[str]] = {}
    for path in sorted(paths):
        pure = PurePosixPath(path)
        stem = str(pure.with_suffix(""))
        if pure.name.startswith("."):
            continue
        if pure.suffix == METADATA_SUFFIX:
            metadata[stem] = path
        elif pure.suffix.lower() in GEOTIFF_SUFFIXES:
            geotiffs.setdefault(stem, []).append(path)
    for stem in sorted({*metadata, *geotiffs}):
        candidates: list[str | None] = [*geotiffs.get(stem, ())] or [None]
        yield Pair(candidates[0], metadata.get(stem))
        yield from (Pair(other, None) for other in candidates[1:])


def offer(
    intake: Intake, subject: str, source: str, take: Callable[[], Receipt]
) -> Receipt | UnprocessableError | None:
    """Take a scene, or refuse it for good; null if it is to be offered again later.

    A fault of our own refuses the scene as well: kept as a dead letter it can be offered again once the fault is
    repaired, while trying it for ever would hold up the others.
    """
    try:
        try:
            with arriving(source):
                return take()
        except UnprocessableError as error:
            refusal = error
        except (TransientError, OSError):
            raise
        except Exception:
            log.exception("scene failed", subject=subject, source=source)
            refusal = UnprocessableError(
                "internal-error", "Railwatch failed on this scene; the log of ingest says how."
            )
        intake.refuse(refusal, subject, source)
        return refusal
    except (TransientError, OSError) as error:
        metrics.SCENES.labels(source=source, outcome="deferred", reason="").inc()
        log.warning("scene deferred", subject=subject, source=source, detail=str(error))
        return None


@dataclass(frozen=True)
class Source:
    """Something to look through every so often.

    Attributes:
        name: as it is called in events and metrics.
        look: looks through it once; it returns early when the event is set.
        every_s: the pause between looks.
    """

    name: str
    look: Callable[[threading.Event], None]
    every_s: float

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            try:
                self.look(stop)
            except (TransientError, OSError) as error:
                log.warning("source failed", source=self.name, detail=str(error))
            stop.wait(self.every_s)


def run_sources(sources: Sequence[Source], progress: Progress, stop: threading.Event) -> None:
    """Run all sources, each in a thread, until told to stop and the scenes in hand are done.

    Raises:
        Exception: what ended a source that was not told to stop.
    """
    with ThreadPoolExecutor(max_workers=len(sources) + 1, thread_name_prefix="source") as threads:
        running = [threads.submit(source.run, stop) for source in sources]
        while not stop.wait(1.0):
            progress.beat()
            if any(source.done() for source in running):
                stop.set()
        for source in running:
            source.result()
