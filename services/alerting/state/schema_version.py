"""The form of what alerting keeps in Redis: a version that could not read it waits, and spoils nothing.

Versions change the form seldom, but then neither the newer can read what the older wrote nor the older, after a roll
back, what the newer did. The topics, from which `railwatch rebuild` makes the state anew, are read by all versions.
"""

import threading

import redis
import structlog

from railwatch.shared.errors import TransientError
from railwatch.shared.health import Progress
from railwatch.shared.state import key, redis_errors

FORM = 3
"""Raised by each change after which one version cannot read what another wrote."""

FORM_KEY = key("alerting", "form")
SITES = key("alerting", "sites")
ASK_EVERY_S = 2.0

log = structlog.get_logger(__name__)


def is_ours(client: redis.Redis) -> bool:
    """Whether the state has the form of this version. Where there is none yet, it takes on that form.

    Raises:
        TransientError: Redis is away.
    """
    with redis_errors():
        form = client.get(FORM_KEY)
        if form is None and not client.exists(SITES):
            return bool(client.set(FORM_KEY, FORM, nx=True)) or client.get(FORM_KEY) == str(FORM)
        return form == str(FORM)


def is_foreign(client: redis.Redis) -> bool:
    """Whether the state is known to have another form."""
    try:
        return not is_ours(client)
    except TransientError:
        return False


def await_ours(client: redis.Redis, progress: Progress, stop: threading.Event) -> None:
    """Wait until the state has the form of this version, or until told to stop."""
    while not stop.is_set():
        progress.beat()
        try:
            if is_ours(client):
                return
            log.error("another version's state lies in Redis; run `railwatch rebuild alerting`", form=FORM)
        except TransientError as error:
            log.warning("waiting for Redis", error=str(error))
        stop.wait(ASK_EVERY_S)
