"""The files of many sites, which may change at any time. What did not change is not read again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites.catalogue import PackedSite, PackedSites, SiteCatalogue
from railwatch.shared.sites.document import Document, read_yaml
from railwatch.shared.sites.entries import Entry, Version
from railwatch.shared.sites.files import DirectoryFiles, SiteFiles, Stamp
from railwatch.shared.sites.load import SiteRead, files_named_in, site_in
from railwatch.shared.sites.snapshot import Snapshot

# A site whose files change while they are read is read again, so often at once.
ATTEMPTS = 3
# Sites whose files are brought and read together.
TOGETHER = 1_000
# A snapshot is worth its writing when so many sites had to be read. Fewer are read in some seconds at the next start.
WORTH_KEEPING = 1_000
# In a long first look a snapshot is written after so many sites. A start that is cut short goes on from there.
KEPT_BETWEEN = 20_000

log = structlog.get_logger(__name__)


class SiteFolder:
    """The sites of a place: every `*.yaml` and `*.yml` is one.

    A file that turns bad costs only itself: the last good version of its site stays in use. A file that is missing for
    the first time is most likely being written: its site is dropped if the next look misses it, too.

    Attributes:
        files: the place.
    """

    def __init__(self, files: SiteFiles, snapshot: Snapshot | None = None) -> None:
        """Nothing is read yet.

        Args:
            files: the place.
            snapshot: where sites are kept over restarts, as they were read; null if they are not.
        """
        self.files = files
        self._snapshot = snapshot
        self._entries: dict[str, Entry] = {}
        self._missing: set[str] = set()
        self._looked = False
        self._not_kept = 0

    def look(self) -> SiteCatalogue | None:
        """The sites as they are now; null if no file has changed since the last look.

        Raises:
            ConfigurationError: the folder does not exist or cannot be read, or has lost all of its sites.
            TransientError: the object store cannot be listed.
        """
        stamps = self.files.stamps()
        if not self._looked and self._snapshot is not None:
            self._entries = {
                name: entry
                for name, entry in self._snapshot.read().items()
                if name in stamps and self._is_as_read(entry, stamps)
            }
        names = sorted(name for name in stamps if name.endswith((".yaml", ".yml")))
        if not names and self._entries:
            raise ConfigurationError(f"{self.files.called} holds no site any more; the last ones stay in use.")
        entries = {
            name: entry
            for name in names
            if (entry := self._entries.get(name)) is not None and self._is_as_read(entry, stamps)
        }
        entries |= self._read([name for name in names if name not in entries])
        missing = self._entries.keys() - set(names)
        entries |= {name: self._entries[name] for name in missing - self._missing}
        self._missing = missing
        if self._looked and _same(entries, self._entries):
            return None
        self._looked = True
        self._entries = entries
        return self._catalogue()

    def keep(self) -> None:
        """Writes the snapshot for the next start, if it is worth it."""
        if self._not_kept >= WORTH_KEEPING:
            self._keep(self._entries)

    def _keep(self, entries: Mapping[str, Entry]) -> None:
        if self._snapshot is not None:
            self._snapshot.write(entries)
        self._not_kept = 0

    def listed(self) -> Mapping[str, tuple[str, str]]:
        """The file and the name of each site by its id, as the YAML says them. They may have faults otherwise."""
        return {entry.id: (name, entry.name or entry.id) for name, entry in self._in_order() if entry.id}

    def _is_as_read(self, entry: Entry, stamps: Mapping[str, Stamp]) -> bool:
        return all(
            before == (stamps[each] if each in stamps else self.files.stamp_of(each)) for each, before in entry.stamps
        )

    def _read(self, names: Sequence[str]) -> dict[str, Entry]:
        """The entries of files. One that cannot be fetched stays as it was."""
        entries: dict[str, Entry] = {}
        for first in range(0, len(names), TOGETHER):
            left: Sequence[str] = names[first : first + TOGETHER]
            for _ in range(ATTEMPTS):
                found = dict(self._read_together(left))
                entries |= found
                # files may be changed between one and the next
                left = [name for name, entry in found.items() if not self._is_as_read(entry, {})]
                if not left:
                    break
            self.files.release()
            self._not_kept += min(TOGETHER, len(names) - first)
            if self._not_kept >= KEPT_BETWEEN:
                self._keep({**self._entries, **entries})
        return {name: self._with_last_good(name, entry) for name, entry in entries.items()} | {
            name: self._entries[name] for name in names if name not in entries and name in self._entries
        }

    def _read_together(self, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
        failed = self.files.bring(names)
        stamps = {name: self.files.stamp_of(name) for name in names if name not in failed}
        documents = {name: self._document(name) for name in stamps}
        beside = {
            name: files_named_in(document) if isinstance(document, Document) else ()
            for name, document in documents.items()
        }
        failed = self.files.bring({each for files in beside.values() for each in files})
        for name, document in documents.items():
            if any(each in failed for each in beside[name]):
                continue
            read = ((name, stamps[name]), *((each, self.files.stamp_of(each)) for each in beside[name]))
            if isinstance(document, Document):
                yield name, self._entry(name, document, read)
            else:
                yield name, Entry(read, document, None)

    def _document(self, name: str) -> Document | tuple[str, ...]:
        """A YAML, or what is wrong with it."""
        try:
            return read_yaml(self.files.directory / name)
        except Exception as error:  # a fault of ours, or of a library, must not cost the other sites
            return self._faults(name, error)

    def _entry(self, name: str, document: Document, stamps: tuple[tuple[str, Stamp], ...]) -> Entry:
        data = document.data if isinstance(document.data, dict) else {}
        said = {field: str(data[field]) for field in ("id", "name") if data.get(field) is not None}
        try:
            good, faults = self._version(site_in(document)), tuple[str, ...]()
        except Exception as error:
            good, faults = None, self._faults(name, error)
        return Entry(stamps, faults, good, said.get("id"), said.get("name"))

    def _version(self, read: SiteRead) -> Version:
        return Version(PackedSite.of(read.site), read.retired is not None, tuple(self._calling(read.remarks)))

    def _faults(self, name: str, error: Exception) -> tuple[str, ...]:
        if isinstance(error, ConfigurationError):
            faults = str(error).splitlines()
        else:
            log.error("a site file cannot be used", file=name, exc_info=error)
            faults = [f"{self.files.directory / name}:1: cannot be used: {type(error).__name__}: {error}"]
        return tuple(self._calling(faults))

    def _with_last_good(self, name: str, entry: Entry) -> Entry:
        known = self._entries.get(name)
        return replace(entry, good=known.good) if entry.good is None and known is not None else entry

    def _in_order(self) -> list[tuple[str, Entry]]:
        """Of two sites with one id the first is used, and one without a fault goes first."""
        return sorted(self._entries.items(), key=lambda item: (bool(item[1].faults), item[0]))

    def _catalogue(self) -> SiteCatalogue:
        origin: dict[str, str] = {}
        watched: list[PackedSite] = []
        retired: list[PackedSite] = []
        faults: list[str] = []
        remarks: list[str] = []
        for name, entry in self._in_order():
            faults += entry.faults
            if (good := entry.good) is None:
                continue
            if (other := origin.setdefault(good.site.id, name)) != name:
                if not good.retired:
                    faults += self._calling(self._taken(name, good.site.id, other))
                continue
            (retired if good.retired else watched).append(good.site)
            remarks += () if good.retired else good.remarks
        watched.sort(key=lambda site: site.id)
        return SiteCatalogue(PackedSites(watched), tuple(faults), tuple(remarks), PackedSites(retired))

    def _taken(self, name: str, site: str, other: str) -> Iterable[str]:
        self.files.bring([name])
        try:
            yield read_yaml(self.files.directory / name).fault(("id",), f"`{site}` is already the id of {other}")
        except ConfigurationError as error:  # it has changed since
            yield str(error)
        self.files.release()

    def _calling(self, sentences: Iterable[str]) -> Iterable[str]:
        return (sentence.replace(str(self.files.directory), self.files.called) for sentence in sentences)


def load_sites(directory: Path) -> SiteCatalogue:
    """Reads every `*.yaml` and `*.yml` file of a directory as a site.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    catalogue = SiteFolder(DirectoryFiles(directory)).look()
    if catalogue is None:
        raise AssertionError("the first look finds something new")
    return catalogue


def _same(entries: Mapping[str, Entry], others: Mapping[str, Entry]) -> bool:
    return len(entries) == len(others) and all(others.get(name) is entry for name, entry in entries.items())
