"""Alerting's app over a rendered yard with its pictures, a site whose alert stands, and as many others as wanted."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image
from pydantic import SecretStr

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.detector.composites.looks import StandingCar
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.baseline_versions import keep_version
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef, Car, CarKind, Quality, Registration, TileCount, TrackCount
from railwatch.shared.events import BaselineChange, BaselineEvent, CountEvent
from railwatch.shared.events.baselines import ITSELF
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.sites import PackedSites, Site
from railwatch.shared.state import connect
from tests.support.alerting import count_event, small_site
from tests.support.yard_looks import cars_in, yard

TOKEN = "a-token-of-the-duty-desk"
NOW = datetime(2023, 12, 1, tzinfo=UTC)
# The looks at the yard.
SCENES = tuple(f"look-{number}" for number in range(1, 6))


@dataclass(frozen=True)
class Watched:
    """The app, and what is behind it."""

    app: FastAPI
    store: Store
    blobs: BlobStore
    sites: dict[str, Site]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The app answers while the block lasts."""
        with serve(self.app, HttpSettings(port=0)) as url:
            yield url


def watched(redis: RedisSettings, others: int = 0, *, alert: bool = True) -> Watched:
    """The app over `yard`, which has five looks with pictures, and `tumangang`, whose alert stands.

    Args:
        redis: an empty one.
        others: further sites, all over the world, that were never seen.
        alert: whether `tumangang` is there.
    """
    store, blobs = Store(connect(redis)), BlobStore.open(BlobSettings(url="memory://"))
    site = yard()[0].site
    sites = {site.id: site, **({"tumangang": small_site()} if alert else {}), **_others(others)}
    handler = CountHandler(
        store, sites, Rule(), timedelta(minutes=15), timedelta(minutes=10), "http://127.0.0.1", lambda: NOW,
        Archive(blobs.objects),
    )  # fmt: skip
    for event in counts_of_yard(blobs):
        handler.handle(event)
        if event.baseline:
            keep_version(blobs.objects, became(event.baseline, event.baseline.observed_at))
    if alert:
        for look in range(20):
            handler.handle(count_event(3 * look, 6 + (look * 7) % 5))
        for day, count in ((63, None), (66, 30), (69, 70)):
            handler.handle(count_event(day, count))
    tokens = Tokens(None, [SecretStr(TOKEN)], Scope)
    known = PackedSites.of(*sites.values()) if others else sites
    return Watched(make_app(store, known, blobs, tokens, Progress(), {}), store, blobs, sites)


def became(ref: BaselineRef, at: datetime, tile: str = "r0c0", why: str = "first-good-look") -> BaselineEvent:
    """The event that a tile of the yard has a baseline."""
    change = BaselineChange.SET if ref.version == 1 else BaselineChange.RENEWED
    return BaselineEvent(
        recorded_at=at, site="yard", tile=tile, change=change, version=ref.version, baseline=ref, by=ITSELF, why=why
    )


def counts_of_yard(blobs: BlobStore) -> list[CountEvent]:
    """What a perfect detector counts at the yard, with the tile's picture as evidence."""
    _, looks = yard()
    found = []
    baseline = None
    for scene, look in zip(SCENES, looks, strict=True):
        at, image = look.picture.look.observed_at, blobs.put(look.file, "image/tiff")
        cars = cars_in(look)
        picture = blobs.put(jpeg(look.picture.pixels), "image/jpeg")
        found.append(
            CountEvent(
                recorded_at=at + timedelta(hours=3),
                site="yard",
                tile="r0c0",
                scene=scene,
                tiles_in_scene=("r0c0",),
                observed_at=at,
                sensor="rendered",
                result=TileCount(
                    count=len(cars),
                    low=len(cars) - 1,
                    high=len(cars) + 2,
                    coverage=1.0,
                    quality=Quality.OK,
                    registration=Registration(dx_px=1.5, dy_px=-0.5, rotation_deg=0.0, reliability=0.9),
                    tracks=by_track(cars),
                    algorithm="perfect 1",
                ),
                image=image,
                baseline=baseline,
                evidence={"tile": picture, "cars": picture, "difference": picture},
            )
        )
        baseline = baseline or BaselineRef(
            id="b1", version=1, image=image, observed_at=at, scene=scene, origin="first-good-look"
        )
    return found


def by_track(cars: tuple[StandingCar, ...], length_m: float = 150.0) -> tuple[TrackCount, ...]:
    """The counts of tracks with cars, all of one length in the tile."""
    tracks = sorted({car.track for car in cars})
    return tuple(
        TrackCount(
            track=track,
            count=len(here),
            low=len(here) - 1,
            high=len(here) + 1,
            length_m=length_m,
            occupied_m=sum(car.length_m for car in here),
            cars=tuple(
                Car(lon=car.lon, lat=car.lat, length_m=car.length_m, probability=0.97, kind=CarKind.TANK,
                    kind_probability=0.8)
                for car in here
            ),
        )
        for track in tracks
        if (here := [car for car in cars if car.track == track])
    )  # fmt: skip


def jpeg(pixels: NDArray[Any]) -> bytes:
    """A picture for evidence."""
    made = io.BytesIO()
    Image.fromarray(pixels[:3].transpose(1, 2, 0).astype(np.uint8)).save(made, "JPEG")
    return made.getvalue()


@cache
def _others(many: int) -> dict[str, Site]:
    """Sites on a grid over all continents, each a copy of the small one."""
    sites = {}
    for number in range(many):
        lon, lat = -170 + 340 * (number * 0.618034 % 1), -50 + 110 * (number / max(many, 1))
        name = f"site-{number:05}"
        move = lon - 130.61, lat - 42.416
        site = small_site(name)
        sites[name] = site.model_copy(
            update={
                "name": f"Yard {number:05}",
                "area": tuple((x + move[0], y + move[1]) for x, y in site.area),
                "tracks": tuple(
                    track.model_copy(
                        update={"coordinates": tuple((x + move[0], y + move[1]) for x, y in track.coordinates)}
                    )
                    for track in site.tracks
                ),
            }
        )
    return sites
