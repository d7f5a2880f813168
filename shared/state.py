"""Redis: state that can be rebuilt, such as alert state and the pointer to the current baseline."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from railwatch.shared.errors import DependencyAwayError, TransientError
from railwatch.shared.settings import RedisSettings

# Every key begins with this prefix, and then with its service's name: a service's user at Redis may use these only.
PREFIX = "railwatch"

# How often a command is sent again. redis-py repeats the handshake as often within each, so a server that takes
# connections and says nothing is known to be away after 20 s; with three it took 82 s.
RETRIES = 1

# How long the key stays that is written to see whether Redis takes writes, in seconds.
PROBE_KEPT_S = 60


def key(*parts: str) -> str:
    """The name of a key: `key("alerting", "window", site)` is `railwatch:alerting:window:<site>`."""
    return ":".join((PREFIX, *parts))


def connect(settings: RedisSettings) -> redis.Redis:
    """A client that speaks text, with timeouts and a short retry. It connects at its first command.

    Commands raise `redis.RedisError` when the retries are used up. `redis_errors` turns it into a `TransientError`.
    """
    tls: dict[str, Any] = {}
    if settings.url.startswith("rediss://"):
        tls = {
            "ssl_ca_certs": _text(settings.tls_ca_file),
            "ssl_certfile": _text(settings.tls_cert_file),
            "ssl_keyfile": _text(settings.tls_key_file),
        }
    client: redis.Redis = redis.Redis.from_url(
        settings.url,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        decode_responses=True,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=RETRIES),
        **tls,
    )
    return client


@contextmanager
def redis_errors() -> Iterator[None]:
    """A block of Redis commands that fails with our own error.

    Raises:
        DependencyAwayError: Redis does not answer, or refuses commands: it is full, read-only, loading or locked.
        TransientError: Redis refuses this command on this key, which holds something else.
    """
    try:
        yield
    except redis.ResponseError as error:
        refused = TransientError if "WRONGTYPE" in str(error) else DependencyAwayError  # a pipeline says where, first
        raise refused(f"Redis refuses: {type(error).__name__}: {error}.") from error
    except redis.RedisError as error:
        raise DependencyAwayError(f"Redis does not answer: {type(error).__name__}.") from error


def ready(client: redis.Redis) -> bool:
    """Whether Redis answers and takes a write. A full or read-only Redis answers, and is of no use."""
    try:
        return bool(client.set(key("ready"), "1", ex=PROBE_KEPT_S))
    except redis.RedisError:
        return False


def _text(path: object) -> str | None:
    return str(path) if path else None
