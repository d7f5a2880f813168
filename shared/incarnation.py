"""Whether what a service wrote to Redis is still there. A Redis that was emptied or set back looks like a new one.

A mark in Redis names the incarnation of a service's state: its life from a first start, or from a rebuild, to its loss.
The mark also counts how often it was looked at. If the mark is gone or counts less than before, state was lost. Then
the mark says so to all replicas, and after a restart too. They wait until `railwatch rebuild` begins another
incarnation. The alternative would be to learn every site anew, without a word about the alerts that stood.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

import redis
import structlog

from railwatch.shared.errors import DependencyAwayError
from railwatch.shared.process import Service
from railwatch.shared.state import key, redis_errors

T = TypeVar("T")
A = TypeVar("A")

# Fields of the mark: the incarnation's id, how often it was looked at, why its state is not to be used, and how many
# keys Redis had evicted.
ID, LOOKS, LOST, EVICTED = "id", "looks", "lost", "evicted"

# How the reason begins if keys were evicted. A rebuild alone does not help then.
EVICTION = "Redis evicted"

log = structlog.get_logger(__name__)


class Incarnation:
    """The state of one service in Redis. Threads may share it.

    Args:
        client: Redis.
        service: whose state it is.
        held: whether Redis holds state of the service. It is asked if there is no mark when the process starts.
        worked_before: whether the service has ever worked, by what is known elsewhere. It is asked if Redis holds
            nothing.
        set_back: whether the state lacks something that the service has done, by what is known elsewhere. It is asked
            when the process starts and there is state.
    """

    def __init__(
        self,
        client: redis.Redis,
        service: Service,
        held: Callable[[], bool],
        worked_before: Callable[[], bool],
        set_back: Callable[[], bool] = lambda: False,
    ) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets
        self._service, self._name = service, _name(service)
        self._held, self._worked_before, self._set_back = held, worked_before, set_back
        self._first, self._lock = threading.Lock(), threading.Lock()
        self._seen: tuple[str, int] | None = None
        self._lost: str | None = None

    def intact(self) -> bool:
        """Whether the state was whole when it was last looked at."""
        return self._lost is None

    def why_lost(self) -> str | None:
        """Why the state was not whole when it was last looked at; null if it was."""
        return self._lost

    def require(self) -> str:
        """Look whether the state is whole. The result names the incarnation.

        Raises:
            DependencyAwayError: it is not, and waits for a rebuild; or Redis does not answer.
        """
        if seen := self._seen:
            return self._look(seen)
        with self._first:  # it may read topics, which once is enough
            return self._look(self._seen)

    def note_evictions(self, run: str, evicted: int) -> None:
        """Take the state as lost if Redis has evicted keys since this was last noted.

        Args:
            run: Redis' id for its run; each run counts from 0.
            evicted: how many keys it has evicted in this run.

        Raises:
            DependencyAwayError: Redis does not answer.
        """
        with redis_errors():
            if not self._redis.hexists(self._name, ID):
                return
            noted = self._redis.hget(self._name, EVICTED) or f"{run}/{evicted}"
            noted_run, _, before = noted.partition("/")
            if evicted > (int(before) if noted_run == run else 0):
                self._redis.hset(self._name, LOST, f"{EVICTION} {evicted} keys")
            self._redis.hset(self._name, EVICTED, f"{run}/{evicted}")

    def guarded(self, work: Callable[[A], T]) -> Callable[[A], T]:
        """The same work, which fails with a `DependencyAwayError` while the state is not whole."""

        def guarded(argument: A) -> T:
            self.require()
            return work(argument)

        return guarded

    def _look(self, seen: tuple[str, int] | None) -> str:
        """Look at the mark, of which this was seen before. A silent Redis holds up each thread by itself."""
        with redis_errors():
            mark = self._redis.hgetall(self._name)
            lost = mark.get(LOST) or self._loss(mark, seen)
            if lost and LOST not in mark:
                self._redis.hset(self._name, LOST, lost)
            if lost:
                self._wait(lost)
            identity = mark.get(ID) or _begin(self._redis, self._service)
            looks = self._redis.hincrby(self._name, LOOKS, 1)
        with self._lock:
            if self._lost:
                log.info("the state in Redis is whole again", service=self._service)
            self._lost = None
            last = self._seen
            self._seen = identity, max(looks, last[1]) if last and last[0] == identity else looks
        return identity

    def _loss(self, mark: dict[str, str], seen: tuple[str, int] | None) -> str | None:
        """What was lost since the last look; null if nothing was."""
        if seen is None:
            if ID in mark or self._held():
                return "an earlier one is back" if self._set_back() else None
            return "there is none, although this service has worked before" if self._worked_before() else None
        identity, looks = seen
        if ID not in mark:
            return "it is gone"
        if mark[ID] == identity and int(mark.get(LOOKS, 0)) < looks:
            return "an earlier one is back"
        return None

    def _wait(self, lost: str) -> None:
        message = f"The state of {self._service} in Redis was lost: {lost}. Run `railwatch rebuild {self._service}`."
        if lost != self._lost:
            log.error("state was lost; waiting for a rebuild", service=self._service, why=lost)
        self._lost = lost
        raise DependencyAwayError(message)


def rebuild_begins(client: redis.Redis, service: Service) -> None:
    """Note that the state is incomplete until its rebuild ends."""
    with redis_errors():
        client.hset(_name(service), LOST, "a rebuild has not ended")


def rebuild_ends(client: redis.Redis, service: Service) -> None:
    """Begin an incarnation with the state that was rebuilt, in one step: a mark that is gone would be a loss."""
    name = _name(service)
    with redis_errors(), client.pipeline() as change:
        change.delete(name)
        change.hset(name, ID, uuid4().hex)
        change.execute()


def _begin(client: Any, service: Service) -> str:
    """Begin an incarnation, unless another process was first. The result is its id."""
    name = _name(service)
    client.hsetnx(name, ID, uuid4().hex)
    return str(client.hget(name, ID))


def _name(service: Service) -> str:
    return key(service, "incarnation")
