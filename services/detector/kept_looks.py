"""The last good looks of each tile, from which its baseline is renewed, and whether enough of them are new."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import redis

from railwatch.services.detector.baselines import considered_key
from railwatch.services.detector.composites.looks import MOST_LOOKS, GoodLook, in_order, is_due
from railwatch.shared.state import key, redis_errors


class KeptLooks:
    """The good looks of all tiles."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets

    def keep(self, site: str, tile: str, look: GoodLook) -> None:
        """Keeps a good look. The oldest goes if there are too many. Doing it again changes nothing.

        Raises:
            TransientError: Redis is away.
        """
        name = _looks_key(site, tile)
        with redis_errors(), self._redis.pipeline() as change:
            _, kept = change.hset(name, look.image.sha256, look.model_dump_json()).hlen(name).execute()
        surplus = [old.image.sha256 for old in self._all(site, tile)[:-MOST_LOOKS]] if kept > MOST_LOOKS else ()
        if surplus:
            with redis_errors():
                self._redis.hdel(name, *surplus)

    def of(self, site: str, tile: str) -> list[GoodLook]:
        """The last good looks of a tile, oldest first.

        Raises:
            TransientError: Redis is away.
        """
        return self._all(site, tile)[-MOST_LOOKS:]

    def _all(self, site: str, tile: str) -> list[GoodLook]:
        """Also those that are about to go."""
        with redis_errors():
            stored: list[str] = self._redis.hvals(_looks_key(site, tile))
        return sorted(map(GoodLook.model_validate_json, stored), key=in_order)

    def restore(self, site: str, tile: str, looks: Sequence[GoodLook], considered: Iterable[str] = ()) -> None:
        """Replaces what is kept of a tile.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors(), self._redis.pipeline() as change:
            change.delete(_looks_key(site, tile), considered_key(site, tile))
            if checksums := list(considered):
                change.sadd(considered_key(site, tile), *checksums)
            change.execute()
        for look in looks:
            self.keep(site, tile, look)

    def due_since(self, site: str, tile: str) -> Collection[str] | None:
        """The looks that were considered the last time, if a tile's baseline is due for renewal; None if it is not.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors(), self._redis.pipeline() as questions:
            kept, considered = questions.hkeys(_looks_key(site, tile)).smembers(considered_key(site, tile)).execute()
        return considered if is_due(kept, considered) else None


def _looks_key(site: str, tile: str) -> str:
    return key("detector", "kept-looks", site, tile)
