"""`make bench-load`: what the running services cost, each figure beside what it is compared with.

The three services run as processes on Apache Kafka, Redis and an object store, all on this machine. The scenes are of
small yards of two tiles each. Ratios and processor time hold on other machines, times by the clock hold for this one.

| part | what | beside |
| --- | --- | --- |
| start | from the start of a process to `/readyz` | the same interpreter importing the service |
| flow | scenes as fast as they go, processor time for each by service | the arithmetic alone, in this process |

`OMP_NUM_THREADS=1 python -m tests.benchmarks.load`; `--scenes` makes it shorter or longer.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.load_flow import (
    GSD_M,
    SERVICES,
    SITES,
    arithmetic_s,
    at_full_load,
    pid_of,
    processor_s,
    spent,
    work,
)
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


def measure(world: World, scenes: int) -> None:
    """Both parts, one after the other."""
    traffic = Traffic(world, seed=1, pause_s=1)
    traffic.prepare(GSD_M)
    print("\n| start of | ready after, s | processor time, s | of it to import, s |\n| --- | --- | --- | --- |")
    for service in SERVICES:
        ready, used_s, importing = start_s(world, service)
        print(f"| {service} | {ready:.1f} | {used_s:.1f} | {importing:.1f} |", flush=True)
    eventually(world.all_ready, "all services are ready")

    at_full_load(world, traffic, work(0, SITES))  # everything warms up
    todo = work(SITES, scenes)
    before = spent(world)
    seconds = at_full_load(world, traffic, todo)
    used = {service: (after - before[service]) / len(todo) for service, after in spent(world).items()}
    bare = arithmetic_s(world, todo)
    print(f"\n{len(todo)} scenes in {seconds:.1f} s: {len(todo) / seconds:.2f} scenes a second\n")
    print("| processor time of a scene | s | of the arithmetic |\n| --- | --- | --- |")
    for name, value in {**used, "all three": sum(used.values()), "the arithmetic alone": bare}.items():
        print(f"| {name} | {value:.3f} | {value / bare:.2f} |")
    print(
        f"\noutside the arithmetic: {1 - bare / used['detector']:.0%} of the detector's time, "
        f"{1 - bare / sum(used.values()):.0%} of all three's"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load")
    parser.add_argument("--scenes", type=int, default=60)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="railwatch-load-", ignore_cleanup_errors=True) as directory,
        running_world(Path(directory), SITES, breakable=False) as world,
    ):
        measure(world, asked.scenes)


if __name__ == "__main__":
    main()
