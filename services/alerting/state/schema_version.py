"""The schema version of what alerting keeps in Redis: a version that could not read it waits, and spoils nothing.

Adding a field with a default changes no version: older readers ignore it, and newer readers use the default where it is
missing. After any other change neither version can read what the other wrote, also after a roll-back. Then the number
is raised. Every version can read the topics, from which `railwatch rebuild` makes the state anew.
"""

import threading

import redis
import structlog

from railwatch.services.alerting.state.keys import SCHEMA_VERSION_KEY, SITES
from railwatch.shared.errors import TransientError
from railwatch.shared.health import Progress
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.state import redis_errors

# Raised by each change after which one version cannot read what another wrote.
SCHEMA_VERSION = 5

ASK_EVERY_S = 2.0

log = structlog.get_logger(__name__)


def is_ours(client: redis.Redis) -> bool:
    """Whether the state has our schema version. Where there is no state yet, it gets our version.

    Raises:
        TransientError: Redis does not answer.
    """
    ours = str(SCHEMA_VERSION)
    with redis_errors():
        found = client.get(SCHEMA_VERSION_KEY)
        if found is None and not client.exists(SITES):
            return bool(client.set(SCHEMA_VERSION_KEY, ours, nx=True)) or client.get(SCHEMA_VERSION_KEY) == ours
        return found == ours


def is_foreign(client: redis.Redis) -> bool:
    """Whether the state is known to have another schema version."""
    try:
        with redis_errors():
            return holds_state(client) and client.get(SCHEMA_VERSION_KEY) != str(SCHEMA_VERSION)
    except TransientError:
        return False


def holds_state(client: redis.Redis) -> bool:
    """Whether there is state of any version.

    Raises:
        TransientError: Redis does not answer.
    """
    with redis_errors():
        return bool(client.exists(SCHEMA_VERSION_KEY, SITES))


def await_ours(client: redis.Redis, incarnation: Incarnation, progress: Progress, stop: threading.Event) -> None:
    """Wait until the state is whole and has our schema version, or until `stop` is set."""
    while not stop.is_set():
        try:
            with progress.waiting():
                incarnation.require()
                ours = is_ours(client)
            if ours:
                return
            log.error("Redis holds state of another version: run `railwatch rebuild alerting`", version=SCHEMA_VERSION)
        except TransientError as error:
            log.warning("waiting for the state in Redis", error=str(error))
        stop.wait(ASK_EVERY_S)
