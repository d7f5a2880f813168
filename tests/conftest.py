"""The servers that integration and end-to-end tests speak to, one of each for the whole run.

`RAILWATCH_TEST_KAFKA=apache` runs those tests that speak to a broker against Apache Kafka instead of the embedded one.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from railwatch.embedded import embedded_broker, embedded_redis, free_port
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.settings import KafkaSettings, RedisSettings
from tests.support.apache_kafka import apache_broker
from tests.support.bus import kafka_settings_of

# How long an example takes says how busy the machine is.
settings.register_profile("railwatch", deadline=None)
settings.load_profile("railwatch")

StartBroker = Callable[[], AbstractContextManager[dict[str, str]]]

APACHE = os.environ.get("RAILWATCH_TEST_KAFKA") == "apache"
PARTITIONS = 4

# What a test asks for if it speaks to a broker. Without one of these it would be the same test on both.
OF_BROKER = frozenset({"broker", "restartable_broker"})

_prefixes = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On Apache Kafka, keep the tests that speak to a broker."""
    if APACHE:
        items[:] = [item for item in items if item.path.parent.name == "apache" or _speaks_to_a_broker(item)]


def _speaks_to_a_broker(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and bool(OF_BROKER & set(item.fixturenames))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Kafka broker: the `RAILWATCH_KAFKA_*` variables that point a service at it."""
    with apache_broker(tmp_path_factory.mktemp("kafka")) if APACHE else embedded_broker() as environment:
        yield environment


@pytest.fixture
def restartable_broker(tmp_path: Path) -> StartBroker:
    """Starts a broker of the test's own, at the same address each time. Apache Kafka remembers, tansu forgets."""
    port = free_port()
    return lambda: apache_broker(tmp_path, port) if APACHE else embedded_broker(port)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[dict[str, str]]:
    """A Redis: the `RAILWATCH_REDIS_*` variables that point a service at it."""
    with embedded_redis() as environment:
        yield environment


@pytest.fixture
def kafka_environment(broker: dict[str, str]) -> dict[str, str]:
    """The variables of a cluster with all topics, empty and this test's own. For services as processes."""
    environment = {**broker, "RAILWATCH_KAFKA_PREFIX": f"test-{os.getpid()}-{next(_prefixes)}-"}
    ensure_topics(kafka_settings_of(environment), TopicPlan(PARTITIONS, replication=1))
    return environment


@pytest.fixture
def kafka_settings(kafka_environment: dict[str, str]) -> KafkaSettings:
    """The same cluster as settings."""
    return kafka_settings_of(kafka_environment)


@pytest.fixture
def redis_environment(redis_server: dict[str, str]) -> dict[str, str]:
    """The variables of an empty Redis. For services as processes."""
    with redis.Redis.from_url(redis_server["RAILWATCH_REDIS_URL"]) as client:
        client.flushall()
    return redis_server


@pytest.fixture
def redis_settings(redis_environment: dict[str, str]) -> RedisSettings:
    """The same Redis as settings."""
    return RedisSettings(url=redis_environment["RAILWATCH_REDIS_URL"])
