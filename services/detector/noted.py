"""What Redis notes of each site as a set, and the gauges that tell how much that is."""

from collections.abc import Collection
from typing import ClassVar

import redis
from prometheus_client import Gauge

from railwatch.services.detector import metrics
from railwatch.shared.counts import TileCount
from railwatch.shared.events import TileEvent
from railwatch.shared.state import key, redis_errors

# Reasons of a tile that did not match its baseline.
FAILURES = frozenset({"registration-unreliable", "shift-too-large", "wrong-place"})
# Looks that are remembered of a site. A site that never matches would fill Redis; three are enough for the alert.
MOST_LOOKS = 100


class NotedBySite:
    """A set of names for each site."""

    KIND: ClassVar[str]
    GAUGE: ClassVar[Gauge]

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._reported: frozenset[str] = frozenset()

    def report(self, sites: Collection[str]) -> None:
        """Brings the gauges of the sites up to date. Those of other sites end.

        Raises:
            TransientError: Redis is away; the gauges stay as they are.
        """
        with redis_errors(), self._redis.pipeline() as questions:
            for site in sites:
                questions.scard(self._key(site))
            noted = questions.execute()
        for site, number in zip(sites, noted, strict=True):
            self.GAUGE.labels(site).set(number)
        for site in self._reported.difference(sites):
            self.GAUGE.remove(site)
        self._reported = frozenset(sites)

    def _key(self, site: str) -> str:
        return key("detector", self.KIND, site)


class UnregisteredLooks(NotedBySite):
    """The scenes of each site that did not match, since the last one that did: the first `MOST_LOOKS` of them.

    A site whose looks do not match is not being watched.
    """

    KIND = "unregistered"
    GAUGE = metrics.SITE_UNREGISTERED_LOOKS

    def note(self, look: TileEvent, count: TileCount) -> None:
        """Takes a look into account. Doing it again changes nothing.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            if FAILURES & set(count.reasons):
                if self._redis.scard(self._key(look.site)) < MOST_LOOKS:
                    self._redis.sadd(self._key(look.site), look.scene)
            elif count.registration is not None:
                self._redis.delete(self._key(look.site))


class OutdatedBaselines(NotedBySite):
    """The tiles of each site whose baseline an operator chose, and than which a composite would be better."""

    KIND = "outdated-baselines"
    GAUGE = metrics.SITE_OUTDATED_BASELINES

    def note(self, site: str, tile: str, *, outdated: bool) -> None:
        """Takes into account what an attempt to renew a baseline found.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            (self._redis.sadd if outdated else self._redis.srem)(self._key(site), tile)
