"""Which replica looks through a source, and how far the source has been looked through.

The replica that holds the source's lease in Redis looks through it, again and again, until it stops or loses the lease.
What it notes of the source is written together with a look at the lease: a replica that stalled and wakes up after
another one took over changes nothing. Ingest's Redis is the place: claims are there already, and without Redis no scene
can be taken anyway.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis

from railwatch.shared.errors import DependencyAwayError, TransientError
from railwatch.shared.lease import Lease
from railwatch.shared.state import key, redis_errors

# Seconds for which a lease is held, and in which it is renewed. A replica that dies is replaced after the first.
HELD_FOR_S = 30.0
RENEWED_EVERY_S = 10.0
# Seconds in which a replica in turn notices that it is told to stop.
NOTICED_WITHIN_S = 0.5


class TurnLostError(TransientError):
    """The lease of the source was lost while it was looked through."""


@dataclass(frozen=True)
class Standing:
    """How a source is.

    Attributes:
        complete_at: when everything that it had was last looked through; null if never.
        failing: whether the last poll failed.
    """

    complete_at: datetime | None = None
    failing: bool = False


class Turns:
    """The turns of the replicas at one source.

    Args:
        client: Redis.
        source: the source's name.
        place: tells apart places of one name, such as directories of several machines.
    """

    def __init__(self, client: redis.Redis, source: str, place: Callable[[], str] = lambda: "") -> None:
        self._redis: Any = client  # as in `Lease`
        self._source, self._place = source, place
        self._lease: Lease | None = None

    @contextmanager
    def taken(self, stop: threading.Event) -> Iterator[threading.Event | None]:
        """A turn, or null if another replica has it. The event is set when `stop` is set or the turn is lost.

        Raises:
            DependencyAwayError: Redis is away.
            OSError: the place cannot be read.
        """
        lease = Lease(self._redis, self._key("lease"), HELD_FOR_S)
        if not lease.take():
            yield None
            return
        self._lease, ends, done = lease, threading.Event(), threading.Event()
        renewing = threading.Thread(target=_renew, args=(lease, stop, ends, done), name=f"lease of {self._source}")
        renewing.start()
        try:
            yield ends
        finally:
            done.set()
            renewing.join()
            self._lease = None
            _give_back(lease)

    def standing(self) -> Standing:
        """How the source is. It raises `DependencyAwayError`, as all that follow."""
        with redis_errors():
            note = self._redis.get(self._key("standing"))
        if note is None:
            return Standing()
        found = json.loads(note)
        complete_at = found["complete_at"] and datetime.fromisoformat(found["complete_at"])
        return Standing(complete_at, found["failing"])

    def stand(self, standing: Standing) -> None:
        """Notes how the source is. It raises `TurnLostError`, too."""
        complete_at = standing.complete_at and standing.complete_at.isoformat()
        note = json.dumps({"complete_at": complete_at, "failing": standing.failing})
        self._write(lambda pipe: pipe.set(self._key("standing"), note))

    def searched(self) -> Mapping[str, datetime]:
        """Up to when each site was searched, by id."""
        with redis_errors():
            found = self._redis.hgetall(self._key("searched"))
        return {site: datetime.fromtimestamp(int(second), UTC) for site, second in found.items()}

    def search(self, site: str, until: datetime) -> None:
        """Notes up to when a site was searched.

        Raises:
            TurnLostError: this is no longer our turn.
        """
        self._write(lambda pipe: pipe.hset(self._key("searched"), site, int(until.timestamp())))

    def _write(self, then: Callable[[Any], object]) -> None:
        if self._lease is None or not self._lease.write(then):
            raise TurnLostError("Another replica looks through the source now.")

    def _key(self, what: str) -> str:
        place = self._place()
        return key("ingest", "source", self._source, *([place] if place else []), what)


def _renew(lease: Lease, stop: threading.Event, ends: threading.Event, done: threading.Event) -> None:
    """Renews a lease until the turn is done. Redis may be away for as long as the lease lasts."""
    tried_at = held_at = time.monotonic()
    while not done.wait(NOTICED_WITHIN_S):
        now = time.monotonic()
        if stop.is_set():
            ends.set()
        if now - tried_at < RENEWED_EVERY_S:
            continue
        tried_at = now
        try:
            held = lease.renew()
            held_at = now if held else held_at
        except DependencyAwayError:
            held = now - held_at < HELD_FOR_S
        if not held:
            ends.set()
            return


def _give_back(lease: Lease) -> None:
    try:
        lease.release()
    except DependencyAwayError:
        return  # it ends by itself
