"""Looks that did not match their baselines, by site. A site whose looks do not match is not being watched."""

import redis

from railwatch.services.detector import metrics
from railwatch.shared.counts import TileCount
from railwatch.shared.events import TileEvent
from railwatch.shared.state import key, redis_errors

# Reasons of a tile that did not match its baseline.
FAILURES = frozenset({"registration-unreliable", "shift-too-large", "wrong-place"})
# Looks that are remembered of a site. A site that never matches would fill Redis; three are enough for the alert.
MOST_LOOKS = 100


class UnregisteredLooks:
    """The scenes of each site that did not match, since the last one that did: the first `MOST_LOOKS` of them."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, look: TileEvent, count: TileCount) -> None:
        """Takes a look into account. Doing it again changes nothing.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            if FAILURES & set(count.reasons):
                if self._redis.scard(_key(look.site)) < MOST_LOOKS:
                    self._redis.sadd(_key(look.site), look.scene)
            elif count.registration is not None:
                self._redis.delete(_key(look.site))

    def report(self, sites: list[str]) -> None:
        """Brings the gauges of the sites up to date.

        Raises:
            TransientError: Redis is away; the gauges stay as they are.
        """
        with redis_errors(), self._redis.pipeline() as questions:
            for site in sites:
                questions.scard(_key(site))
            looks = questions.execute()
        for site, number in zip(sites, looks, strict=True):
            metrics.SITE_UNREGISTERED_LOOKS.labels(site).set(number)


def _key(site: str) -> str:
    return key("detector", "unregistered", site)
