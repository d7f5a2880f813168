"""Rebuilding by itself: when alerting finds that its state in Redis was lost, one of its processes makes it anew.

A person is needed only where a rebuild would not help: Redis evicts keys, the topics are empty too, the archive is
damaged where Kafka has deleted counts, or the state has the form of another version
(`railwatch.services.alerting.state.schema_version`).
"""

import threading

import redis
import structlog

from railwatch.services.alerting import metrics
from railwatch.services.alerting.rebuild import rebuild
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.keys import REBUILDING
from railwatch.shared.errors import DependencyAwayError, RailwatchError
from railwatch.shared.incarnation import EVICTION, Incarnation
from railwatch.shared.state import redis_errors

# How often to look whether the state is whole, in seconds; and how long to wait after a rebuild that failed.
LOOK_EVERY_S = 2.0
TRY_AGAIN_S = 30.0

log = structlog.get_logger(__name__)


def keep_whole(settings: Settings, client: redis.Redis, incarnation: Incarnation, stop: threading.Event) -> None:
    """Until `stop` is set, rebuild the state each time it was lost. Run it in a thread of its own, and wait for it.

    If `stop` is set meanwhile, the rebuild ends where it is and its lease is given back. The mark that it began stays,
    so another process makes it from its beginning.
    """
    while not stop.wait(LOOK_EVERY_S):
        try:
            if not _is_lost(client, incarnation):
                continue
            log.warning("rebuilding the state in Redis", why=incarnation.why_lost())
            looks = sum(rebuilt.looks for rebuilt in rebuild(settings, stop))
            incarnation.require()
        except RailwatchError as error:
            if stop.is_set():
                log.info("the rebuild of the state is left to another process", why=str(error))
                return
            metrics.REBUILDS.labels("failed").inc()
            log.error("could not rebuild the state; trying again", error=str(error), in_s=TRY_AGAIN_S)
            stop.wait(TRY_AGAIN_S)
        except Exception:
            metrics.REBUILDS.labels("failed").inc()
            log.exception("could not rebuild the state; trying again", in_s=TRY_AGAIN_S)
            stop.wait(TRY_AGAIN_S)
        else:
            metrics.REBUILDS.labels("done").inc()
            log.info("the state in Redis was rebuilt", looks=looks)


def _is_lost(client: redis.Redis, incarnation: Incarnation) -> bool:
    """Whether the state was lost in a way that a rebuild mends, and nobody is at it."""
    try:
        incarnation.require()
    except DependencyAwayError:
        why = incarnation.why_lost()
        if why is None or why.startswith(EVICTION):
            return False
        with redis_errors():
            return not client.exists(REBUILDING)
    return False
