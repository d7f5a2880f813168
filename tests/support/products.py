"""An alerting service with sites at two places, looks and cars, for tests of products."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Car, CarKind, TrackCount
from railwatch.shared.events import CountEvent
from railwatch.shared.settings import BlobSettings
from railwatch.shared.sites import Site, Track
from tests.support.alerting import RECORDED, count_event, small_site

PUBLIC_URL = "http://railwatch.example"
SPAN = timedelta(minutes=10)
# How far the second place lies to the east of the first, degrees.
AWAY = 5.0


def place(site: str, east: float = 0.0) -> Site:
    """The small site, some degrees further east."""
    found = small_site(site)
    moved = [(lon + east, lat) for lon, lat in found.area]
    tracks = [
        Track(id=track.id, coordinates=tuple((lon + east, lat) for lon, lat in track.coordinates))
        for track in found.tracks
    ]
    return found.model_copy(update={"area": tuple(moved), "tracks": tuple(tracks)})


SITES = {"najin": place("najin"), "tumangang": place("tumangang", AWAY), "unseen": place("unseen", 2 * AWAY)}


def cars_event(day: float, cars: int, *, site: str = "tumangang", **fields: Any) -> CountEvent:
    """A count with its cars, every 20 m on track 1."""
    lon, lat = SITES[site].tracks[0].coordinates[0]
    found = tuple(
        Car(
            lon=lon + 0.0005 + 0.00025 * number,
            lat=lat,
            length_m=14.2,
            probability=0.97,
            along_m=40.0 + 20 * number,
            kind=CarKind.TANK if number % 2 else None,
            kind_probability=0.8 if number % 2 else None,
        )
        for number in range(cars)
    )
    track = TrackCount(
        track="1", count=cars, low=max(0, cars - 2), high=cars + 2, length_m=2000, occupied_m=14.2 * cars, cars=found
    )
    return count_event(day, float(cars), site=site, tracks=[track], **fields)


@dataclass(frozen=True)
class World:
    """An alerting service that has taken counts in."""

    store: Store
    blobs: BlobStore
    handler: CountHandler
    products: Products

    def take(self, counts: Iterable[CountEvent]) -> None:
        """Take counts in."""
        for count in counts:
            self.handler.handle(count)


def world(client: redis.Redis, url: str = "memory://", sites: Mapping[str, Site] = SITES) -> World:
    """An alerting service with an object store at an address."""
    store, blobs = Store(client), BlobStore.open(BlobSettings(url=url))
    archive = Archive(blobs.objects)
    handler = CountHandler(store, sites, Rule(), timedelta(minutes=15), SPAN, PUBLIC_URL, lambda: RECORDED, archive)
    return World(store, blobs, handler, Products(store, sites, archive, SPAN, PUBLIC_URL))
