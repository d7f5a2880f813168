"""Puts the parts of ingest together."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import redis
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from obstore.store import from_url

from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import Settings
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.forms import BucketSource, DirectorySource, read_sources
from railwatch.services.ingest.sources.place import place_of
from railwatch.services.ingest.sources.polling import Source
from railwatch.services.ingest.sources.turns import Turns
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import connection
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import KafkaSettings
from railwatch.shared.sites import LiveSites


def make_intake(
    settings: Settings, sites: LiveSites, client: redis.Redis, blobs: BlobStore, publisher: Publisher
) -> Intake:
    """The part that takes scenes from all sources."""
    return Intake(
        sites,
        settings.scenes,
        blobs,
        Claims(client),
        publisher.publish,
        {source.name for source in read_sources(settings) if source.kind in settings.ingest.baselines_from},
        Spool(settings.scenes.spool_bytes),
    )


def senders(settings: Settings) -> Tokens:
    """The tokens of those who may push."""
    return Tokens(settings.tokens.file, settings.ingest.tokens, (Scope.PUSH, Scope.BASELINE))


def sources(settings: Settings, intake: Intake, client: redis.Redis) -> Iterator[Source]:
    """The sources that the settings and the file of sources name.

    Raises:
        ConfigurationError: the file of sources is wrong.
    """
    for form in read_sources(settings):
        if isinstance(form, DirectorySource):
            directory = WatchedDirectory(form.name, form.path, intake)
            turns = Turns(client, form.name, partial(place_of, form.path))
            yield Source(form.name, directory.poll, form.poll_s, turns)
        elif isinstance(form, BucketSource):
            options = Credentials(form.credentials).s3(urlsplit(form.url).netloc).options()
            bucket = WatchedBucket(form.name, form.url, from_url(form.url, **options), intake)
            yield Source(form.name, bucket.poll, form.poll_s, Turns(client, form.name))
        else:
            from railwatch.services.ingest.sources.stac import (
                PolledCatalogue,  # half a second of processor at the start
            )

            turns = Turns(client, form.name)
            yield Source(form.name, PolledCatalogue(form, intake, turns).poll, form.poll_s, turns)


class Broker:
    """Asks Kafka whether it answers and has the topic of tiles. One thread asks at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: Any = None

    def ready(self) -> bool:
        """Whether it does."""
        try:
            self._consumer = self._consumer or KafkaConsumer(
                **connection(self._settings), enable_auto_commit=False, allow_auto_create_topics=False
            )
            return self._settings.prefix + TileEvent.TOPIC in self._consumer.topics()
        except (KafkaError, OSError):
            failed, self._consumer = self._consumer, None
            if failed:
                with suppress(KafkaError):
                    failed.close(autocommit=False)
            return False
