"""How often a tile was begun and not ended, in Redis: a count may take its process with it, or the whole detector."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis

from railwatch.services.detector.work import DiedError
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.state import key, redis_errors

# A tile that was begun so often without an end is given up. Detectors are also ended by rolling restarts and by nodes
# that fail; that the same tile meets five of those in a row is not to be expected.
MOST = 5
# After this time without another attempt, earlier ones are forgotten.
FORGET = timedelta(days=1)

BEGUN, LAST = "begun", "last"


class Attempts:
    """The attempts at all tiles."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets

    @contextmanager
    def at(self, tile: str) -> Iterator[None]:
        """One attempt at a tile, by the id of its event. It ends with the block, also with an error, but not in death.

        Raises:
            UnprocessableError: `handler-died` if it was begun too often. If it is sent again, it has all its attempts.
            TransientError: the process died over it; try again. Or Redis is away.
        """
        name = key("detector", "attempts", tile)
        with redis_errors(), self._redis.pipeline() as change:
            begun, _, last = change.hincrby(name, BEGUN, 1).expire(name, FORGET).hget(name, LAST).execute()
        if begun > MOST:
            self._forget(name)
            known = last or "The detector itself ended each time before it could say why."
            raise UnprocessableError("handler-died", f"Given up after {MOST} attempts that did not end. {known}")
        try:
            yield
        except DiedError as error:
            with redis_errors():
                self._redis.hset(name, LAST, f"At attempt {begun}: {error}")
            raise TransientError(f"Attempt {begun} of {MOST} did not end. {error}") from error
        except BaseException:
            self._forget(name)
            raise
        self._forget(name)

    def _forget(self, name: str) -> None:
        with redis_errors():
            self._redis.delete(name)
