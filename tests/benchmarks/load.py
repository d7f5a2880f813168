"""`make bench-load`: what the running services cost, each figure beside what it is compared with.

The three services run as processes on Apache Kafka, Redis and an object store, all on this machine. The scenes are of
small yards of two tiles each. Ratios and processor time hold on other machines, times by the clock hold for this one.

| part | what | beside |
| --- | --- | --- |
| start | from the start of a process to `/readyz` | the same interpreter importing the service |
| flow | scenes as fast as they go, processor time for each by service | the arithmetic alone; the same on quixstreams |
| latency | from push to judgement and to the webhook, at half of that pace | the same, one scene at a time |
| soak | memory of each service over many looks | its memory at first |

`OMP_NUM_THREADS=1 python -m tests.benchmarks.load`; `--scenes` and `--looks` make it shorter or longer. The soak says
what each thousand looks adds; its target is that 5,000 add nothing.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.load_flow import (
    GSD_M,
    SERVICES,
    SITES,
    arithmetic_s,
    at_full_load,
    looks_of,
    pid_of,
    processor_s,
    quixstreams_s,
    spent,
    work,
)
from tests.benchmarks.load_latency import at_pace, soak, story
from tests.chaos.traffic import Traffic
from tests.chaos.world import World, running_world
from tests.support.bus import eventually


def start_s(world: World, service: str) -> tuple[float, float, float]:
    """Seconds from start to ready by the clock and of the processor, and those of the processor to import it."""
    slot = world.slot(service)
    slot.wanted = False
    world.fleet.end(slot)
    began = time.perf_counter()
    slot.wanted = True
    eventually(slot.ready, f"{service} is ready")
    ready, used = time.perf_counter() - began, processor_s(pid_of(world, service))
    before = _children_s()
    subprocess.run([sys.executable, "-c", f"import railwatch.services.{service}.main"], check=True)
    return ready, used, _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_starts(world: World) -> None:
    """Each service is started once more."""
    print("\n| start of | ready after, s | processor time, s | of it to import, s |\n| --- | --- | --- | --- |")
    for service in SERVICES:
        ready, used_s, importing = start_s(world, service)
        print(f"| {service} | {ready:.1f} | {used_s:.1f} | {importing:.1f} |", flush=True)
    eventually(world.all_ready, "all services are ready")


def measure_flow(world: World, traffic: Traffic, scenes: int) -> float:
    """Scenes as fast as they go: seconds of each."""
    at_full_load(world, traffic, work(0, SITES))  # everything warms up
    todo = work(SITES, scenes)
    before = spent(world)
    seconds = at_full_load(world, traffic, todo)
    used = {service: (after - before[service]) / len(todo) for service, after in spent(world).items()}
    looks = looks_of(world, todo)
    each = len(looks) / len(todo)
    bare = each * arithmetic_s(world, looks)
    print(f"\n{len(todo)} scenes in {seconds:.1f} s: {len(todo) / seconds:.2f} scenes a second\n")
    print("| processor time of a scene | s | of the arithmetic |\n| --- | --- | --- |")
    rows = {**used, "all three": sum(used.values()), "the arithmetic alone": bare}
    rows["the detector's work on quixstreams"] = each * quixstreams_s(world, looks)
    for name, value in rows.items():
        print(f"| {name} | {value:.3f} | {value / bare:.2f} |")
    print(
        f"\noutside the arithmetic: {1 - bare / used['detector']:.0%} of the detector's time, "
        f"{1 - bare / sum(used.values()):.0%} of all three's"
    )
    return seconds / len(todo)


def measure_latency(world: World, traffic: Traffic, first: int, scenes: int, every_s: float) -> int:
    """One scene at a time, and then at half load; the number of the next scene."""
    print(
        "\n| latency | scenes | judged: median, p99, s | delivered: steps, median, p99, s |\n| --- | --- | --- | --- |"
    )
    for name, count, pace_s in (
        ("one at a time", max(6, scenes // 4), 6 * every_s),
        ("half load", scenes, 2 * every_s),
    ):
        found = at_pace(world, traffic, story(first, count), pace_s)
        first += count
        judged, delivered = (
            ", ".join(f"{value:.2f}" for value in np.quantile(values, [0.5, 0.99])) if values.size else "none"
            for values in (found.judged_s, found.delivered_s)
        )
        print(f"| {name} | {count} | {judged} | {found.delivered_s.size}, {delivered} |", flush=True)
    return first


def measure_memory(world: World, traffic: Traffic, first: int, looks: int) -> None:
    """The soak."""
    print(f"\n| memory over {looks} looks | at first, MB | at last, MB | each further 1,000 |")
    print("| --- | --- | --- | --- |")
    for service, (at_first, at_last, slope) in soak(world, traffic, first, looks).items():
        print(f"| {service} | {at_first:.0f} | {at_last:.0f} | {slope:+.1f} |", flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load")
    parser.add_argument("--scenes", type=int, default=60, help="of the flow and of the latencies")
    parser.add_argument("--looks", type=int, default=200, help="of the soak")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="railwatch-load-", ignore_cleanup_errors=True) as directory,
        running_world(Path(directory), SITES, breakable=False) as world,
    ):
        traffic = Traffic(world, seed=1, pause_s=1)
        traffic.prepare(GSD_M)
        measure_starts(world)
        every_s = measure_flow(world, traffic, asked.scenes)
        following = measure_latency(world, traffic, SITES + asked.scenes, asked.scenes, every_s)
        measure_memory(world, traffic, following, asked.looks)


if __name__ == "__main__":
    main()
