"""Memory of each service over many looks, for `tests.benchmarks.load`.

Each service gets looks of its own, as fast as it takes them. Those of the detector are small: what they leave behind
does not depend on their size. Counts for alerting go straight into their topic.
"""

import time
from collections.abc import Callable

import numpy as np

from railwatch.shared.bus import Publisher
from tests.benchmarks.load_flow import COUNTING, SITES, is_counted, is_judged, pids, spent
from tests.benchmarks.processes import resident_mb
from tests.chaos import scenes
from tests.chaos.traffic import Traffic, past_counts
from tests.chaos.world import World
from tests.support.bus import eventually

# Looks between two readings of memory.
BATCH = 20
# Days of the looks of the soak, after those of all other parts: those of which only alerting knows, and the others.
COUNTED_FROM, PUSHED_FROM = 400, 1400


def measure_memory(world: World, traffic: Traffic, looks: int, minutes: float) -> None:
    """Print memory of each service over so many looks, or as many as it takes in so many minutes."""
    print("\n| memory of | looks | at first, MB | in the middle | at last | each further 1,000, second half |", end="")
    print(" processor time of a look, second half, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    _soak(world, ("alerting",), looks, minutes, lambda first: _count(world, first))
    _soak(world, ("ingest", "detector", COUNTING), looks, minutes, lambda first: _push(world, traffic, first))


def _soak(world: World, services: tuple[str, ...], looks: int, minutes: float, take: Callable[[int], None]) -> None:
    done, memory, used = [], [], []
    until = time.monotonic() + 60 * minutes
    for first in range(0, looks, BATCH):
        take(first)
        found = pids(world)
        done.append(first + BATCH)
        used.append([spent(world)[service] for service in services])
        memory.append([sum(map(resident_mb, found[service])) for service in services])
        if time.monotonic() > until:
            break
    half, looked = len(done) // 2, np.array(done)
    for number, service in enumerate(services):
        mb, seconds = np.array(memory)[:, number], np.array(used)[:, number]
        slope = np.polyfit(looked[half:], mb[half:], 1)[0] * 1000 if len(done) - half > 2 else np.nan
        each = (seconds[-1] - seconds[half]) / max(1, looked[-1] - looked[half])
        row = f"{service} | {looked[-1]} | {mb[0]:.0f} | {mb[half]:.0f} | {mb[-1]:.0f} | {slope:+.1f} | {each:.3f}"
        print(f"| {row} |", flush=True)


def _place(index: int, first_day: int) -> tuple[int, str, int]:
    number, day = index % SITES, first_day + index // SITES
    return number, scenes.names(SITES)[number], day


def _count(world: World, first: int) -> None:
    """Looks of which only alerting knows: their counts."""
    publisher = Publisher(world.kafka_settings)
    looks = [(site, day) for _, site, day in (_place(first + index, COUNTED_FROM) for index in range(BATCH))]
    for site, day in looks:
        publisher.publish(*past_counts(site, day, float(day % 3)))
    publisher.close()
    eventually(lambda: all(is_judged(world, site, f"{site}-{day:04d}") for site, day in looks), "all looks are judged")


def _push(world: World, traffic: Traffic, first: int) -> None:
    names = []
    for index in range(first, first + BATCH):
        number, site, day = _place(index, PUSHED_FROM)
        names.append(f"{site}-{day:04d}")
        traffic.send(number, names[-1], day, scenes.scene(number, day, scenes.QUIET)).raise_for_status()
    eventually(lambda: all(is_counted(world, name) for name in names), "all scenes are counted")
