"""How late counts and alerts are at half load, for `tests.benchmarks.load`.

On a shared machine everything waits for a core. So beside each latency stands the counting in it by the clock: how much
longer that took than its processor time is how much the machine stretched all the rest as well.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.events import CountEvent
from tests.benchmarks.load_flow import GSD_M, SITES, Work, is_judged
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


@dataclass(frozen=True)
class Latencies:
    """Seconds from the beginning of a push.

    Attributes:
        judged: until its look was judged.
        counting: of it in the stages of counting its tiles, by the clock.
        delivered: until the webhook had its step, if any.
    """

    judged: Floats
    counting: Floats
    delivered: Floats


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
        while not is_judged(world, site, one.scene):
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
    counting = dict.fromkeys((one.scene for one in todo), 0.0)
    for event in world.topics.events(CountEvent):
        if event.scene in counting:
            counting[event.scene] += sum(event.result.timings_ms.values()) / 1000
    return Latencies(
        np.array([took for _, _, took in followed]), np.array(list(counting.values())), np.array(delivered)
    )
