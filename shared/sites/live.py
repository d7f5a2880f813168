"""The sites that a service works with, as their files are now. They change without a restart."""

import threading
import time
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from shapely.geometry.base import BaseGeometry

from railwatch.shared.errors import ConfigurationError, TransientError, UnprocessableError
from railwatch.shared.objects import object_store
from railwatch.shared.settings import BlobSettings, SiteSettings
from railwatch.shared.sites.catalogue import PackedSites, SiteCatalogue
from railwatch.shared.sites.files import BucketFiles, DirectoryFiles, SiteFiles
from railwatch.shared.sites.folder import SiteFolder
from railwatch.shared.sites.metrics import SITE_CHANGES, SITE_FAULTS, SITES
from railwatch.shared.sites.model import Site
from railwatch.shared.sites.snapshot import Snapshot

# The pause between two looks at the files, in seconds. If a look takes long, the pause is so many times as long as its
# work, so that looking costs a hundredth of a core at most, however many sites there are.
LOOK_EVERY_S = 5.0
PAUSE_PER_LOOK = 100.0
# A service may learn of a new site later than another. An event that is no older than this waits for its site.
LEARNT_WITHIN = timedelta(minutes=5)
# Sites that one line of the log names.
MOST_NAMED = 20

log = structlog.get_logger(__name__)


class _Settings(Protocol):
    @property
    def sites(self) -> SiteSettings: ...
    @property
    def blobs(self) -> BlobSettings: ...


class LiveSites(Mapping[str, Site]):
    """The sites that are watched, by id. `values` and `items` are those of one moment.

    Attributes:
        catalogue: the sites of this moment.
        files: where their files are.
    """

    def __init__(self, folder: SiteFolder) -> None:
        """Reads all sites.

        Raises:
            ConfigurationError: the folder does not exist.
            TransientError: the bucket cannot be listed.
        """
        self._folder = folder
        self.files = folder.files
        self._turn = threading.Lock()
        self._failed = ""
        self.catalogue = SiteCatalogue(PackedSites())
        self._look()

    def listed(self) -> Mapping[str, tuple[str, str]]:
        """The file and the name of each site by its id, with those whose files have faults."""
        with self._turn:
            return self._folder.listed()

    @property
    def with_retired(self) -> Mapping[str, Site]:
        """Retired sites, too: what was taken in of a site before it was retired is finished."""
        return _WithRetired(self)

    def refresh(self) -> None:
        """Looks at the files, and takes what has changed. If that fails, the sites stay as they are."""
        try:
            self._look()
            self._failed = ""
        except (ConfigurationError, TransientError) as error:
            if str(error) != self._failed:
                log.error("the sites cannot be read; the last ones stay in use", detail=str(error))
            self._failed = str(error)
            SITE_FAULTS.set(len(self.catalogue.faults) + 1)

    @property
    def sites(self) -> Mapping[str, Site]:
        """The sites of this moment."""
        return self.catalogue.sites

    def touching(self, ground: BaseGeometry) -> list[Site]:
        """The sites whose area touches a shape in longitude and latitude, in the order of their ids."""
        return self.catalogue.touching(ground)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """A block in which changes are picked up by themselves."""
        stop = threading.Event()
        thread = threading.Thread(target=self._follow, args=(stop,), name="sites", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _follow(self, stop: threading.Event) -> None:
        took_s = 0.0
        self._keep()
        while not stop.wait(max(LOOK_EVERY_S, PAUSE_PER_LOOK * took_s)):
            began = time.thread_time()
            try:
                self.refresh()
            except Exception:  # a fault of ours must not end the following
                log.exception("the sites cannot be read; the last ones stay in use")
            self._keep()
            took_s = time.thread_time() - began

    def _keep(self) -> None:
        try:
            self._folder.keep()
        except Exception:  # likewise
            log.exception("the snapshot of the sites is not written")

    def _look(self) -> None:
        with self._turn:
            found = self._folder.look()
            if found is not None:
                self._take(found)
            SITE_FAULTS.set(len(self.catalogue.faults))

    def _take(self, found: SiteCatalogue) -> None:
        before, self.catalogue = self.catalogue, found
        for fault in sorted(set(found.faults) - set(before.faults)):
            log.error("a site file is wrong", fault=fault)
        for remark in sorted(set(found.remarks) - set(before.remarks)):
            log.info("a site file has a remark", remark=remark)
        changed = sorted(found.sites.differences(before.sites))
        SITES.set(len(found.sites))
        if before.sites or before.faults:
            SITE_CHANGES.inc(len(changed))
            log.info("sites picked up", sites=len(found.sites), changed=len(changed), names=changed[:MOST_NAMED])

    def __getitem__(self, site: str) -> Site:
        """A site that is watched."""
        return self.catalogue.sites[site]

    def __contains__(self, site: object) -> bool:
        """Whether a site is watched."""
        return site in self.catalogue.sites

    def __iter__(self) -> Iterator[str]:
        """The ids of this moment."""
        return iter(self.catalogue.sites)

    def __len__(self) -> int:
        """How many are watched."""
        return len(self.catalogue.sites)

    def values(self) -> ValuesView[Site]:
        """The sites of this moment."""
        return self.catalogue.sites.values()

    def items(self) -> ItemsView[str, Site]:
        """The sites of this moment, with their ids."""
        return self.catalogue.sites.items()


class _WithRetired(Mapping[str, Site]):
    """All sites that have files."""

    def __init__(self, live: LiveSites) -> None:
        self._live = live

    def __getitem__(self, site: str) -> Site:
        now = self._live.catalogue
        return now.sites[site] if site in now.sites else now.retired[site]

    def __iter__(self) -> Iterator[str]:
        now = self._live.catalogue
        return iter([*now.sites, *now.retired])

    def __len__(self) -> int:
        now = self._live.catalogue
        return len(now.sites) + len(now.retired)


def not_known(reason: str, detail: str, recorded_at: datetime) -> UnprocessableError | TransientError:
    """The error for an event of a site or a tile that is not known: to be tried again, as long as it may become known.

    Args:
        reason: of the dead letter, if it will be one.
        detail: the same as a sentence.
        recorded_at: when the event was recorded.
    """
    if datetime.now(UTC) - recorded_at < LEARNT_WITHIN:
        return TransientError(f"{detail} Its file may be on its way.")
    return UnprocessableError(reason, detail)


def live_sites(settings: _Settings) -> LiveSites:
    """The sites that the settings name. While their bucket is away, this waits for it.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    folder = site_folder(settings)
    while True:
        try:
            return LiveSites(folder)
        except TransientError as error:
            log.warning("waiting for the sites' bucket", detail=str(error))
            time.sleep(LOOK_EVERY_S)


def site_folder(settings: _Settings) -> SiteFolder:
    """Where the sites are that the settings name. Nothing is read yet.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    place = settings.sites.dir
    if isinstance(place, Path) and not place.is_dir():
        raise ConfigurationError(f"RAILWATCH_SITES_DIR is wrong: {place} is not a directory.")
    snapshot = Snapshot(object_store(settings.blobs.url, settings.blobs), str(place))
    return SiteFolder(_files(place, settings.blobs), snapshot)


def _files(place: Path | str, settings: BlobSettings) -> SiteFiles:
    return DirectoryFiles(place) if isinstance(place, Path) else BucketFiles(object_store(place, settings), place)


def known_sites(settings: _Settings) -> SiteCatalogue:
    """The sites that the settings name, as they are now. Faults in site files go to the log.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    return live_sites(settings).catalogue
