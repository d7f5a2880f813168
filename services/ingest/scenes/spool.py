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
    def file(self, max_bytes: int) -> Iterator[tuple[Path, Callable[[bytes], None]]]:
        """A temporary file, and what writes it.

        Args:
            max_bytes: the most that it may have. The limit holds while the bytes come in.

        Raises:
            UnprocessableError: `scene-too-large`.
            TransientError: there is no room for more bytes, or the disk is full.
        """
        size_bytes = 0

        def write(piece: bytes) -> None:
            nonlocal size_bytes
            size_bytes += len(piece)
            if size_bytes > max_bytes:
                raise too_large(max_bytes)
            hold(len(piece))
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                raise TransientError(f"The temporary directory cannot be written: {error.strerror}.") from error

        with self.held() as hold, temporary_file() as file:
            yield Path(file.name), write

    @contextmanager
    def spooled(self, pieces: Iterable[bytes], max_bytes: int) -> Iterator[Path]:
        """Bytes as a temporary file. It raises what `file` raises."""
        with self.file(max_bytes) as (path, write):
            for piece in pieces:
                write(piece)
            yield path


def temporary_file() -> IO[bytes]:
    """A file of the spool. It is gone when it is closed."""
    return tempfile.NamedTemporaryFile(prefix="railwatch-", suffix=".tif")


def too_large(max_bytes: int) -> UnprocessableError:
    """The fault of a file that is larger than allowed."""
    return UnprocessableError("scene-too-large", f"The file is larger than {max_bytes} bytes; cut it to the sites.")
