"""Where the files of sites lie: a directory, or an object store."""

import os
import tempfile
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from railwatch.shared.errors import ConfigurationError, TransientError
from railwatch.shared.sites.document import MAX_BYTES

# What tells one version of a file from another; null if there is no such file.
Stamp = str | None
# Objects that are fetched at a time.
AT_A_TIME = 32

log = structlog.get_logger(__name__)


class SiteFiles(Protocol):
    """The files of sites, side by side in one place."""

    @property
    def directory(self) -> Path:
        """Where they can be read once they were brought."""

    @property
    def called(self) -> str:
        """What the place is called."""

    def stamps(self) -> dict[str, Stamp]:
        """The versions of all files, by name.

        Raises:
            ConfigurationError: the directory does not exist or cannot be read.
            TransientError: the object store cannot be listed.
        """

    def stamp_of(self, name: str) -> Stamp:
        """The version of a file, as it lies in `directory`."""

    def bring(self, names: Iterable[str]) -> Collection[str]:
        """Makes files readable in `directory`, and returns the names of those for which that failed."""

    def release(self) -> None:
        """What was brought is not needed any more."""


class DirectoryFiles:
    """Files of a directory. They are where they are needed already."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.called = str(directory)

    def stamps(self) -> dict[str, Stamp]:
        """Each file's change in nanoseconds, size in bytes and number."""
        try:
            with os.scandir(self.directory) as found:
                return {entry.name: _stamp(entry) for entry in found if not entry.name.startswith(".")}
        except OSError as error:
            raise ConfigurationError(f"{self.called} is not a directory that can be read: {error.strerror}.") from None

    def stamp_of(self, name: str) -> Stamp:
        """The same of one file, or of where a link leads."""
        return _stamp(self.directory / name)

    def bring(self, names: Iterable[str]) -> Collection[str]:
        """Nothing has to be done."""
        return ()

    def release(self) -> None:
        """Nothing has to be done."""


class BucketFiles:
    """Objects of an object store. They are fetched to be read, many at a time, and not kept.

    Attributes:
        store: the prefix. Objects further below it are left out.
    """

    def __init__(self, store: ObjectStore, called: str) -> None:
        self.store = store
        self.called = called
        self._copy = tempfile.TemporaryDirectory(prefix="railwatch-sites-")
        self.directory = Path(self._copy.name)
        self._listed: dict[str, Stamp] = {}
        self._brought: set[str] = set()

    @property
    def names(self) -> Collection[str]:
        """The objects that were listed last."""
        return self._listed.keys()

    def stamps(self) -> dict[str, Stamp]:
        """Each object's entity tag, size and time."""
        try:
            listed = obstore.list_with_delimiter(self.store)["objects"]
        except (BaseError, OSError) as error:
            raise TransientError(f"The sites' bucket cannot be listed: {type(error).__name__}.") from error
        self._listed = {found["path"]: f"{found['e_tag']} {found['size']} {found['last_modified']}" for found in listed}
        return dict(self._listed)

    def stamp_of(self, name: str) -> Stamp:
        """The version that was listed. If a newer one was fetched, the next look reads it again."""
        return self._listed.get(name)

    def bring(self, names: Iterable[str]) -> Collection[str]:
        """Fetches objects."""
        wanted = [name for name in names if name in self._listed and name not in self._brought]
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            fetched = dict(zip(wanted, threads.map(self._fetched, wanted), strict=True))
        self._brought |= {name for name, is_there in fetched.items() if is_there}
        return {name for name, is_there in fetched.items() if not is_there}

    def release(self) -> None:
        """Removes what was fetched."""
        for name in self._brought:
            (self.directory / name).unlink(missing_ok=True)
        self._brought.clear()

    def _fetched(self, name: str) -> bool:
        try:
            fetch(self.store, name, self.directory)
        except (BaseError, OSError) as error:
            log.warning("a site file cannot be fetched", file=name, detail=type(error).__name__)
            return False
        return True


def fetch(store: ObjectStore, name: str, directory: Path) -> str:
    """Fetch an object into a directory; of one that is too long, as much as is needed to refuse it.

    Args:
        store: the store.
        name: of the object.
        directory: where the file is written, under the last part of the name.

    Returns:
        The object's entity tag; empty if the store gives none.

    Raises:
        FileNotFoundError: there is no such object.
        BaseError: the store does not answer, or refuses.
        OSError: the file cannot be written.
    """
    found = obstore.get(store, name)
    if found.meta["size"] > MAX_BYTES:
        found = obstore.get(store, name, options={"range": (0, MAX_BYTES + 1)})
    (directory / Path(name).name).write_bytes(bytes(found.bytes()))
    return found.meta["e_tag"] or ""


def _stamp(file: os.DirEntry[str] | Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"
