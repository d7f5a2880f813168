"""How the parts of ingest are put together."""

import signal
import socket
import threading
from collections.abc import Iterator

import redis
import structlog
from obstore.store import from_url

from services.ingest.bucket import WatchedBucket
from services.ingest.claims import Claims
from services.ingest.directory import WatchedDirectory
from services.ingest.intake import Intake
from services.ingest.settings import Settings
from services.ingest.sources import Source
from services.ingest.stac import PolledCatalogue
from shared.blobs import BlobStore
from shared.bus import Publisher
from shared.settings import KafkaSettings
from shared.sites import SiteCatalogue, load_sites

log = structlog.get_logger()


def make_intake(settings: Settings, client: redis.Redis, blobs: BlobStore, publisher: Publisher) -> Intake:
    """What scenes are handed to."""
    return Intake(_known_sites(settings), settings.scenes, blobs, Claims(client), publisher.publish)


def sources(settings: Settings, intake: Intake) -> Iterator[Source]:
    """The sources that the settings name."""
    ingest = settings.ingest
    if ingest.watch_dir:
        yield Source("directory", WatchedDirectory(ingest.watch_dir, intake).look, ingest.poll_s)
    if ingest.watch_bucket:
        bucket = WatchedBucket(ingest.watch_bucket, from_url(ingest.watch_bucket), intake)
        yield Source("bucket", bucket.look, ingest.poll_s)
    if settings.stac.url:
        yield Source("stac", PolledCatalogue(settings.stac, intake).look, settings.stac.poll_s)


def stop_on_signal() -> threading.Event:
    """An event that is set when the process is told to stop."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    return stop


def kafka_answers(settings: KafkaSettings) -> bool:
    """Whether any broker can be reached."""
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
        except OSError:
            continue
        return True
    return False


def _known_sites(settings: Settings) -> SiteCatalogue:
    catalogue = load_sites(settings.sites.dir)
    for fault in catalogue.faults:
        log.error("a site file is wrong", fault=fault)
    return catalogue
