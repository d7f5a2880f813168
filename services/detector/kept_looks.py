"""The last good looks of each tile, from which its baseline is renewed, and which of them were already considered."""

from collections.abc import Iterable, Sequence
from typing import Any

import redis

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
        surplus = [old.image.sha256 for old in self.of(site, tile)[:-MOST_LOOKS]] if kept > MOST_LOOKS else ()
        if surplus:
            with redis_errors():
                self._redis.hdel(name, *surplus)

    def of(self, site: str, tile: str) -> list[GoodLook]:
        """The good looks of a tile, oldest first.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            stored: list[str] = self._redis.hvals(_looks_key(site, tile))
        return sorted(map(GoodLook.model_validate_json, stored), key=in_order)

    def consider(self, site: str, tile: str, looks: Iterable[str]) -> None:
        """Notes that a composite of these looks was made or tried.

        Raises:
            TransientError: Redis is away.
        """
        name = _considered_key(site, tile)
        with redis_errors(), self._redis.pipeline() as change:
            change.delete(name)
            change.sadd(name, *looks)
            change.execute()

    def restore(self, site: str, tile: str, looks: Sequence[GoodLook], considered: Iterable[str] = ()) -> None:
        """Replaces what is kept of a tile.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            self._redis.delete(_looks_key(site, tile), _considered_key(site, tile))
        for look in looks:
            self.keep(site, tile, look)
        if checksums := list(considered):
            self.consider(site, tile, checksums)

    def is_due(self, site: str, tile: str) -> bool:
        """Whether a tile's baseline is due for renewal.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors(), self._redis.pipeline() as questions:
            looks, considered = _looks_key(site, tile), _considered_key(site, tile)
            return is_due(*questions.hkeys(looks).smembers(considered).execute())


def _looks_key(site: str, tile: str) -> str:
    return key("detector", "kept-looks", site, tile)


def _considered_key(site: str, tile: str) -> str:
    return key("detector", "considered-looks", site, tile)
