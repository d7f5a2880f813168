"""Kafka clients made from the settings. What both brokers need is set here, with its reason."""

from pathlib import Path
from typing import Any

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.range import RangePartitionAssignor

from railwatch.shared.settings import KafkaSettings

BOOTSTRAP_TIMEOUT_MS = 5_000
REQUEST_TIMEOUT_MS = 10_000
DELIVERY_TIMEOUT_MS = 20_000
# The most that is fetched of one partition. It bounds the memory. A larger single event still comes through.
MAX_FETCH_BYTES = 256 * 1024
# Just below the 1 MiB that a broker takes by default.
MAX_EVENT_BYTES = 1_000_000
# The versions of kafka-python that forget a join; see `keep_joining`.
FORGETFUL_VERSIONS = "3.0."


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every kind of client needs to reach the cluster."""
    given = {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        "ssl_cafile": _text(settings.ssl_cafile),
        "ssl_certfile": _text(settings.ssl_certfile),
        "ssl_keyfile": _text(settings.ssl_keyfile),
    }
    return {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "reconnect_backoff_max_ms": 2_000,
        **{name: value for name, value in given.items() if value is not None},
    }


def make_consumer(settings: KafkaSettings, group: str) -> KafkaConsumer:
    """A member of the group; it commits only what it is told to. Raises `KafkaError` if Kafka is away."""
    return KafkaConsumer(
        **connection(settings),
        group_id=settings.prefix + group,
        client_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        metadata_max_age_ms=10_000,  # a topic or a partition that is added is seen within so long
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=min(3_000, settings.session_timeout_ms // 4),
        max_poll_interval_ms=60_000,  # the loop polls while it waits for handlers, so a minute without is a fault
        # A poll must take all that was fetched: what it leaves of a partition that is then paused, kafka-python 3.0.12
        # parks and may never hand out again. So the bound on memory is put on the fetch, not on the poll.
        max_poll_records=1_000_000,
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
        fetch_max_wait_ms=50,  # a resumed partition waits for the fetch under way, so fetches must be short
    )


def keep_joining(consumer: KafkaConsumer) -> None:
    """Have a consumer join its group for certain. Call it when the group revokes its partitions.

    A consumer that leads its group begins a rebalance when a topic or a partition is added. As soon as it has dealt the
    partitions out, kafka-python 3.0 sees no more reason to join. If the poll has ended by then, no later poll finishes
    the join, and the consumer waits for ever. Asked to join, it remembers that until it has.
    """
    if kafka.__version__.startswith(FORGETFUL_VERSIONS):
        consumer._coordinator.request_rejoin()


def make_producer(settings: KafkaSettings) -> KafkaProducer:
    """An idempotent producer that waits for all in-sync replicas. Raises `KafkaError` if Kafka is away."""
    return KafkaProducer(
        **connection(settings),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        max_block_ms=BOOTSTRAP_TIMEOUT_MS,
        delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        max_request_size=MAX_EVENT_BYTES,
    )


def make_admin(settings: KafkaSettings) -> KafkaAdminClient:
    """For topics. Raises `KafkaError` if Kafka is away."""
    return KafkaAdminClient(**connection(settings))


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
