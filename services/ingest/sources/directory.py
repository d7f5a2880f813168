"""A watched directory: a GeoTIFF and `<same name>.json` beside it go to `processed/` or `rejected/` below it.

A file is complete when its size and time are the same in two polls. Senders write the GeoTIFF first and the metadata
last, or move both in.

The operating system may refuse to read or to move a file. This is told once, and holds up no other file.
"""

import errno
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import structlog

from railwatch.services.ingest.scenes.intake import MAX_SUBJECT, Intake
from railwatch.services.ingest.scenes.metadata import MAX_DOCUMENT_BYTES, parse_json, read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.sources.pairs import PARTNER_WITHIN_S, Pair, pairs
from railwatch.services.ingest.sources.polling import offer
from railwatch.services.ingest.sources.putting_away import Places
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import derived_id
from railwatch.shared.masks import MaskFile, meaning_of
from railwatch.shared.text import plain

log = structlog.get_logger()

# Errors of the operating system that are not about the file, or that say that it is gone.
MAY_PASS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOENT, errno.ESTALE, errno.ETIMEDOUT})

# A file's size in bytes, and the time of its last change in nanoseconds.
Stamp = tuple[int, int]
# A pair, and how its files are.
Version = tuple[Pair, tuple[Stamp, ...]]


class WatchedDirectory:
    """The directory, and how its files were at the last poll.

    Attributes:
        name: the source's.
        directory: where senders put their scenes.
        partner_within_s: how long a file may wait for the other one of its pair.
    """

    def __init__(self, name: str, directory: Path, intake: Intake, partner_within_s: float = PARTNER_WITHIN_S) -> None:
        self._name, self._directory = name, directory
        self._places = Places(directory)
        self._intake = intake
        self._partner_within_s = partner_within_s
        self._stamps: dict[str, Stamp] = {}
        self._since: dict[str, float] = {}
        # What came of pairs that are still here because they could not be put away.
        self._settled: dict[Version, Receipt | UnprocessableError] = {}
        # The names of those of which the log tells.
        self._stuck: set[str] = set()

    def poll(self, stop: threading.Event) -> bool:
        """Takes every complete pair, and says whether none was put off.

        Raises:
            OSError: the directory cannot be read or written.
        """
        self._places.make()
        for marker in self._places.unfinished():
            with self._told_once(marker.name):
                self._places.finish(marker, self.listed())
        before, self._stamps = self._stamps, self.listed()
        now = time.monotonic()
        self._since = {
            name: self._since.get(name, now) for name in self._stamps if before.get(name) == self._stamps[name]
        }
        versions = [(pair, tuple(self._stamps[name] for name in pair.names)) for pair in pairs(self._stamps)]
        self._settled = {version: self._settled[version] for version in versions if version in self._settled}
        complete = True
        for version in versions:
            if stop.is_set():
                return False
            if all(name in self._since for name in version[0].names):
                complete &= self._settle(version, now)
        return complete

    def listed(self) -> dict[str, Stamp]:
        """The files that are there now, by name.

        Raises:
            OSError: the directory cannot be read.
        """
        stamps = {}
        for path in self._directory.iterdir():
            try:
                if path.is_file():
                    found = path.stat()
                    stamps[path.name] = found.st_size, found.st_mtime_ns
            except OSError:  # it is gone, or it is a link that leads nowhere
                continue
        return stamps

    def _settle(self, version: Version, now: float) -> bool:
        """Offers a pair and puts it away. False if it must be offered again."""
        pair, stamps = version
        if None in pair and now - self._since[pair.subject] < self._partner_within_s:
            return True
        outcome = self._settled.get(version) or offer(
            self._intake, pair.subject, derived_id(*stamps), self._name, partial(self.take, pair)
        )
        if outcome is None:
            return False
        self._settled[version] = outcome
        with self._told_once(pair.subject):
            self._places.put(pair, outcome if isinstance(outcome, UnprocessableError) else None)
        return True

    def take(self, pair: Pair) -> Receipt:
        """Takes a pair, and leaves its files where they are.

        Raises:
            UnprocessableError: it is refused.
            TransientError: what ingest needs is away.
            OSError: a file cannot be opened now.
        """
        if pair.geotiff is None or pair.metadata is None:
            raise pair.refusal()
        geotiff = self._directory / pair.geotiff
        metadata = read_metadata(parse_json(self.start_of(pair.metadata)), datetime.now(UTC))
        with ExitStack() as stack:
            path = stack.enter_context(_readable(geotiff))
            masks = [
                MaskFile(stack.enter_context(_readable(self._directory / name)), name, meaning_of(name))
                for name in pair.masks
            ]
            return self._intake.take(path, metadata, self._name, masks)

    def start_of(self, name: str) -> bytes:
        """A file's bytes; of one that is too long for metadata, enough to see that.

        Raises:
            UnprocessableError: `file-refused`.
            OSError: it cannot be opened now.
        """
        with _opened(self._directory / name) as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)

    @contextmanager
    def _told_once(self, name: str) -> Iterator[None]:
        """A block that puts a file away. If the operating system refuses, the next poll tries again in silence."""
        try:
            yield
        except OSError as error:
            if name not in self._stuck:
                log.warning(
                    "file not put away", source=self._name, subject=plain(name, MAX_SUBJECT), detail=error.strerror
                )
            self._stuck.add(name)
        else:
            self._stuck.discard(name)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """An open file whose first bytes can be read.

    Raises:
        UnprocessableError: `file-refused`.
        OSError: it cannot be opened now.
    """
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise UnprocessableError("file-refused", "The file is a link that leads out of the directory.")
    try:
        file = path.open("rb")
        file.peek(1)
    except OSError as error:
        if error.errno in MAY_PASS:
            raise
        raise UnprocessableError("file-refused", f"The operating system refuses the file: {error.strerror}.") from None
    with file:
        yield file


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """A file that can be read, under a name that GDAL can take: a link to it, if its own name is not UTF-8.

    Raises:
        UnprocessableError: `file-refused`.
        OSError: it cannot be opened now.
    """
    with _opened(path):
        pass
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="railwatch-") as directory:
            link = Path(directory, "scene.tif")
            link.symlink_to(path.absolute())
            yield link
    else:
        yield path
