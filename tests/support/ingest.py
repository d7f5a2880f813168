"""Ingest without a broker, for tests: what it publishes is a list."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import redis
from fastapi import FastAPI
from pydantic import SecretStr

from railwatch.services.ingest.http.api import make_app
from railwatch.services.ingest.http.standing import Alerting
from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import IngestSettings, SceneSettings
from railwatch.services.ingest.sources.forms import StacSource
from railwatch.services.ingest.sources.stac import PolledCatalogue
from railwatch.services.ingest.sources.turns import Turns
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus.lineage import Lineage, current_lineage
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.events import DeadLetter, Event, TileEvent, derived_id
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings
from railwatch.shared.sites import SiteCatalogue, load_sites
from tests.support.geotiff import write_site

TOKEN = "a-token-of-some-length"
ANYONE = Tokens(None, [SecretStr("another-token-altogether"), SecretStr(TOKEN)], [Scope.PUSH, Scope.BASELINE])


@dataclass
class StubRedis:
    """As much of Redis as claims and turns need."""

    values: dict[str, tuple[str, timedelta]] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    away: bool = False

    def get(self, name: str) -> str | None:
        self._answer()
        return self.values.get(name, (None,))[0]

    def set(
        self, name: str, value: str, ex: timedelta | None = None, nx: bool = False, px: int | None = None
    ) -> bool | None:
        self._answer()
        if nx and name in self.values:
            return None
        kept_for = timedelta(milliseconds=px) if px else ex
        self.values[name] = value, kept_for or timedelta.max
        return True

    def delete(self, name: str) -> None:
        self._answer()
        self.values.pop(name, None)

    def pexpire(self, name: str, left_ms: int) -> None:
        self.values[name] = self.values[name][0], timedelta(milliseconds=left_ms)

    def hset(self, name: str, field: str, value: object) -> None:
        self.hashes.setdefault(name, {})[field] = str(value)

    def hgetall(self, name: str) -> dict[str, str]:
        self._answer()
        return dict(self.hashes.get(name, {}))

    def multi(self) -> None:
        """From here on a pipeline would collect commands."""

    def transaction(self, attempt: Callable[["StubRedis"], bool], *watched: str, value_from_callable: bool) -> bool:
        self._answer()
        return attempt(self)

    def pass_time(self, time: timedelta) -> None:
        """What is kept for less is forgotten."""
        kept = {name: (value, left) for name, (value, left) in self.values.items() if left > time}
        self.values = {
            name: (value, left if left == timedelta.max else left - time) for name, (value, left) in kept.items()
        }

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

    def turns(self, source: str) -> Turns:
        return Turns(cast("redis.Redis", self.redis), source)

    def poll_api(self, source: StacSource) -> bool:
        """One poll of a STAC API, by a replica whose turn it is."""
        turns = self.turns(source.name)
        with turns.taken(threading.Event()) as ends:
            assert ends is not None
            return PolledCatalogue(source, self.intake(), turns).poll(ends)

    def app(self, tokens: Tokens = ANYONE) -> FastAPI:
        return make_app(self.intake(), tokens, Progress(), {}, Alerting(self.settings))

    @property
    def tiles(self) -> list[TileEvent]:
        return [event for event in self.published if isinstance(event, TileEvent)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [event for event in self.published if isinstance(event, DeadLetter)]


def secret(value: str) -> dict[str, str]:
    """A reference to a secret."""
    name = f"SECRET_{derived_id(value)[:8]}"
    os.environ[name] = value
    return {"env": name}


def stac_source(url: str, token: str | None = None, **given: Any) -> StacSource:
    """A STAC API as a source of the name `stac`."""
    credentials = {url: {"bearer": secret(token)}} if token else {}
    form = {"name": "stac", "kind": "stac", "url": url, "credentials": credentials}
    return StacSource.model_validate({**form, **given})


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
