"""A directory of this process for its temporary files, and the removal of those that killed processes left.

A process that is killed removes nothing. In a pod the directory for temporary files outlives it, and fills up. So each
process keeps its files in a directory of its own, which it locks. The lock ends with the process, however it ends. One
that starts removes the directories that nobody locks, and touches no other: other replicas may run on the same machine.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

PREFIX = "railwatch-ingest-"
# How often another process may take a new directory for a left one before it is locked.
ATTEMPTS = 10

log = structlog.get_logger(__name__)


@contextmanager
def own_temporary_directory() -> Iterator[Path]:
    """A block in which all of Python's temporary files of this process are in a directory of its own.

    Raises:
        OSError: the directory for temporary files cannot be written, or knows no locks.
    """
    shared = Path(tempfile.gettempdir())
    _remove_what_was_left(shared)
    own, lock = _locked_directory(shared)
    before, tempfile.tempdir = tempfile.tempdir, str(own)
    try:
        yield own
    finally:
        tempfile.tempdir = before
        shutil.rmtree(own, ignore_errors=True)
        os.close(lock)


def _locked_directory(shared: Path) -> tuple[Path, int]:
    """A new directory and what holds its lock. Another process may take it for a left one until it is locked."""
    for _ in range(ATTEMPTS):
        own = Path(tempfile.mkdtemp(prefix=PREFIX, dir=shared))
        lock = _lock(own)
        if lock is not None and own.exists():
            return own, lock
        if lock is not None:
            os.close(lock)
        shutil.rmtree(own, ignore_errors=True)
    raise OSError(f"No directory in {shared} can be locked. Set TMPDIR to a directory of a local disk.")


def _remove_what_was_left(shared: Path) -> None:
    for left in shared.glob(f"{PREFIX}*"):
        lock = _lock(left)
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
            log.info("removed the temporary files of a process that was killed", directory=str(left))


def _lock(directory: Path) -> int | None:
    """What holds the lock of a directory; null if another process has it, or the directory is not ours."""
    try:
        found = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        return None
    return found
