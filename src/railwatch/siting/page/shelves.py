"""Where the page finds the files of sites, and puts them: a directory, or a bucket."""

import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from railwatch.shared.errors import ConfigurationError, RailwatchError, TransientError
from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.document import read_yaml
from railwatch.shared.sites.files import BucketFiles, fetch
from railwatch.shared.sites.load import files_named_in
from railwatch.siting.files import checked, put_files
from railwatch.siting.page.drafts import made_for, version_of


class ChangedMeanwhileError(RailwatchError):
    """The site's files are not those that the page read."""


class ReadOnlyError(RailwatchError):
    """Files cannot be written there."""


@dataclass(frozen=True)
class Held:
    """A site's files as they are now.

    Attributes:
        path: the YAML, with its files beside it.
        tag: the YAML's entity tag, in a bucket.
    """

    path: Path
    tag: str = ""


class Shelf(Protocol):
    """The files of the sites."""

    def file_of(self, site: str) -> str | None:
        """The name of a site's YAML; null if there is no such site."""

    def why_read_only(self) -> str | None:
        """Why nothing can be saved here, if that is known beforehand."""

    def alone(self) -> AbstractContextManager[None]:
        """A block in which no other program of this machine saves a site here."""

    def taken(self, name: str) -> AbstractContextManager[Held]:
        """A site's files, as they are now.

        Raises:
            ChangedMeanwhileError: they are gone.
            ConfigurationError: the YAML is wrong.
            TransientError: the object store is away.
        """

    def put(self, name: str, files: Mapping[str, str], text: str, before: Held | None, *, with_proposed: bool) -> str:
        """Puts a site's files in place of others, if they are right. The YAML comes last.

        Args:
            name: of the YAML.
            files: the texts of the files beside it, by name.
            text: the YAML.
            before: what they replace; null if the site is new.
            with_proposed: whether the files are right if only proposed tracks are in them.

        Returns:
            Their version.

        Raises:
            ChangedMeanwhileError: somebody was faster.
            ConfigurationError: they are not right. Nothing is changed.
            ReadOnlyError: nothing can be written here.
            TransientError: the object store is away.
        """

    def sweep(self, site: str, keep: Collection[str]) -> None:
        """Removes files that the page made for a site, but those to keep."""


class DirectoryShelf:
    """A directory. Programs of one machine take turns by a lock."""

    def __init__(self, sites: LiveSites) -> None:
        self._sites = sites
        self._directory = sites.files.directory

    def file_of(self, site: str) -> str | None:
        """The name of a site's YAML."""
        found = _file_of(site, self._sites)
        return f"{site}.yaml" if found is None and (self._directory / f"{site}.yaml").exists() else found

    def why_read_only(self) -> str | None:
        """Why nothing can be saved here."""
        if os.access(self._directory, os.W_OK | os.X_OK):
            return None
        return (
            "The folder of the sites is read-only for ingest, such as a ConfigMap or a volume that is mounted so. "
            "Download the files here and put them where the sites come from."
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A block under the lock."""
        with (self._directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def taken(self, name: str) -> Iterator[Held]:
        """The files are where they are needed."""
        yield Held(self._directory / name)

    def put(self, name: str, files: Mapping[str, str], text: str, before: Held | None, *, with_proposed: bool) -> str:
        """Moves the files to their place."""
        path = self._directory / name
        put_files(path, files, text, with_proposed=with_proposed)
        return version_of(read_yaml(path))

    def sweep(self, site: str, keep: Collection[str]) -> None:
        """Removes files."""
        for file in self._directory.glob(f"{site}-*.geojson"):
            if made_for(site, file.name) and file.name not in keep:
                file.unlink()


class BucketShelf:
    """A bucket. The YAML is only replaced if it still is the one that was read, or only made if it is not there."""

    def __init__(self, sites: LiveSites, files: BucketFiles) -> None:
        self._sites = sites
        self._files = files
        self._store = files.store

    def file_of(self, site: str) -> str | None:
        """The name of a site's YAML."""
        return _file_of(site, self._sites)

    def why_read_only(self) -> str | None:
        """That shows when something is written."""
        return None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The bucket itself sees who is first."""
        yield

    @contextmanager
    def taken(self, name: str) -> Iterator[Held]:
        """The objects, fetched into a folder that lasts as long as the block."""
        with tempfile.TemporaryDirectory(prefix="railwatch-site-") as made:
            folder = Path(made)
            try:
                if (tag := self._fetched(name, folder)) is None:
                    raise ChangedMeanwhileError
                for beside in files_named_in(read_yaml(folder / name)):
                    self._fetched(beside, folder)  # who reads the site says what is missing
                yield Held(folder / name, tag)
            except ConfigurationError as error:
                raise ConfigurationError(str(error).replace(f"{folder}/", "")) from None

    def _fetched(self, name: str, folder: Path) -> str | None:
        """Fetch an object into a folder. The result is its entity tag; null if there is no such object."""
        try:
            return fetch(self._store, name, folder)
        except (FileNotFoundError, NotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise _away(error) from error

    def put(self, name: str, files: Mapping[str, str], text: str, before: Held | None, *, with_proposed: bool) -> str:
        """Puts the files beside the YAML, which have names of their own, and then the YAML under its condition."""
        with tempfile.TemporaryDirectory(prefix="railwatch-site-") as made:
            checked(Path(made), files, name, text, with_proposed=with_proposed)
            version = version_of(read_yaml(Path(made) / name))
        try:
            for file, content in files.items():
                obstore.put(self._store, file, content.encode())
            obstore.put(
                self._store,
                name,
                text.encode(),
                mode="create" if before is None else {"e_tag": before.tag},
            )
        except (AlreadyExistsError, PreconditionError):
            raise ChangedMeanwhileError from None
        except (PermissionDeniedError, UnauthenticatedError):
            raise ReadOnlyError(
                "The bucket of the sites does not let ingest write. Download the files here and put them there."
            ) from None
        except (BaseError, OSError) as error:
            raise _away(error) from error
        return version

    def sweep(self, site: str, keep: Collection[str]) -> None:
        """Removes objects that were there when the bucket was last listed. What cannot be removed harms nobody."""
        old = [name for name in self._files.names if made_for(site, name) and name not in keep]
        try:
            obstore.delete(self._store, old)
        except (BaseError, OSError):
            return


def shelf_of(sites: LiveSites) -> Shelf:
    """The shelf of the sites that a service works with."""
    files = sites.files
    return BucketShelf(sites, files) if isinstance(files, BucketFiles) else DirectoryShelf(sites)


def _file_of(site: str, sites: LiveSites) -> str | None:
    if site not in sites.listed():
        sites.refresh()
    found = sites.listed().get(site)
    return found[0] if found else None


def _away(error: Exception) -> TransientError:
    return TransientError(f"The bucket of the sites does not answer: {type(error).__name__}.")
