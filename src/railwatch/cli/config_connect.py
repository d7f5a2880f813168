"""Whether the servers that settings name answer, each asked once as the service would."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import obstore
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from railwatch.cli.config_files import Finding
from railwatch.shared.blobs import PROBE, BlobStore
from railwatch.shared.bus.client import connection
from railwatch.shared.errors import RailwatchError, TransientError
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.objects import store_errors
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings
from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.live import site_folder
from railwatch.shared.state import PROBE_KEPT_S, connect, key, redis_errors

# Alerting keeps the archive of counts in the object store, and lists it.
LISTS = "alerting"


def answers(whole: Mapping[str, Any]) -> Iterator[Finding]:
    """Who answers, and what keeps the others.

    Args:
        whole: the settings of each service that has no fault.
    """
    for service, settings in whole.items():
        questions: dict[str, Callable[[], str]] = {
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": partial(_kafka, settings.kafka),
            "RAILWATCH_REDIS_URL": partial(_redis, settings.redis),
            "RAILWATCH_BLOBS_URL": partial(_blobs, settings.blobs, lists=service == LISTS),
        }
        if str(settings.sites.dir).startswith("s3://"):
            questions["RAILWATCH_SITES_DIR"] = partial(_bucket, settings)
        for name, ask in questions.items():
            try:
                yield Finding("found", name, ask())
            except RailwatchError as error:
                yield Finding("fault", name, f"{name}: {error}")


def _kafka(settings: KafkaSettings) -> str:
    try:
        consumer = KafkaConsumer(**connection(settings), enable_auto_commit=False, allow_auto_create_topics=False)
        try:
            seen = consumer.topics()
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka does not answer, or refuses us: {type(error).__name__}.") from error
    ours = sorted({settings.prefix + event.TOPIC for event in EVENT_TYPES.values()} & seen)
    if not ours:
        raise TransientError("Kafka answers, and shows this user none of the topics; `railwatch topics` makes them.")
    return f"answers, and shows {', '.join(ours)}"


def _redis(settings: RedisSettings) -> str:
    with redis_errors(), connect(settings) as client:
        client.set(key("ready"), "1", ex=PROBE_KEPT_S)
    return "answers, and takes a write"


def _blobs(settings: BlobSettings, lists: bool) -> str:
    store = BlobStore.open(settings)
    store.put(PROBE, "text/plain")
    if not lists:
        return "answers, and takes a write"
    with store_errors("counts"):
        obstore.list_with_delimiter(store.objects, "counts")
    return "answers, takes a write, and lists what it holds"


def _bucket(settings: Any) -> str:
    catalogue = LiveSites(site_folder(settings)).catalogue
    if catalogue.faults or not catalogue.sites:
        raise TransientError("; ".join(catalogue.faults) or "The bucket holds no site.")
    return f"{len(catalogue.sites)} sites in the bucket"
