"""The spool: temporary files of scenes on their way in. Together they have only so many bytes."""

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from railwatch.shared.errors import TransientError, UnprocessableError


class Spool:
    """The bytes of all temporary files. Threads may share it.

    Attributes:
        max_bytes: how many there may be at the same time.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._held_bytes = 0
        self._lock = threading.Lock()

    def check_room(self, size_bytes: int) -> None:
        """Looks whether there is room for so many bytes now.

        Raises:
            TransientError: there is not.
        """
        if self._held_bytes + size_bytes > self.max_bytes:
            raise TransientError("Too many scenes are coming in now.")

    @contextmanager
    def held(self) -> Iterator[Callable[[int], None]]:
        """Yields what holds more bytes. They are free again when the block is left.

        Raises:
            TransientError: there is no room for more bytes.
        """
        mine_bytes = 0

        def hold(size_bytes: int) -> None:
            nonlocal mine_bytes
            with self._lock:
                self.check_room(size_bytes)
                self._held_bytes += size_bytes
            mine_bytes += size_bytes

        try:
            yield hold
        finally:
            with self._lock:
                self._held_bytes -= mine_bytes

    @contextmanager
    def file(self, max_bytes: int) -> Iterator["Spooled"]:
        """A temporary file. What is written to it raises what `Spooled.write` raises.

        Args:
            max_bytes: the most that may be written. The limit holds while the bytes come in.
        """
        with self.held() as hold, temporary_file() as file:
            yield Spooled(file, hold, max_bytes)

    @contextmanager
    def spooled(self, pieces: Iterable[bytes], max_bytes: int) -> Iterator[Path]:
        """Bytes as a temporary file. It raises what `Spooled.write` raises."""
        with self.file(max_bytes) as file:
            for piece in pieces:
                file.write(piece)
            yield file.path


class Spooled:
    """A temporary file of the spool."""

    def __init__(self, file: IO[bytes], hold: Callable[[int], None], max_bytes: int) -> None:
        self._file, self._hold, self._max_bytes = file, hold, max_bytes
        self._size_bytes = 0

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self._file.name)

    @property
    def size_bytes(self) -> int:
        """What was written."""
        return self._size_bytes

    def write(self, piece: bytes) -> None:
        """Adds bytes at the end of what was written.

        Raises:
            UnprocessableError: `scene-too-large`.
            TransientError: there is no room for more bytes, or the disk is full.
        """
        self.write_at(self._size_bytes, piece)

    def write_at(self, start: int, piece: bytes) -> None:
        """Writes bytes at a place. It raises what `write` raises."""
        self._size_bytes += len(piece)
        if self._size_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._hold(len(piece))
        try:
            self._file.seek(start)
            self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise TransientError(f"The temporary directory cannot be written: {error.strerror}.") from error

    def read(self, start: int, size_bytes: int) -> bytes:
        """Bytes at a place."""
        self._file.seek(start)
        return self._file.read(size_bytes)


def temporary_file() -> IO[bytes]:
    """A file of the spool. It is gone when it is closed."""
    return tempfile.NamedTemporaryFile(prefix="railwatch-", suffix=".tif")


def too_large(max_bytes: int) -> UnprocessableError:
    """The fault of a file that is larger than allowed."""
    return UnprocessableError("scene-too-large", f"The file is larger than {max_bytes} bytes; cut it to the sites.")
