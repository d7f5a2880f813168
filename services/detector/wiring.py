"""How the parts of the detector are put together."""

import time
from collections.abc import Sequence

import redis

from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.handler import TileHandler
from railwatch.services.detector.imagery.geotiff import RasterLimits
from railwatch.services.detector.settings import Settings
from railwatch.services.detector.unregistered import UnregisteredLooks
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher, Worker
from railwatch.shared.events import Event, TileEvent
from railwatch.shared.health import Progress
from railwatch.shared.sites import known_sites

GROUP = "railwatch-detector"
GAUGES_EVERY_S = 15.0


def tile_worker(
    settings: Settings, client: redis.Redis, blobs: BlobStore, publisher: Publisher, progress: Progress
) -> Worker[TileEvent]:
    """Tiles in, counts out."""
    sites = known_sites(settings.sites.dir).sites
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
