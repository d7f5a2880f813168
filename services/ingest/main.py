"""The ingest service: takes scenes in, cuts out the tiles of every site they show, and publishes them."""

from services.ingest.api import make_app
from services.ingest.settings import Settings
from services.ingest.sources import run_sources
from services.ingest.wiring import kafka_answers, make_intake, sources
from shared.blobs import BlobStore
from shared.bus import Publisher
from shared.health import Progress, serve
from shared.logs import configure_logging
from shared.process import stop_on_signal
from shared.settings import load
from shared.state import connect, ready


def run() -> None:
    """Run until told to stop."""
    settings = load(Settings)
    configure_logging("ingest", settings.log.level)
    client = connect(settings.redis)
    blobs = BlobStore.open(settings.blobs)
    publisher = Publisher(settings.kafka)
    progress = Progress()
    intake = make_intake(settings, client, blobs, publisher)
    needs = {"kafka": lambda: kafka_answers(settings.kafka), "redis": lambda: ready(client), "blobs": blobs.ready}

    with serve(make_app(intake, settings.ingest.tokens, progress, needs), settings.http):
        run_sources(list(sources(settings, intake)), progress, stop_on_signal())
    publisher.close()
