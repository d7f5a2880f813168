"""Operators' baselines than which a composite would be better. Only a person replaces them."""

import redis

from railwatch.services.detector import metrics
from railwatch.shared.state import key, redis_errors


class OutdatedBaselines:
    """The tiles of each site whose baseline an operator chose, and which is not the best any more."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, site: str, tile: str, *, outdated: bool) -> None:
        """Takes into account what an attempt to renew a baseline found.

        Raises:
            TransientError: Redis is away.
        """
        with redis_errors():
            (self._redis.sadd if outdated else self._redis.srem)(_key(site), tile)

    def report(self, sites: list[str]) -> None:
        """Brings the gauges of the sites up to date.

        Raises:
            TransientError: Redis is away; the gauges stay as they are.
        """
        with redis_errors(), self._redis.pipeline() as questions:
            for site in sites:
                questions.scard(_key(site))
            tiles = questions.execute()
        for site, number in zip(sites, tiles, strict=True):
            metrics.SITE_OUTDATED_BASELINES.labels(site).set(number)


def _key(site: str) -> str:
    return key("detector", "outdated-baselines", site)
