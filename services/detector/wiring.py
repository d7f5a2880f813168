"""How the parts of the detector are put together."""

import signal
import threading
import time
from collections.abc import Mapping, Sequence

import redis
import structlog

from services.detector.baselines import Baselines
from services.detector.geotiff import RasterLimits
from services.detector.handler import TileHandler
from services.detector.settings import Settings
from services.detector.unregistered import UnregisteredLooks
from shared.blobs import BlobStore
from shared.bus import Publisher, Worker
from shared.events import Event, TileEvent
from shared.health import Progress
from shared.sites import Site, load_sites

GROUP = "railwatch-detector"
GAUGES_EVERY_S = 15.0

log = structlog.get_logger(__name__)


def known_sites(settings: Settings) -> Mapping[str, Site]:
    """The sites that can be read; what is wrong with others is in the log."""
    catalogue = load_sites(settings.sites.dir)
    for fault in catalogue.faults:
        log.error("a site file is wrong", fault=fault)
    return catalogue.sites


def tile_worker(
    settings: Settings, client: redis.Redis, blobs: BlobStore, publisher: Publisher, progress: Progress
) -> Worker[TileEvent]:
    """Tiles in, counts out."""
    sites = known_sites(settings)
    unregistered = UnregisteredLooks(client)
    limits = RasterLimits(max_pixels=settings.detector.max_pixels)
    handler = TileHandler(sites, blobs, Baselines(client), unregistered, limits, settings.detector.recall_share)
    gauges_at = 0.0

    def tick() -> Sequence[Event]:
        nonlocal gauges_at
        if time.monotonic() >= gauges_at:
            unregistered.report(list(sites))
            gauges_at = time.monotonic() + GAUGES_EVERY_S
        return ()

    return Worker(
        service="detector",
        kafka=settings.kafka,
        group=GROUP,
        consumes=TileEvent,
        handle=handler.handle,
        publisher=publisher,
        progress=progress,
        tick=tick,
        max_in_flight=settings.detector.threads,
    )


def stop_on_signal() -> threading.Event:
    """An event that is set when the process is told to stop."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    return stop
