"""How late counts and alerts are at half load, and memory over many looks, for `tests.benchmarks.load`."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.load_flow import GSD_M, SERVICES, SITES, Work, at_full_load, pid_of, work
from tests.chaos import scenes
from tests.chaos.traffic import PAST_LOOKS, Traffic
from tests.chaos.world import World
from tests.support.bus import PATIENCE_S

# How often alerting is asked whether a look is judged. A latency is known to half of this.
ASK_EVERY_S = 0.05
SENDERS = 8
# So many looks of every second site are quiet, then so many full of cars.
STORY = 3
# Looks between two readings of memory.
BATCH = 20


@dataclass(frozen=True)
class Latencies:
    """Seconds from the beginning of a push: until its look was judged, and until the webhook had its step, if any."""

    judged_s: NDArray[np.float64]
    delivered_s: NDArray[np.float64]


def story(first: int, count: int) -> list[Work]:
    """Scenes in turn over all sites. Alerts of every second one are opened, updated and resolved."""
    found = []
    for index in range(first, first + count):
        number, day = index % SITES, PAST_LOOKS + index // SITES
        regime = scenes.SURGE if number % 2 and (day // STORY) % 2 else scenes.QUIET
        image = scenes.scene(number, day, regime, GSD_M)
        found.append(Work(number, f"{scenes.names(SITES)[number]}-{day:04d}", day, image))
    return found


def at_pace(world: World, traffic: Traffic, todo: Sequence[Work], every_s: float) -> Latencies:
    """Push one scene after the other at a steady pace, and see when each is judged and delivered."""
    start = time.monotonic()

    def follow(index: int) -> tuple[tuple[str, str], float, float]:
        one = todo[index]
        time.sleep(max(0.0, start + index * every_s - time.monotonic()))
        began = time.monotonic()
        traffic.send(one.number, one.scene, one.day, one.image).raise_for_status()
        site = scenes.names(SITES)[one.number]
        while not _is_judged(world, site, one.scene):
            if time.monotonic() - began > PATIENCE_S:
                raise TimeoutError(f"{one.scene} is not judged")
            time.sleep(ASK_EVERY_S)
        return (site, scenes.on_day(one.day).isoformat()), began, time.monotonic() - began

    with ThreadPoolExecutor(SENDERS) as senders:
        followed = list(senders.map(follow, range(len(todo))))
    time.sleep(2.0)  # the last steps are on their way
    began = {look: at for look, at, _ in followed}
    steps = [step for step in world.desk.taken if "look" in step.data]  # others tell of looks that are missed
    delivered = [
        step.at_s - began[look]
        for step in steps
        if (look := (step.data["site"], step.data["look"]["observed_at"].replace("Z", "+00:00"))) in began
    ]
    return Latencies(np.array([took for _, _, took in followed]), np.array(delivered))


def _is_judged(world: World, site: str, scene: str) -> bool:
    answer = httpx.get(
        f"{world.slot('alerting').url}/v1/sites/{site}/scenes/{scene}",
        headers={"Authorization": f"Bearer {world.token}"},
        timeout=PATIENCE_S,
    )
    return answer.is_success and answer.json()["judgement"] is not None


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children, in megabytes."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(status["VmRSS"].split()[0]) * 1024 / 1e6 + sum(resident_mb(int(child)) for child in children)


def soak(world: World, traffic: Traffic, first: int, looks: int) -> dict[str, tuple[float, float, float]]:
    """Push many looks as fast as they go.

    Returns:
        By service: memory at first and at last in megabytes, and how it grew over the second half, for 1,000 looks.
    """
    done, memory = [], []
    for begin in range(0, looks, BATCH):
        at_full_load(world, traffic, work(first + begin, min(BATCH, looks - begin)))
        done.append(min(looks, begin + BATCH))
        memory.append([resident_mb(pid_of(world, service)) for service in SERVICES])
    half = len(done) // 2
    slopes = np.polyfit(done[half:], np.array(memory[half:]), 1)[0] * 1000 if len(done) - half > 1 else [np.nan] * 3
    return {
        service: (memory[0][number], memory[-1][number], float(slopes[number]))
        for number, service in enumerate(SERVICES)
    }
