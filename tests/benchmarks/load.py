"""`make bench-load`: what the running services cost, each figure beside what it is compared with.

The three services run as processes on Apache Kafka, Redis and an object store, all on this machine, with the settings
of production. The scenes are of small yards of two tiles each. Ratios and processor time hold on other machines, times
by the clock hold for this one; what is due to other work on it stands beside them.

| part | what | beside |
| --- | --- | --- |
| start | from the start of a process to `/readyz` | the same interpreter importing the service; waiting for a core |
| rest | processor time while nothing comes in | one member of a group that waits for records |
| flow | scenes as fast as they go, processor time for each by service | the arithmetic alone; the same on quixstreams |
| latency | from push to judgement and to the webhook, at half that pace | renewing baselines; one at a time |
| soak | memory of each service over many looks | its memory at first |

`OMP_NUM_THREADS=1 python -m tests.benchmarks.load`; `--parts` names some. The soak ends after `--minutes`, even if it
has not seen all looks then.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.load_flow import (
    COUNTING,
    GSD_M,
    SITES,
    arithmetic_s,
    at_full_load,
    bytes_of,
    looks_of,
    quixstreams_s,
    spent,
    work,
)
from tests.benchmarks.load_latency import Floats, at_pace, story
from tests.benchmarks.load_rest import measure_rest, measure_starts
from tests.benchmarks.load_soak import measure_memory
from tests.chaos.traffic import Traffic
from tests.chaos.world import World, running_world

PARTS = ("start", "rest", "flow", "latency", "soak")


def measure_flow(world: World, traffic: Traffic, rest: Mapping[str, float]) -> float:
    """The second and the third look at each site, as fast as they go: seconds of each scene.

    Args:
        world: what runs.
        traffic: pushes.
        rest: what each service takes of a core at rest, if that was measured.
    """
    todo = work(SITES, 2 * SITES)
    before = spent(world)
    seconds = at_full_load(world, traffic, todo)
    used = {service: (after - before[service]) / len(todo) for service, after in spent(world).items()}
    looks = looks_of(world, todo)
    each = len(looks) / len(todo)
    bare = each * arithmetic_s(world, looks)
    print(f"\n{len(todo)} scenes in {seconds:.1f} s: {len(todo) / seconds:.2f} scenes a second\n")
    print("| processor time of a scene | s | of the arithmetic |\n| --- | --- | --- |")
    detector = used["detector"] + used[COUNTING]
    resting = sum(rest.values()) * seconds / len(todo)
    rows = {**used, "all": sum(used.values()), "of it, what they take at rest in this time": resting}
    rows["the arithmetic alone"] = bare
    rows["the detector's work on quixstreams"] = each * quixstreams_s(world, looks)
    for name, value in rows.items():
        print(f"| {name} | {value:.3f} | {value / bare:.2f} |")
    print(
        "\nbytes of a tile: " + ", ".join(f"{name} {size / 1e3:.1f} kB" for name, size in bytes_of(world, todo).items())
    )
    of_detector, of_all, at_work = (1 - bare / whole for whole in (detector, rows["all"], rows["all"] - resting))
    print(f"\noutside the arithmetic: {of_detector:.0%} of the detector's time, ", end="")
    print(f"{of_all:.0%} of all three's, {at_work:.0%} without rest", flush=True)
    return seconds / len(todo)


def measure_latency(world: World, traffic: Traffic, every_s: float) -> None:
    """At half load, and one scene at a time, of sites that had three looks: all their baselines are due for renewal.

    After the flow, the detector has time to renew them while the arithmetic alone is measured. Without it, it has not.
    """
    print("\n| latency: median, p99, s | scenes | until it is judged | counting in it | steps | until the webhook |")
    print("| --- | --- | --- | --- | --- | --- |")
    first = 3 * SITES
    for name, count, pace_s in (
        ("half load, all baselines were due", SITES, 2 * every_s),
        ("one at a time", SITES // 2, 8 * every_s),
        ("half load", 3 * SITES // 2, 2 * every_s),
    ):
        found = at_pace(world, traffic, story(first, count), pace_s)
        first += count
        judged, counting, delivered = map(_spread, (found.judged, found.counting, found.delivered))
        row = f"{name}, each {pace_s:.1f} s | {count} | {judged} | {counting} | {found.delivered.size} | {delivered}"
        print(f"| {row} |", flush=True)


def _spread(values: Floats) -> str:
    return ", ".join(f"{value:.2f}" for value in np.quantile(values, [0.5, 0.99])) if values.size else "none"


def measure(world: World, parts: Sequence[str], looks: int, minutes: float, every_s: float) -> None:
    """Measure some parts."""
    traffic = Traffic(world, seed=1, pause_s=1)
    traffic.prepare(GSD_M)
    rest: dict[str, float] = {}
    if "start" in parts:
        measure_starts(world)
    if "rest" in parts:
        rest = measure_rest(world, seconds=60)
    at_full_load(world, traffic, work(0, SITES))  # everything warms up
    if "flow" in parts:
        every_s = measure_flow(world, traffic, rest)
    elif "latency" in parts:
        at_full_load(world, traffic, work(SITES, 2 * SITES))
    if "latency" in parts:
        measure_latency(world, traffic, every_s)
    if "soak" in parts:
        measure_memory(world, traffic, looks, minutes)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--every", type=float, default=1.0, help="seconds of a scene at full load, without the flow")
    parser.add_argument("--looks", type=int, default=5_000, help="of the soak")
    parser.add_argument("--minutes", type=float, default=60, help="of each half of the soak")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with (
        tempfile.TemporaryDirectory(prefix="railwatch-load-", ignore_cleanup_errors=True) as directory,
        running_world(Path(directory), SITES, breakable=False) as world,
    ):
        measure(world, asked.parts, asked.looks, asked.minutes, asked.every)


if __name__ == "__main__":
    main()
