"""Which baseline a look is counted against: a pointer in Redis for each tile, its history, and what was decided.

A handler may be killed at any point and run again, even when there is a newer baseline by then. So the version that a
look is counted against is stored before it is counted, and does not change while it is remembered. A version is never
changed or removed: to forget a baseline is a version without one.

Every change is an event (`BaselineEvent`). It is written together with the change, and stays in Redis until it is
published. Everything in Redis can be made again from the topics (`rebuild`).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Literal

import redis
from obstore.store import ObjectStore

from railwatch.shared.baseline_versions import keep_version
from railwatch.shared.bus import Publisher
from railwatch.shared.counts import BaselineRef
from railwatch.shared.events import BaselineChange, BaselineEvent, CountEvent, TileEvent, derived_id
from railwatch.shared.events.acts import act_on_baseline
from railwatch.shared.state import key, redis_errors

# How long a decision is remembered. A look that is repeated later is counted against the baseline of that day.
REMEMBER = timedelta(days=90)

# What is stored of a version without a baseline.
FORGOTTEN = "forgotten"

Origin = Literal["first-good-look", "operator"]
Versions = Mapping[int, BaselineRef | None]


class Baselines:
    """The baselines of all tiles."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client  # redis-py's types do not know that the client decodes what it gets

    def of_look(self, look: TileEvent) -> BaselineRef | None:
        """The baseline that a look is counted against; None where there is no baseline yet.

        A repetition gives the same. A look that itself became a baseline is counted against the one before.

        Raises:
            TransientError: Redis is away.
        """
        versions = self.versions(look.site, look.tile)
        own = next((version for version, ref in versions.items() if ref and is_of(ref, look)), None)
        wanted = max(versions, default=0) if own is None else own - 1
        decision = _decision_key(look)
        with redis_errors(), self._redis.pipeline() as change:
            _, decided = change.set(decision, wanted, nx=True, ex=REMEMBER).get(decision).execute()
        return versions.get(int(decided))

    def versions(self, site: str, tile: str) -> Versions:
        """Every version of a tile's baseline in order; None for one from which on there was no baseline.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            stored: dict[str, str] = self._redis.hgetall(_versions_key(site, tile))
        read = {
            int(version): None if text == FORGOTTEN else BaselineRef.model_validate_json(text)
            for version, text in stored.items()
        }
        return dict(sorted(read.items()))

    def adopt(self, tile: TileEvent, origin: Origin, by: str, why: str) -> BaselineRef | None:
        """Makes a tile the baseline of the looks that follow.

        The baseline is adopted once. Doing it again returns the same version. Only an operator's tile replaces an
        earlier baseline; for any other tile the result is then None.

        Raises:
            TransientError: Redis is away.
        """
        while True:
            versions = self.versions(tile.site, tile.tile)
            version = max(versions, default=0)
            known = next((ref for ref in versions.values() if ref and is_of(ref, tile) and ref.origin == origin), None)
            if known or (versions.get(version) and origin == "first-good-look"):
                return known
            ref = baseline_of(tile, version + 1, origin)
            if self.change(
                BaselineEvent(
                    recorded_at=datetime.now(UTC),
                    site=tile.site,
                    tile=tile.tile,
                    change=BaselineChange.SET,
                    version=ref.version,
                    baseline=ref,
                    by=by,
                    why=why,
                )
            ):
                return ref

    def change(self, event: BaselineEvent, since: Collection[str] | None = None) -> bool:
        """Takes in an event: its version, the looks that it considered, and itself until it is published.

        Args:
            event: of a new version, or of the current one, which stays.
            since: the looks that had been considered when the event came about, if it may not come after others.

        Returns:
            Whether it did. Doing it again changes nothing. Nor does an event that comes too late, because another
            process was faster: its version is not the next one, or not the current one, or other looks are considered.

        Raises:
            TransientError: Redis is away.
        """
        versions, considered = _versions_key(event.site, event.tile), considered_key(event.site, event.tile)
        stays = event.change is BaselineChange.KEPT

        def write(pipe: Any) -> bool:
            current = max(map(int, pipe.hkeys(versions)), default=0)
            in_time = event.version == (current if stays else current + 1)
            in_time &= since is None or pipe.smembers(considered) == set(since)
            pipe.multi()
            if in_time:
                if not stays:
                    ref = event.baseline.model_dump_json() if event.baseline else FORGOTTEN
                    pipe.hset(versions, str(event.version), ref)
                if event.considered:
                    pipe.delete(considered)
                    pipe.sadd(considered, *event.considered)
                pipe.hset(_unpublished_key(), event.id, event.model_dump_json())
            return in_time

        with redis_errors():
            return bool(self._redis.transaction(write, versions, considered, value_from_callable=True))

    def unpublished(self) -> list[BaselineEvent]:
        """The events that were not published yet.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            kept: list[str] = self._redis.hvals(_unpublished_key())
        return sorted(map(BaselineEvent.model_validate_json, kept), key=lambda event: event.recorded_at)

    def publish(self, publisher: Publisher, objects: ObjectStore) -> None:
        """Publishes the events that were kept, each with the record of the act if a person decided it by the command.

        What changes a version is in the object store before, for the pages.

        Raises:
            TransientError: Redis, Kafka or the object store is away. What was not published stays.
        """
        for event in self.unpublished():
            keep_version(objects, event)
            publisher.publish(event, *([act_on_baseline(event)] if event.by_command else []))
            with redis_errors():
                self._redis.hdel(_unpublished_key(), event.id)

    def restore(self, site: str, tile: str, versions: Versions) -> None:
        """Replaces the stored history of a tile's baselines.

        Raises:
            TransientError: Redis is away.
        """
        name = _versions_key(site, tile)
        stored = {str(version): ref.model_dump_json() if ref else FORGOTTEN for version, ref in versions.items()}
        with redis_errors(), self._redis.pipeline() as change:
            change.delete(name)
            if stored:
                change.hset(name, mapping=stored)
            change.execute()

    def remember(self, decisions: Iterable[tuple[CountEvent, int]]) -> None:
        """Notes which number looks were counted against, whatever was noted before.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors(), self._redis.pipeline() as change:
            for look, number in decisions:
                change.set(_decision_key(look), number, ex=REMEMBER)
            change.execute()

    def unpublished_of(self, site: str, tile: str) -> list[BaselineEvent]:
        """The events of one tile that were not published yet.

        Raises:
            TransientError: Redis is away.
        """
        return [event for event in self.unpublished() if (event.site, event.tile) == (site, tile)]


def holds_state(client: redis.Redis) -> bool:
    """Whether Redis holds baselines, or decisions about looks.

    Raises:
        TransientError: Redis is away.
    """
    with redis_errors():
        kinds = (client.scan_iter(key("detector", kind, "*"), count=1000) for kind in ("baselines", "look"))
        return next(chain.from_iterable(kinds), None) is not None


def baseline_of(tile: TileEvent, version: int, origin: str) -> BaselineRef:
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


def considered_key(site: str, tile: str) -> str:
    """Where the looks are that the last composite of a tile was made of, or could have been."""
    return key("detector", "considered-looks", site, tile)


def _unpublished_key() -> str:
    return key("detector", "unpublished-baselines")


def _decision_key(look: TileEvent | CountEvent) -> str:
    """The same for a look and for the count made of it."""
    name = derived_id(look.site, look.tile, look.observed_at.isoformat(), look.image.sha256)
    return key("detector", "look", name)
