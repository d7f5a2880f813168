"""What one observation costs alerting with 10,000 sites: processor time by part, and the memory that a site takes.

The counts are simulated. The processor time is that of this process alone, which does what alerting does with a record
of Kafka: decode it, check it, put it into the archive (a directory), read the site's state, judge the look, write the
state and the alerts, encode them. Redis is a real server in a process of its own. On a busy machine the mean is above
the least by what others take of the caches.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import redis

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.keys import alert_key, site_key
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import decode, encode
from railwatch.shared.counts import Car, Quality, TileCount, TrackCount
from railwatch.shared.events import CountEvent
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import Site
from railwatch.shared.state import connect
from tests.support.alerting import blob, on_day, small_site

NOW = datetime(2031, 1, 1, tzinfo=UTC)
USUAL, SURGE = 9.0, 45.0
EVERY_DAYS = 5.0
SURGE_LOOKS = 20


# What Redis keeps of each site.
SITE_KEYS = ("record", "judgements", "scenes", "evidence", "caused", "alerts")


@dataclass(frozen=True)
class Cost:
    """Processor time of one observation, milliseconds."""

    decoding: float
    handling: float
    encoding: float


def count_of(site: str, look: int, count: float) -> CountEvent:
    """A count with its cars, as the detector sends it."""
    cars = tuple(Car(lon=130.6 + i * 1e-4, lat=42.4155, length_m=14.2, probability=0.97) for i in range(round(count)))
    low, high = max(0.0, count - 2), count + 2
    track = TrackCount(track="1", count=count, low=low, high=high, length_m=2000.0, occupied_m=14.2 * count, cars=cars)
    scene, at = f"scene-{site}-{look}", on_day(EVERY_DAYS * look)
    return CountEvent(
        recorded_at=at + timedelta(hours=2),
        site=site,
        tile="r0c0",
        scene=scene,
        tiles_in_scene=("r0c0",),
        observed_at=at,
        result=TileCount(
            count=count, low=low, high=high, coverage=1.0, quality=Quality.OK, algorithm="simulated", tracks=(track,)
        ),
        image=blob(f"{scene}/tile", "image/tiff"),
        evidence={name: blob(f"{scene}/{name}") for name in ("baseline", "tile", "difference", "cars")},
    )


def fill(client: redis.Redis, sites: dict[str, Site], archive: Archive, looks: int) -> tuple[str, str]:
    """Give every site a history; returns the ids of one that is quiet and of one with a standing alert.

    Both live through their history look by look. The other sites get copies of the quiet one's state.
    """
    quiet, surging, *others = sites
    handler = handler_of(client, sites, archive)
    rng = np.random.default_rng(1)
    for look in range(looks):
        handler.handle(count_of(quiet, look, float(rng.poisson(USUAL))))
        handler.handle(count_of(surging, look, float(rng.poisson(SURGE if look >= looks - SURGE_LOOKS else USUAL))))
    pipe: Any = client.pipeline(transaction=False)
    for site in others:
        for kind in SITE_KEYS:
            pipe.copy(site_key(kind, quiet), site_key(kind, site))
    pipe.execute()
    return quiet, surging


def handler_of(client: redis.Redis, sites: dict[str, Site], archive: Archive) -> CountHandler:
    """Alerting's handler at a fixed time."""
    return CountHandler(
        Store(client),
        sites,
        Rule(),
        timedelta(minutes=15),
        timedelta(minutes=10),
        "http://railwatch.example",
        lambda: NOW,
        archive,
    )


def costs(handler: CountHandler, events: Sequence[CountEvent]) -> Iterator[Cost]:
    """What each of the events costs."""
    for event in events:
        message = encode(event)
        started = time.process_time()
        read = decode(message.headers, message.value)
        decoded = time.process_time()
        assert isinstance(read, CountEvent)
        alerts = handler.handle(read)
        handled = time.process_time()
        for alert in alerts:
            encode(alert)
        yield Cost(*(1000 * s for s in (decoded - started, handled - decoded, time.process_time() - handled)))


def print_costs(found: dict[str, list[Cost]]) -> None:
    """Print the table of processor time."""
    print("| one observation of a site | decoding | handling | encoding | all: mean | median | least |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, some in found.items():
        parts = np.array([astuple(cost) for cost in some])
        all_ = parts.sum(axis=1)
        figures = [*parts.mean(axis=0), all_.mean(), np.median(all_), all_.min()]
        print(f"| {kind} | {' | '.join(f'{figure:.2f} ms' for figure in figures)} |")


def print_memory(client: Any, site: str, alerts: Sequence[str], site_bytes: float) -> None:
    """Print what the state of a site takes in Redis."""
    print(f"\nMemory in Redis: {site_bytes / 1000:.0f} kB per quiet site.\n\n| key | kB |\n| --- | --- |")
    for kind in SITE_KEYS:
        print(f"| {kind} | {(client.memory_usage(site_key(kind, site), samples=0) or 0) / 1000:.1f} |")
    for alert in alerts:
        events = client.hlen(alert_key(alert))
        held = client.memory_usage(alert_key(alert), samples=0) / 1000
        print(f"| an alert with {events} transitions | {held:.1f} |")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=300, help="looks in the life of each site")
    parser.add_argument("--observations", type=int, default=500, help="sites observed, each once")
    options = parser.parse_args()
    yard = small_site()
    names = [f"site-{number:05d}" for number in range(options.sites)]
    sites = {name: yard.model_copy(update={"id": name}) for name in names}
    rng = np.random.default_rng(2)
    with embedded_redis() as env, TemporaryDirectory() as directory:
        archive = Archive.open(BlobSettings(url=f"file://{directory}"))
        client: Any = connect(RedisSettings(url=env["RAILWATCH_REDIS_URL"]))
        empty = client.info("memory")["used_memory"]
        quiet, surging = fill(client, sites, archive, options.looks)
        site_bytes = (client.info("memory")["used_memory"] - empty) / len(sites)
        seen = [str(name) for name in rng.choice(names[2:], options.observations, replace=False)]
        handler = handler_of(client, sites, archive)
        first = [count_of(name, options.looks, float(rng.poisson(USUAL))) for name in seen]
        second = [count_of(name, options.looks + 1, float(rng.poisson(USUAL))) for name in seen]
        standing = [count_of(surging, options.looks + n, float(rng.poisson(SURGE))) for n in range(100)]
        print(f"Simulated: {options.sites} sites with {options.looks} looks each; processor time of one process.\n")
        print_costs(
            {
                "quiet, its first since the start": list(costs(handler, first)),
                "quiet": list(costs(handler, second)),
                "with a standing alert": list(costs(handler, standing)),
            }
        )
        print_memory(client, quiet, Store(client).alerts(surging)[:1], site_bytes)


if __name__ == "__main__":
    main()
