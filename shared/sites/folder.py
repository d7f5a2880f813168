"""A folder of sites' files, which may change at any time. What did not change is not read again."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites.catalogue import PackedSite, PackedSites, SiteCatalogue
from railwatch.shared.sites.document import read_yaml
from railwatch.shared.sites.load import SiteRead, files_named_in, site_in

# A site whose files change while they are read is read again, so often at once.
ATTEMPTS = 3

# A file's change in nanoseconds, size in bytes and number; null if there is no such file.
Stamp = tuple[int, int, int] | None

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Version:
    """A site that could be read."""

    site: PackedSite
    retired: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of a YAML file.

    Attributes:
        stamps: how the files were that were read, by name.
        faults: what is wrong with them.
        good: the last version without a fault; null if there was none.
    """

    stamps: tuple[tuple[str, Stamp], ...]
    faults: tuple[str, ...]
    good: _Version | None


class SiteFolder:
    """The site files of a folder: every `*.yaml` and `*.yml` is a site.

    A file that turns bad costs only itself: the last good version of its site stays in use. A file that is missing for
    the first time is most likely being written: its site is dropped if the next look misses it, too.

    Attributes:
        directory: the folder.
        called: what faults call it.
    """

    def __init__(self, directory: Path, called: str = "") -> None:
        self.directory = directory
        self._called = called or str(directory)
        self._entries: dict[str, _Entry] = {}
        self._missing: set[str] = set()

    def look(self) -> SiteCatalogue | None:
        """The sites as they are now; null if no file has changed since the last look.

        Raises:
            ConfigurationError: the folder does not exist or cannot be read, or has lost all of its sites.
        """
        stamps = self._stamps()
        names = sorted(name for name in stamps if name.endswith((".yaml", ".yml")))
        if not names and self._entries:
            raise ConfigurationError(f"{self._called} holds no site any more; the last ones stay in use.")
        entries = {name: self._entry(name, stamps) for name in names}
        missing = self._entries.keys() - entries.keys()
        entries |= {name: self._entries[name] for name in missing - self._missing}
        self._missing = missing
        if self._entries and _same(entries, self._entries):
            return None
        self._entries = entries
        return self._catalogue()

    def _stamps(self) -> dict[str, Stamp]:
        try:
            with os.scandir(self.directory) as found:
                return {entry.name: _stamp(entry) for entry in found if not entry.name.startswith(".")}
        except OSError as error:
            raise ConfigurationError(f"{self._called} is not a directory that can be read: {error.strerror}.") from None

    def _entry(self, name: str, stamps: dict[str, Stamp]) -> _Entry:
        known = self._entries.get(name)
        if known is not None:
            now = ((each, stamps[each] if each in stamps else self._stamp_of(each)) for each, _ in known.stamps)
            if all(before == after for before, after in zip(known.stamps, now, strict=True)):
                return known
        entry = self._read(name)
        for _ in range(ATTEMPTS - 1):
            if all(stamp == self._stamp_of(each) for each, stamp in entry.stamps):
                break
            entry = self._read(name)  # files were changed between one and the next
        if entry.good is None and known is not None:
            return _Entry(entry.stamps, entry.faults, known.good)
        return entry

    def _stamp_of(self, name: str) -> Stamp:
        return _stamp(self.directory / name)

    def _read(self, name: str) -> _Entry:
        path = self.directory / name
        files: tuple[str, ...] = (name,)
        stamps = [(name, self._stamp_of(name))]
        try:
            document = read_yaml(path)
            files = files_named_in(document)
            stamps += [(each, self._stamp_of(each)) for each in files]
            return _Entry(tuple(stamps), (), _version(site_in(document)))
        except ConfigurationError as error:
            faults = str(error).splitlines()
        except Exception as error:  # a fault of ours, or of a library, must not cost the other sites
            log.exception("a site file cannot be used", file=name)
            faults = [f"{path}:1: cannot be used: {type(error).__name__}: {error}"]
        return _Entry(tuple(stamps), tuple(faults), None)

    def _catalogue(self) -> SiteCatalogue:
        """The sites of all entries. Of two with one id the first stays, and one without a fault goes first."""
        origin: dict[str, str] = {}
        watched: list[PackedSite] = []
        retired: list[PackedSite] = []
        faults: list[str] = []
        remarks: list[str] = []
        for name, entry in sorted(self._entries.items(), key=lambda item: (bool(item[1].faults), item[0])):
            faults += entry.faults
            if (good := entry.good) is None:
                continue
            if (other := origin.setdefault(good.site.id, name)) != name:
                if not good.retired:
                    faults += self._taken(name, good.site.id, other)
                continue
            (retired if good.retired else watched).append(good.site)
            remarks += () if good.retired else good.remarks
        watched.sort(key=lambda site: site.id)
        return SiteCatalogue(
            PackedSites(watched), tuple(self._calling(faults)), tuple(self._calling(remarks)), PackedSites(retired)
        )

    def _taken(self, name: str, site: str, other: str) -> Iterable[str]:
        try:
            yield read_yaml(self.directory / name).fault(("id",), f"`{site}` is already the id of {other}")
        except ConfigurationError as error:  # it has changed since
            yield str(error)

    def _calling(self, sentences: Iterable[str]) -> Iterable[str]:
        return (sentence.replace(str(self.directory), self._called) for sentence in sentences)


def load_sites(directory: Path) -> SiteCatalogue:
    """Reads every `*.yaml` and `*.yml` file of a directory as a site.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    catalogue = SiteFolder(directory).look()
    if catalogue is None:
        raise AssertionError("the first look finds something new")
    return catalogue


def _same(entries: Mapping[str, _Entry], others: Mapping[str, _Entry]) -> bool:
    return len(entries) == len(others) and all(others.get(name) is entry for name, entry in entries.items())


def _stamp(file: os.DirEntry[str] | Path) -> Stamp:
    """How a file is, or where a link leads."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _version(read: SiteRead) -> _Version:
    return _Version(PackedSite.of(read.site), read.retired is not None, read.remarks)
