"""Puts the parts of ingest together."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import Settings
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.forms import BucketSource, DirectorySource, SourceForm
from railwatch.services.ingest.sources.place import place_of
from railwatch.services.ingest.sources.polling import Source
from railwatch.services.ingest.sources.turns import Turns
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import connection
from railwatch.shared.events import TileEvent
from railwatch.shared.proxy import trusted
from railwatch.shared.settings import KafkaSettings
from railwatch.shared.sites import Watched


def make_intake(
    settings: Settings,
    forms: Sequence[SourceForm],
    sites: Watched,
    client: redis.Redis,
    publisher: Publisher,
    *,
    archival: bool = False,
) -> Intake:
    """The part that takes scenes from all sources.

    Args:
        settings: what a scene may be, and where its tiles are stored.
        forms: the sources, beside what is pushed.
        sites: the sites to cut tiles for.
        client: Redis.
        publisher: publishes the tiles.
        archival: whether the scenes come from an archive.

    Raises:
        ConfigurationError: the directory of blobs cannot be made.
    """
    return Intake(
        sites,
        settings.scenes,
        BlobStore.open(settings.blobs),
        Claims(client),
        publisher.publish,
        {source.name for source in forms if source.kind in settings.ingest.baselines_from},
        Spool(settings.scenes.spool_bytes),
        archival,
    )


def senders(settings: Settings) -> Tokens:
    """The tokens of those who may push, and the proxy that signs in people who draw."""
    scopes = (Scope.PUSH, Scope.BASELINE)
    return Tokens(settings.tokens.file, settings.ingest.tokens, scopes, trusted(settings.proxy))


def sources(forms: Sequence[SourceForm], intake: Intake, client: redis.Redis) -> Iterator[Source]:
    """What looks through the sources."""
    for form in forms:
        if isinstance(form, DirectorySource):
            directory = WatchedDirectory(form.name, form.path, intake)
            turns = Turns(client, form.name, partial(place_of, form.path))
            yield Source(form.name, directory.poll, form.poll_s, turns)
        elif isinstance(form, BucketSource):
            objects = partial(Credentials(form.credentials).bucket, form.url)
            bucket = WatchedBucket(form.name, form.url, objects, intake)
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
