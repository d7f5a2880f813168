"""The alerting service: judges each site's counts against its history, and tells whoever should know."""

from services.alerting.api import make_app
from services.alerting.form import await_ours, is_foreign
from services.alerting.settings import Settings
from services.alerting.windows import Windows
from services.alerting.wiring import Slowest, count_worker, delivery_workers, run_together
from shared.blobs import BlobStore
from shared.bus import Publisher
from shared.health import serve
from shared.logs import configure_logging
from shared.process import stop_on_signal
from shared.settings import load
from shared.sites import known_sites
from shared.state import connect, ready


def run() -> None:
    """Run until told to stop."""
    settings = load(Settings)
    configure_logging("alerting", settings.log.level)
    sites = known_sites(settings.sites.dir).sites
    client = connect(settings.redis)
    windows = Windows(client)
    blobs = BlobStore.open(settings.blobs)
    publisher = Publisher(settings.kafka)
    progress = Slowest()

    counts = count_worker(settings, sites, windows, publisher, progress.loop())
    deliveries = list(delivery_workers(settings, client, windows, publisher, progress))
    needs = {
        "kafka": counts.ready,
        "redis": lambda: ready(client),
        "state": lambda: not is_foreign(client),
        "blobs": blobs.ready,
    }

    with serve(make_app(windows, sites, blobs, settings.alerting.tokens, progress, needs), settings.http):
        stop = stop_on_signal()
        await_ours(client, progress, stop)
        run_together([counts, *deliveries], stop)
    publisher.close()
