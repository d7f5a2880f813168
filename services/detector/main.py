"""The detector service: counts the railcars on each tile against its baseline, with an interval."""

from fastapi import FastAPI

from railwatch.services.detector.settings import Settings
from railwatch.services.detector.wiring import incarnation_of, processes_of, tile_worker
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.environment import load
from railwatch.shared.eviction import refuse_eviction
from railwatch.shared.health import Progress, health_router
from railwatch.shared.logs import catch_native_lines, configure_logging
from railwatch.shared.process import stop_on_signal
from railwatch.shared.serving import serve
from railwatch.shared.sites import live_sites
from railwatch.shared.state import connect, ready


def run() -> None:
    """Runs until a signal stops it."""
    settings = load(Settings)
    catch_native_lines()
    configure_logging("detector", settings.log.level)
    client = connect(settings.redis)
    incarnation = incarnation_of(settings, client)
    blobs = BlobStore.open(settings.blobs)
    publisher = Publisher(settings.kafka)
    progress = Progress()
    sites = live_sites(settings)
    processes = processes_of(settings)
    processes.start()
    tiles = tile_worker(settings, sites, client, incarnation, blobs, publisher, processes, progress)
    needs = {
        "kafka": tiles.ready,
        "redis": lambda: ready(client),
        "state": incarnation.intact,
        "blobs": blobs.takes_writes,
        "sites": lambda: bool(sites),
        "processes": processes.can_start,
    }

    app = FastAPI(title="Railwatch detector")
    app.include_router(health_router("detector", progress, needs))
    with sites.followed(), serve(app, settings.http):
        with progress.waiting():
            refuse_eviction(client, settings.redis)
        tiles.run(stop_on_signal())
    publisher.close()
    processes.stop()
