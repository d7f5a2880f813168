"""Redis must not evict: a key that it throws away to make room is lost without a word, such as an alert that stands."""

from typing import Any

import redis
import structlog

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.metrics import MetricsOf
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import redis_errors

KEEPS = "noeviction"

_WATCHERS = MetricsOf(("detector", "alerting"))

EVICTS = _WATCHERS.gauge(
    "railwatch_redis_evicts",
    "1 if Redis throws keys away when it is full (`maxmemory`, and a policy other than `noeviction`), 0 if not.",
)
EVICTED_KEYS = _WATCHERS.gauge(
    "railwatch_redis_evicted_keys",
    "Keys that Redis has thrown away to make room since it was started; they may have been state of Railwatch.",
)
MEMORY_USED = _WATCHERS.gauge("railwatch_redis_memory_used_bytes", "Memory that Redis uses for its data.")
MEMORY_MAX = _WATCHERS.gauge(
    "railwatch_redis_memory_max_bytes",
    "Redis' `maxmemory`, beyond which it refuses writes or evicts; 0 if it has no limit of its own.",
)

log = structlog.get_logger(__name__)


def refuse_eviction(client: redis.Redis, settings: RedisSettings) -> None:
    """Look at the start whether Redis evicts. If Redis does not answer or may not say, this is only logged.

    Raises:
        ConfigurationError: it does, and the settings do not allow it.
    """
    try:
        policy = evicting_policy(client.info())
    except redis.RedisError as error:
        log.warning("cannot see whether Redis evicts", error=type(error).__name__)
        return
    if policy and settings.allow_eviction:
        log.warning("Redis evicts keys when it is full, and state may be lost", policy=policy)
    elif policy:
        raise ConfigurationError(
            f"Redis has the policy {policy}: when it is full, it throws state away, such as alerts that stand. "
            "Set its maxmemory-policy to noeviction, or set RAILWATCH_REDIS_ALLOW_EVICTION=true."
        )


def watch_eviction(client: redis.Redis, incarnation: Incarnation) -> None:
    """Bring the gauges up to date. If Redis has evicted keys that may be state, the state counts as lost.

    A policy `volatile-...` evicts only keys that expire by themselves: notes of what was done, and no state.

    Raises:
        DependencyAwayError: Redis does not answer, or may not say.
    """
    with redis_errors():
        info: Any = client.info()
    EVICTS.set(evicting_policy(info) is not None)
    EVICTED_KEYS.set(info["evicted_keys"])
    MEMORY_USED.set(info["used_memory"])
    MEMORY_MAX.set(info.get("maxmemory", 0))
    if not str(info.get("maxmemory_policy")).startswith("volatile-"):
        incarnation.note_evictions(str(info["run_id"]), int(info["evicted_keys"]))


def evicting_policy(info: Any) -> str | None:
    """The policy by which Redis throws keys away when it is full; null if it does not."""
    policy = str(info.get("maxmemory_policy", KEEPS))
    return policy if policy != KEEPS and int(info.get("maxmemory", 0)) > 0 else None
