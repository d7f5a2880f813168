"""Ingest without a broker, for tests: what it publishes is a list."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import redis
from fastapi import FastAPI
from pydantic import SecretStr

from railwatch.services.ingest.http.api import make_app
from railwatch.services.ingest.http.standing import Alerting
from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import IngestSettings, SceneSettings
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus.lineage import Lineage, current_lineage
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.events import DeadLetter, Event, TileEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings
from railwatch.shared.sites import SiteCatalogue, load_sites
from tests.support.geotiff import write_site

TOKEN = "a-token-of-some-length"
ANYONE = Tokens(None, [SecretStr("another-token-altogether"), SecretStr(TOKEN)], [Scope.PUSH, Scope.BASELINE])


@dataclass
class StubRedis:
    """As much of Redis as claims need."""

    values: dict[str, tuple[str, timedelta]] = field(default_factory=dict)
    away: bool = False

    def get(self, name: str) -> str | None:
        self._answer()
        return self.values.get(name, (None,))[0]

    def set(self, name: str, value: str, ex: timedelta) -> None:
        self._answer()
        self.values[name] = value, ex

    def pass_time(self, time: timedelta) -> None:
        """What is kept for less is forgotten."""
        self.values = {name: (value, left - time) for name, (value, left) in self.values.items() if left > time}

    def _answer(self) -> None:
        if self.away:
            raise redis.ConnectionError("away")


@dataclass
class Desk:
    """Ingest with everything around it."""

    sites: SiteCatalogue
    limits: SceneSettings
    claims: Claims
    redis: StubRedis
    blobs: BlobStore = field(default_factory=lambda: BlobStore.open(BlobSettings(url="memory://")))
    published: list[Event] = field(default_factory=list)
    origins: list[Lineage | None] = field(default_factory=list)
    broker_is_away: bool = False
    settings: IngestSettings = field(default_factory=IngestSettings)

    def publish(self, *events: Event) -> None:
        if self.broker_is_away:
            raise NotPublishedError("Kafka did not acknowledge.")
        self.published += events
        self.origins.append(current_lineage())

    def intake(self) -> Intake:
        spool = Spool(self.limits.spool_bytes)
        return Intake(self.sites, self.limits, self.blobs, self.claims, self.publish, ("directory", "bucket"), spool)

    def app(self, tokens: Tokens = ANYONE) -> FastAPI:
        return make_app(self.intake(), tokens, Progress(), {}, Alerting(self.settings))

    @property
    def tiles(self) -> list[TileEvent]:
        return [event for event in self.published if isinstance(event, TileEvent)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [event for event in self.published if isinstance(event, DeadLetter)]


def desk_over(directory: Path, limits: SceneSettings | None = None, claims: Claims | None = None) -> Desk:
    """Ingest for the test site, whose files are written into `directory/sites`."""
    sites = directory / "sites"
    sites.mkdir(exist_ok=True)
    stub = StubRedis()
    return Desk(
        sites=load_sites(write_site(sites)),
        limits=limits or SceneSettings(),
        claims=claims or Claims(cast("redis.Redis", stub)),
        redis=stub,
    )
