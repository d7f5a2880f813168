"""The whole system on one's own sites and on this machine, with all of its data in one folder."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from railwatch.demo.environment import FILE, written
from railwatch.demo.journal import journalled
from railwatch.demo.run import tell_faults, terminated_in_order
from railwatch.demo.system import SERVICES, TOPICS, System, running_services
from railwatch.embedded import embedded_broker, embedded_redis
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus.topics import ensure_topics
from railwatch.shared.errors import ConfigurationError, TransientError
from railwatch.shared.settings import KafkaSettings
from railwatch.shared.sites import PackedSites, SiteCatalogue
from railwatch.shared.sites.files import DirectoryFiles
from railwatch.shared.sites.folder import SiteFolder

# Seconds that a look waits for more frames of its pass. Whoever pushes by hand does not wait a quarter of an hour.
SCENE_WAIT_S = "60"


@contextmanager
def running_at_home(sites: Path, data: Path, port: int) -> Iterator[tuple[System, int]]:
    """Start everything on a folder of data. At the end of the block everything is stopped, and the folder is whole.

    Args:
        sites: the folder of site files.
        data: the folder; it is made if it is missing.
        port: of ingest; the detector has the next one, alerting the one after.

    Yields:
        The system, and how many events of before came back.

    Raises:
        ConfigurationError: a port is taken, or the folder is in use.
        RailwatchError: something did not start.
    """
    ports = dict(zip(SERVICES, range(port, port + len(SERVICES)), strict=True))
    for service, number in ports.items():
        _check_free(service, number)
    inbox = data / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if name.startswith("RAILWATCH_")}
    with _alone(data), embedded_broker() as broker, embedded_redis(data / "redis") as redis:
        kafka = KafkaSettings(bootstrap_servers=broker["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"])
        ensure_topics(kafka, TOPICS)
        settings = {
            "RAILWATCH_INGEST_WATCH_DIR": str(inbox.resolve()),
            "RAILWATCH_ALERTING_SCENE_WAIT_S": SCENE_WAIT_S,
            **own,
            **broker,
            **redis,
            "RAILWATCH_SITES_DIR": str(sites.resolve()),
        }
        with (
            journalled(data / "topics", kafka) as came_back,
            running_services(data, settings, _token(data), ports) as system,
            written(data, _for_commands(data, settings, system)),
        ):
            yield system, came_back


def _for_commands(data: Path, settings: Mapping[str, str], system: System) -> dict[str, str]:
    """What a command beside the services needs to work on this system."""
    return {
        "RAILWATCH_BLOBS_URL": (data / "store").resolve().as_uri(),
        "RAILWATCH_TOKENS_FILE": str((data / "tokens.yaml").resolve()),
        **settings,
        "RAILWATCH_ALERTING_PUBLIC_URL": system.urls["alerting"],
        "RAILWATCH_PUSH_URL": system.urls["ingest"],
        "RAILWATCH_PUSH_TOKEN": system.token,
    }


def run_up(console: Console, sites: Path, data: Path, port: int) -> None:
    """Start everything, print where it is, and run until Ctrl-C.

    Raises:
        ConfigurationError: there is no site.
        RailwatchError: something did not start.
    """
    watched = WatchedSites(console, SiteFolder(DirectoryFiles(sites)))
    watched.tell()
    catalogue = watched.catalogue
    if not catalogue.sites:
        raise ConfigurationError(f"There is no site in {sites}; `railwatch site init NAME --sites {sites}` makes one.")
    with terminated_in_order():
        console.print("Starting a broker, Redis, ingest, detector and alerting on loopback ...")
        with running_at_home(sites, data, port) as (system, came_back):
            _print(console, catalogue, data, system, came_back)
            told: set[str] = set()
            try:
                while True:
                    if ended := system.ended():
                        raise ended
                    tell_faults(console, system, told)
                    watched.tell()
                    time.sleep(0.5)
            except KeyboardInterrupt:
                console.print("Stopping ...")
        console.print(f"Everything is stopped. All data are in {data}.", highlight=False)


class WatchedSites:
    """The site files, whose faults are told when they appear. The services keep the last good version meanwhile.

    Attributes:
        catalogue: the sites as they are.
    """

    def __init__(self, console: Console, folder: SiteFolder) -> None:
        """Nothing is read yet."""
        self._console, self._folder, self._failed = console, folder, ""
        self.catalogue = SiteCatalogue(PackedSites())

    def tell(self) -> None:
        """Look at the files, and print what is new: faults, or that there are none any more."""
        try:
            found = self._folder.look()
        except (ConfigurationError, TransientError) as error:
            if str(error) != self._failed:
                self._print(str(error), "red")
            self._failed = str(error)
            return
        self._failed = ""
        if found is None:
            return
        before, self.catalogue = self.catalogue, found
        for fault in found.faults:
            if fault not in before.faults:
                self._print(fault, "red")
        if before.faults and not found.faults:
            self._print("All site files are right again.", "green")

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _print(console: Console, catalogue: SiteCatalogue, data: Path, system: System, came_back: int) -> None:
    names = ", ".join(sorted(catalogue.sites))
    lines = {
        "sites": f"{names} (changes are picked up within seconds)",
        "draw": f"{system.urls['ingest']}/draw",
        "pages": f"{system.urls['alerting']}/",
        "push": f"{system.urls['ingest']}/v1/scenes",
        "inbox": f"{data / 'inbox'}: put NAME.tif there, then NAME.json",
        "token": f"{system.token}  (also in {data / 'token'}; good for everything)",
        "data": f"{data}: {came_back} events came back. Pictures in store, events in topics, state in redis",
        "logs": str(system.logs),
        "kafka": system.settings["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"],
        "redis": system.settings["RAILWATCH_REDIS_URL"],
        "others": f"{data / FILE} tells commands all of this. Those started beside {data} read it by themselves; "
        f"elsewhere: set -a; . {(data / FILE).resolve()}",
    }
    for name, text in lines.items():
        console.print(f"  {name:<6} {text}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "All of it is kept when you stop with Ctrl-C. A crash of this machine may cost the last second.\n"
        "A first look:  railwatch push LOOK.tif --observed-at 2023-10-05T02:19:00Z --wait\nCtrl-C stops everything.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _token(data: Path) -> str:
    """The token of this folder. It is made once, and can be read by its owner only."""
    path = data / "token"
    if not path.exists():
        secret, entry = new_entry("owner", Scope, ())
        (data / "tokens.yaml").write_text(entry)
        path.touch(mode=0o600)
        path.write_text(secret + "\n")
    return path.read_text().strip()


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """A block in which no other process uses the folder."""
    import fcntl

    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(f"Another `railwatch up` uses {data}.") from None
        yield


def _check_free(service: str, port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise ConfigurationError(f"Port {port} for {service} is taken; choose others with --port.") from None
