"""Kafka clients, made from the settings. This module sets what the brokers and kafka-python need, and says why."""

from pathlib import Path
from typing import Any

import kafka
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor

from railwatch.shared.settings import KafkaSettings

BOOTSTRAP_TIMEOUT_MS = 5_000
REQUEST_TIMEOUT_MS = 10_000
DELIVERY_TIMEOUT_MS = 20_000
# The most that is fetched of one partition. It bounds the memory. A larger single event still comes through.
MAX_FETCH_BYTES = 256 * 1024
# How long the broker may wait for records while some are being handled, and at rest. Apache Kafka answers as soon as a
# record comes. The embedded broker looks only now and then. It is used with the shortest session, and workers then rest
# for short times.
BUSY_FETCH_MS = 50
REST_MS, SHORT_REST_MS = 5_000, 300
SHORT_SESSION_MS = 6_000
# Just below the 1 MiB that a broker takes by default.
MAX_EVENT_BYTES = 1_000_000
# The versions of kafka-python that forget a join; see `keep_joining`.
FORGETFUL_VERSIONS = "3.0."


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments that every kind of client needs to reach the cluster."""
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
    """A member of the group. It commits nothing by itself. Raises `KafkaError` if Kafka does not answer."""
    return KafkaConsumer(
        **connection(settings),
        group_id=settings.prefix + group,
        group_instance_id=settings.instance_id,
        client_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        metadata_max_age_ms=10_000,  # added topics and partitions are noticed within this time
        # Not cooperative-sticky: its members do not join when partitions are added, see docs/operate.md, *Rebalances*.
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=min(3_000, settings.session_timeout_ms // 4),
        max_poll_interval_ms=60_000,  # the loop polls while handlers run, so a minute without a poll is a fault
        # A poll must take all records that were fetched. If it leaves some of a partition that is then paused,
        # kafka-python 3.0.12 may never give them out. So the fetch limits the memory, not the poll.
        max_poll_records=1_000_000,
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
        fetch_max_wait_ms=BUSY_FETCH_MS,
    )


def rest_ms(settings: KafkaSettings) -> int:
    """How long a worker with nothing to do may wait for Kafka at a time, in milliseconds."""
    return REST_MS if settings.session_timeout_ms > SHORT_SESSION_MS else SHORT_REST_MS


def set_fetch_wait(consumer: KafkaConsumer, wait_ms: int) -> None:
    """Set how long the broker may wait for records to answer the next fetches with, in milliseconds.

    At rest, each fetch costs about a millisecond of processor. While records are handled, a partition that is resumed
    waits until the running fetch ends, so fetches must be short then. kafka-python reads this for each fetch, but has
    no public way to change it.
    """
    consumer._fetcher.config["fetch_max_wait_ms"] = wait_ms


def keep_joining(consumer: KafkaConsumer) -> None:
    """Have a consumer join its group for certain. Call it when the group revokes its partitions.

    As soon as the leader of a group has assigned the partitions, kafka-python 3.0 sees no more reason to join. If the
    poll has ended by then, no later poll completes the join, and the consumer waits for ever. That goes for the first
    join and for each later one. If it is asked to join, it remembers that until it has joined.
    """
    if kafka.__version__.startswith(FORGETFUL_VERSIONS):
        consumer._coordinator.request_rejoin()


class JoinsForCertain(ConsumerRebalanceListener):  # type: ignore[misc]
    """What each consumer that subscribes to a topic needs as its listener, see `keep_joining`."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """The group begins to rebalance, or this member joins it for the first time."""
        keep_joining(self._consumer)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """These are the partitions from now on."""


def make_producer(settings: KafkaSettings) -> KafkaProducer:
    """An idempotent producer that waits for all in-sync replicas. Raises `KafkaError` if Kafka does not answer."""
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
    """A client for managing topics. Raises `KafkaError` if Kafka does not answer."""
    return KafkaAdminClient(**connection(settings))


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
