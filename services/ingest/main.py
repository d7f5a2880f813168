"""The ingest service: takes scenes in, cuts out the tiles of every site in them, and publishes them."""

from collections.abc import Callable

from fastapi import FastAPI

from railwatch.services.ingest.http.api import make_app
from railwatch.services.ingest.http.standing import Alerting
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.settings import IngestSettings, Settings
from railwatch.services.ingest.sources.forms import read_sources
from railwatch.services.ingest.sources.polling import run_sources
from railwatch.services.ingest.temporary import own_temporary_directory
from railwatch.services.ingest.wiring import Broker, make_intake, senders, sources
from railwatch.shared.access import Tokens
from railwatch.shared.bus import Publisher
from railwatch.shared.environment import load
from railwatch.shared.eviction import refuse_eviction
from railwatch.shared.health import Progress
from railwatch.shared.logs import catch_native_lines, configure_logging
from railwatch.shared.process import stop_on_signal
from railwatch.shared.serving import serve
from railwatch.shared.sites import LiveSites, live_sites
from railwatch.shared.state import connect, ready

AddPages = Callable[[FastAPI, LiveSites, IngestSettings, Tokens, Intake], None]


def run(add_pages: AddPages) -> None:
    """Runs until a signal stops it.

    Args:
        add_pages: adds the page on which sites are drawn. It counts, too, so it is no part of this service.
    """
    settings = load(Settings)
    catch_native_lines()
    configure_logging("ingest", settings.log.level)
    with own_temporary_directory():
        _run(settings, add_pages)


def _run(settings: Settings, add_pages: AddPages) -> None:
    client = connect(settings.redis)
    forms = read_sources(settings)
    publisher = Publisher(settings.kafka)
    progress = Progress()
    sites = live_sites(settings)
    intake = make_intake(settings, forms, sites, client, publisher)
    found = list(sources(forms, intake, client))
    needs = {
        "kafka": Broker(settings.kafka).ready,
        "redis": lambda: ready(client),
        "blobs": intake.blobs.takes_writes,
        "sites": lambda: bool(sites),
    }

    tokens = senders(settings)
    app = make_app(intake, tokens, progress, needs, Alerting(settings.ingest))
    add_pages(app, sites, settings.ingest, tokens, intake)
    with sites.followed(), serve(app, settings.http, max_body_bytes=None):
        with progress.waiting():
            refuse_eviction(client, settings.redis)
        run_sources(found, progress, stop_on_signal())
    publisher.close()
