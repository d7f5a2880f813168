"""The alerting service: judges each site's counts against its history, and announces alerts."""

from threading import Thread
from typing import Any

from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.delivery.deliver import Delivery
from railwatch.services.alerting.groups import GROUP
from railwatch.services.alerting.healing import keep_whole
from railwatch.services.alerting.set_back import is_set_back
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.schema_version import await_ours, holds_state, is_foreign
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import (
    Slowest,
    begin_deliveries,
    count_worker,
    delivery_workers,
    known_tokens,
    make_deliveries,
    make_second_looks,
    run_together,
)
from railwatch.shared.admission import readers
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher, Worker
from railwatch.shared.bus.offsets import has_worked
from railwatch.shared.environment import load
from railwatch.shared.events import CountEvent
from railwatch.shared.eviction import refuse_eviction
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.logs import catch_native_lines, configure_logging
from railwatch.shared.process import stop_on_signal
from railwatch.shared.serving import serve
from railwatch.shared.sites import live_sites
from railwatch.shared.state import connect, ready


def run() -> None:
    """Run until a signal stops the process."""
    settings = load(Settings)
    catch_native_lines()
    configure_logging("alerting", settings.log.level)
    sites = live_sites(settings)
    client = connect(settings.redis)
    store = Store(client)
    incarnation = Incarnation(
        client,
        "alerting",
        held=lambda: holds_state(client),
        worked_before=lambda: has_worked(settings.kafka, GROUP, CountEvent),
        set_back=lambda: is_set_back(settings, store, sites.with_retired),
    )
    blobs = BlobStore.open(settings.blobs)
    archive = Archive(blobs.objects)
    publisher = Publisher(settings.kafka)
    announcer = Announcer(store, publisher)
    progress = Slowest()

    counts = count_worker(settings, sites, client, store, archive, incarnation, announcer, publisher, progress.loop())
    deliveries: dict[str, Delivery[Any]] = {
        **make_deliveries(settings, client, store, incarnation),
        **make_second_looks(settings, client, store),
    }
    workers: list[Worker[Any]] = [counts, *delivery_workers(settings, deliveries, incarnation, publisher, progress)]
    needs = {
        "kafka": counts.ready,
        "redis": lambda: ready(client),
        "state": lambda: incarnation.intact() and not is_foreign(client),
        "blobs": blobs.takes_writes,
        "sites": lambda: bool(sites),
    }

    tokens = known_tokens(settings)
    reader = readers(tokens, everyone=settings.alerting.reading == "open")
    app = make_app(store, sites, blobs, tokens, progress, needs, reader, announcer.publish, settings.alerting)
    with sites.followed(), serve(app, settings.http):
        with progress.waiting():
            refuse_eviction(client, settings.redis)
        stop = stop_on_signal()
        healing = Thread(target=keep_whole, args=(settings, client, incarnation, stop), name="healing", daemon=True)
        healing.start()
        begin_deliveries(deliveries, settings.kafka, progress, stop)
        await_ours(client, incarnation, progress, stop)
        run_together(workers, stop)
        healing.join()
    publisher.close()
