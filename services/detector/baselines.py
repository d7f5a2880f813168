"""Which baseline a look is counted against: a pointer in Redis for each tile, its history, and what was decided.

A handler may be killed at any point and run again, even when there is a newer baseline by then. So the version that a
look is counted against is stored before it is counted, and does not change while it is remembered. Everything in Redis
can be made again from the topics (`rebuild`). Each count says what it was counted against and whether it became a
baseline, and a baseline that an operator gave is a tile event.
"""

from datetime import timedelta
from itertools import chain
from typing import Literal

import redis

from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import CountEvent, TileEvent, derived_id
from railwatch.shared.state import key, redis_errors

# How long a decision is remembered. A look that is repeated later is counted against the baseline of that day.
REMEMBER = timedelta(days=90)

Origin = Literal["first-good-look", "operator"]


class Baselines:
    """The baselines of all tiles."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def of_look(self, look: TileEvent) -> BaselineRef | None:
        """The baseline that a look is counted against; None where there is no baseline yet.

        A repetition gives the same. A look that itself became a baseline is counted against the one before.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            versions = self._versions(look)
            own = next((ref.version for ref in versions if is_of(ref, look)), None)
            current = versions[-1].version if versions else 0
            wanted = current if own is None else own - 1
            decision = _decision_key(look)
            self._redis.set(decision, wanted, nx=True, ex=REMEMBER)
            decided = int(self._redis.get(decision) or wanted)
        return next((ref for ref in versions if ref.version == decided), None)

    def adopt(self, tile: TileEvent, origin: Origin) -> BaselineRef | None:
        """Makes a tile the baseline of the looks that follow.

        The baseline is adopted once. Doing it again returns the same version. Only an operator's tile replaces an
        earlier baseline; for any other tile the result is then None.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            while True:
                versions = self._versions(tile)
                known = next((ref for ref in versions if is_of(ref, tile) and ref.origin == origin), None)
                if known or (versions and origin == "first-good-look"):
                    return known
                ref = baseline_of(tile, len(versions) + 1, origin)
                if self._redis.hsetnx(_versions_key(tile.site, tile.tile), str(ref.version), ref.model_dump_json()):
                    return ref

    def restore(self, site: str, tile: str, versions: list[BaselineRef], looks: list[CountEvent]) -> None:
        """Replaces the stored history of a tile's baselines, and the decisions about its looks.

        Raises:
            TransientError: Redis is away.
        """
        name = _versions_key(site, tile)
        with redis_errors(), self._redis.pipeline() as change:
            change.delete(name)
            if versions:
                change.hset(name, mapping={str(ref.version): ref.model_dump_json() for ref in versions})
            for look in looks:
                change.set(_decision_key(look), look.baseline.version if look.baseline else 0, ex=REMEMBER)
            change.execute()

    def _versions(self, tile: TileEvent) -> list[BaselineRef]:
        """The history of a tile's baselines, oldest first."""
        stored: dict[str, str] = self._redis.hgetall(_versions_key(tile.site, tile.tile))  # type: ignore[assignment]
        return sorted((BaselineRef.model_validate_json(ref) for ref in stored.values()), key=lambda ref: ref.version)


def holds_state(client: redis.Redis) -> bool:
    """Whether Redis holds baselines, or decisions about looks.

    Raises:
        TransientError: Redis is away.
    """
    with redis_errors():
        kinds = (client.scan_iter(key("detector", kind, "*"), count=1000) for kind in ("baselines", "look"))
        return next(chain.from_iterable(kinds), None) is not None


def baseline_of(tile: TileEvent, version: int, origin: Origin) -> BaselineRef:
    """A tile as a baseline."""
    return BaselineRef(
        id=derived_id("baseline", tile.site, tile.tile, tile.image.sha256),
        version=version,
        image=tile.image,
        observed_at=tile.observed_at,
        scene=tile.scene,
        origin=origin,
        sender=tile.sender,
    )


def is_of(ref: BaselineRef, tile: TileEvent) -> bool:
    """Whether a baseline was made from this look."""
    return ref.image.sha256 == tile.image.sha256 and ref.observed_at == tile.observed_at


def _versions_key(site: str, tile: str) -> str:
    return key("detector", "baselines", site, tile)


def _decision_key(look: TileEvent | CountEvent) -> str:
    """The same for a look and for the count made of it."""
    name = derived_id(look.site, look.tile, look.observed_at.isoformat(), look.image.sha256)
    return key("detector", "look", name)
