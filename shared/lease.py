"""A lease in Redis: one process at a time does something, and another may go on if it dies or stalls."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import redis

from railwatch.shared.state import redis_errors


class Lease:
    """A lease that this object takes and gives back. Every method raises `DependencyAwayError` if Redis is away.

    Args:
        client: Redis.
        name: the key that stands for the lease.
        held_for_s: how long it is held unless it is renewed, in seconds.
    """

    def __init__(self, client: redis.Redis, name: str, held_for_s: float) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets
        self.name, self._held_for_ms = name, round(held_for_s * 1000)
        self._holder = uuid4().hex

    def take(self) -> bool:
        """Take it, unless somebody holds it."""
        with redis_errors():
            return bool(self._redis.set(self.name, self._holder, nx=True, px=self._held_for_ms))

    def renew(self) -> bool:
        """Hold it for longer. False if it was lost: it is too late to go on."""
        return self.write(lambda pipe: pipe.pexpire(self.name, self._held_for_ms))

    def release(self) -> None:
        """Give it back, if it is still held."""
        self.write(lambda pipe: pipe.delete(self.name))

    def write(self, then: Callable[[Any], object]) -> bool:
        """Write something, if the lease is held. False if it was lost, and nothing is written.

        Args:
            then: puts commands on redis-py's pipeline.
        """

        def attempt(pipe: Any) -> bool:
            held = self.held(pipe)
            pipe.multi()
            if held:
                then(pipe)
            return held

        with redis_errors():
            return bool(self._redis.transaction(attempt, self.name, value_from_callable=True))

    def held(self, pipe: Any) -> bool:
        """Whether it is held, asked in a transaction of redis-py that watches its `name`."""
        return bool(pipe.get(self.name) == self._holder)
