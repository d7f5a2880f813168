"""A file that lies elsewhere, of which only what is read comes here: its head, and the blocks of the sites' windows.

What came is kept in a file of the spool that is as long as the file itself and mostly a hole. Whatever GDAL reads
besides is brought when it asks for it, so that nothing is ever read from the hole.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Literal

from railwatch.services.ingest.scenes.fetch import Part
from railwatch.services.ingest.scenes.spool import Spooled
from railwatch.shared.errors import RailwatchError, TransientError
from railwatch.shared.events import derived_id
from railwatch.shared.tiff import Elsewhere

# What is asked for at first. The head of a COG of 20,000 x 20,000 pixels fits in.
HEAD = Part(0, 64 * 1024)
# What is brought is kept in pages of so many bytes.
PAGE_BYTES = 4096
# Pages between two parts that are rather brought than asked around, and the most that is asked for in one request.
PAGES_BETWEEN = 4
MOST_PAGES = 2048
# What is brought at least if GDAL asks for something that nobody foresaw.
READ_AHEAD_BYTES = 16 * 1024

# Brings parts of a file. It raises `TransientError` or `UnprocessableError` if one of them cannot be had.
Bring = Callable[[Sequence[Part], Callable[[int, bytes], None]], None]


class RemoteFile:
    """A file of bytes that GDAL and others read as if it were here.

    GDAL takes no errors from a file. So a read that fails gives no bytes, and `check` tells why.

    Attributes:
        size_bytes: of the whole file.
        version: derived from what its server says of its version, and from its head.
        brought_bytes: what has come of it.

    Args:
        size_bytes: as above.
        version: what its server says.
        spooled: where it is kept; its head is there already.
        bring: brings more of it.
    """

    def __init__(self, size_bytes: int, version: str, spooled: Spooled, bring: Bring) -> None:
        head_bytes = spooled.size_bytes
        self.size_bytes, self.brought_bytes = size_bytes, head_bytes
        self.version = derived_id("file", size_bytes, version, spooled.read(0, head_bytes).hex())
        self._spooled, self._bring = spooled, bring
        self._pages = set(range(head_bytes // PAGE_BYTES))
        self._failure: Exception | None = None

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes. A read that fails is one at the end."""
        return BufferedReader(_Handle(self), PAGE_BYTES)

    def read(self, start: int, size: int) -> bytes:
        """Bytes at a place; none at the end, and none after a failure."""
        end = min(self.size_bytes, start + size)
        try:
            if self._failure is not None or start >= end:
                return b""
            if not self._here(Part(start, end)):
                self.bring([Part(start, max(end, start + READ_AHEAD_BYTES))])
            return self._spooled.read(start, end - start)
        except Exception as error:
            self._failure = error
            return b""

    def bring(self, parts: Iterable[Part]) -> None:
        """Brings what is not here yet, in few requests.

        Raises:
            TransientError: the file cannot be had now, or has changed.
            UnprocessableError: the file is not there or may not be read, or what comes of it is too large.
        """
        missing = list(self._missing(parts))
        if missing:
            self._bring(missing, self._keep)
        for part in missing:
            if not self._here(part):
                raise TransientError("The file's server sent less than it was asked for.")

    def check(self) -> None:
        """Raises what kept bytes from coming.

        Raises:
            TransientError, UnprocessableError: as `bring`.
        """
        if isinstance(self._failure, RailwatchError):
            raise self._failure
        if self._failure is not None:
            raise TransientError(f"The file cannot be read: {type(self._failure).__name__}.") from self._failure

    def _keep(self, start: int, data: bytes) -> None:
        self._spooled.write_at(start, data)
        self.brought_bytes += len(data)
        end = start + len(data)
        last = -(-end // PAGE_BYTES) if end == self.size_bytes else end // PAGE_BYTES
        self._pages.update(range(start // PAGE_BYTES, last))

    def _here(self, part: Part) -> bool:
        return all(page in self._pages for page in _pages_of(part))

    def _missing(self, parts: Iterable[Part]) -> Iterator[Part]:
        inside = (Part(max(0, part.start), min(part.end, self.size_bytes)) for part in parts)
        pages = sorted({page for part in inside for page in _pages_of(part)} - self._pages)
        first = 0
        for number in range(1, len(pages) + 1):
            ends = number == len(pages) or pages[number] - pages[number - 1] > PAGES_BETWEEN
            if ends or pages[number] - pages[first] >= MOST_PAGES:
                yield Part(pages[first] * PAGE_BYTES, min((pages[number - 1] + 1) * PAGE_BYTES, self.size_bytes))
                first = number


class _Handle(RawIOBase):
    """A remote file with a place in it."""

    def __init__(self, file: RemoteFile) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        self._at = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._file.size_bytes}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


# Where a picture is.
File = Path | RemoteFile


@contextmanager
def telling_why(*files: Path | Elsewhere) -> Iterator[Callable[[], None]]:
    """A block that reads files and publishes what it finds. It yields what to call before anything is published.

    Raises:
        TransientError, UnprocessableError: what kept bytes from coming, also instead of the fault that it caused.
    """

    def check() -> None:
        for file in files:
            if isinstance(file, RemoteFile):
                file.check()

    try:
        yield check
    except RailwatchError:
        check()
        raise


def _pages_of(part: Part) -> range:
    return range(part.start // PAGE_BYTES, -(-part.end // PAGE_BYTES))
