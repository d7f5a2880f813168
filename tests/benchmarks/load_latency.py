"""How late counts and alerts are at half load, for `tests.benchmarks.load`.

On a shared machine a scene mostly waits for a core. So beside each latency stands the same without that wait: what all
threads of the services, of Kafka and of Redis waited while the scene was under way, shared with the other scenes that
were under way then. Some of these threads delay no scene, so this is a little less than on a machine of its own.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.events import CountEvent
from tests.benchmarks.load_flow import GSD_M, SERVICES, SITES, Work, is_judged, pid_of
from tests.benchmarks.processes import family_of, waited_s
from tests.chaos import scenes
from tests.chaos.traffic import PAST_LOOKS, Traffic
from tests.chaos.world import World
from tests.support.bus import PATIENCE_S

Floats = NDArray[np.float64]

# How often alerting is asked whether a look is judged. A latency is known to half of this.
ASK_EVERY_S = 0.05
SENDERS = 8
# So many looks of every second site are quiet, then so many full of cars.
STORY = 3


@dataclass
class Waits:
    """By time: what has been waited for a core so far, shared among the scenes that were under way."""

    at_s: list[float] = field(default_factory=list)
    each_s: list[float] = field(default_factory=list)
    under_way: int = 0

    def between(self, begin_s: float, end_s: float) -> float:
        """What a scene waited that was under way in this time, in seconds."""
        begin, end = np.interp([begin_s, end_s], self.at_s, self.each_s)
        return float(end - begin)


@dataclass(frozen=True)
class Latencies:
    """Seconds from the beginning of a push.

    Attributes:
        judged: until its look was judged.
        judged_alone: the same without waiting for a core.
        counting: of it in the arithmetic of its slowest tile, by the clock.
        delivered: until the webhook had its step, if any.
        delivered_alone: the same without waiting for a core.
    """

    judged: Floats
    judged_alone: Floats
    counting: Floats
    delivered: Floats
    delivered_alone: Floats


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
    with _waits(world) as waits:

        def follow(index: int) -> tuple[tuple[str, str], float, float]:
            one = todo[index]
            time.sleep(max(0.0, start + index * every_s - time.monotonic()))
            began = time.monotonic()
            waits.under_way += 1
            traffic.send(one.number, one.scene, one.day, one.image).raise_for_status()
            site = scenes.names(SITES)[one.number]
            while not is_judged(world, site, one.scene):
                if time.monotonic() - began > PATIENCE_S:
                    raise TimeoutError(f"{one.scene} is not judged")
                time.sleep(ASK_EVERY_S)
            waits.under_way -= 1
            return (site, scenes.on_day(one.day).isoformat()), began, time.monotonic()

        with ThreadPoolExecutor(SENDERS) as senders:
            followed = list(senders.map(follow, range(len(todo))))
        time.sleep(2.0)  # the last steps are on their way
    began = {look: at for look, at, _ in followed}
    steps = [step for step in world.desk.taken if "look" in step.data]  # others tell of looks that are missed
    looks = [(step.data["site"], step.data["look"]["observed_at"].replace("Z", "+00:00")) for step in steps]
    taken = [(began[look], step.at_s) for look, step in zip(looks, steps, strict=True) if look in began]
    names = {one.scene for one in todo}
    counting: dict[str, float] = {}
    for event in world.topics.events(CountEvent):
        if event.scene in names:
            took_s = sum(event.result.timings_ms.values()) / 1000
            counting[event.scene] = max(counting.get(event.scene, 0.0), took_s)
    return Latencies(
        np.array([end - begin for _, begin, end in followed]),
        np.array([end - begin - waits.between(begin, end) for _, begin, end in followed]),
        np.array(list(counting.values())),
        np.array([end - begin for begin, end in taken]),
        np.array([end - begin - waits.between(begin, end) for begin, end in taken]),
    )


@contextmanager
def _waits(world: World) -> Iterator[Waits]:
    """What is waited within the block, looked at ten times a second."""
    found, over = Waits(), threading.Event()
    servers = [server.process.pid for server in (world.kafka, world.redis) if server.process]
    roots = [*(pid_of(world, service) for service in SERVICES), *servers]

    def look() -> float:
        return sum(waited_s(pid) for root in roots for pid in family_of(root))

    def follow() -> None:
        last_s, each_s = look(), 0.0
        while not over.wait(0.1):
            now_s = look()
            each_s += (now_s - last_s) / max(1, found.under_way)
            last_s = now_s
            found.at_s.append(time.monotonic())
            found.each_s.append(each_s)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
