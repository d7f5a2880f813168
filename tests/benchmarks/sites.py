"""What many sites cost a service: its first start, each later one, looking at their files, and memory.

    python -m tests.benchmarks.sites --sites 100000

The sites lie all over the Earth, with eight tracks of eight vertices each, two files a site. Each start is a process of
its own. Seconds of the clock stand beside those of the processor, which hold on a busy machine, too.
"""

import argparse
import gc
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from obstore.store import LocalStore

from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.files import DirectoryFiles
from railwatch.shared.sites.folder import SiteFolder
from railwatch.shared.sites.snapshot import Snapshot
from tests.benchmarks.processes import resident_mb

TRACKS = VERTICES = 8
UNPACKED_TOGETHER = 500


def write_sites(directory: Path, number: int) -> None:
    """Writes so many sites."""
    rng = random.Random(1)  # noqa: S311
    for index in range(number):
        lon, lat = rng.uniform(-170, 170), rng.uniform(-60, 60)
        lines = (
            [[round(lon + 0.001 * vertex, 6), round(lat + 0.00005 * track, 6)] for vertex in range(VERTICES)]
            for track in range(TRACKS)
        )
        features = [
            {
                "type": "Feature",
                "properties": {"track": f"T{track}"},
                "geometry": {"type": "LineString", "coordinates": line},
            }
            for track, line in enumerate(lines, start=1)
        ]
        name = f"site-{index:06}"
        (directory / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        (directory / f"{name}.yaml").write_text(f"id: {name}\nname: Site {index}\ntracks: {name}.geojson\n")


@dataclass(frozen=True)
class Took:
    """Seconds of this process' processor, and of the clock."""

    cpu_s: float
    clock_s: float


def timed(work: Callable[[], object]) -> Took:
    """How long it takes."""
    cpu_s, clock_s = time.process_time(), time.perf_counter()
    work()
    return Took(time.process_time() - cpu_s, time.perf_counter() - clock_s)


def start(directory: Path) -> None:
    """Starts on the sites of a directory as a service does, and prints rows of a table."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    LiveSites(SiteFolder(DirectoryFiles(directory / "few")))  # the libraries have what they keep
    before_mb = resident_mb(os.getpid())
    folder = SiteFolder(DirectoryFiles(directory / "many"), Snapshot(LocalStore(directory / "store"), "many"))
    read: list[LiveSites] = []
    took = {"**until it has its sites**": timed(lambda: read.append(LiveSites(folder)))}
    (sites,) = read
    gc.collect()
    held_mb = resident_mb(os.getpid()) - before_mb
    took["keeping them for the next start"] = timed(folder.keep)
    took["a look while nothing changes"] = timed(sites.refresh)
    site = directory / "many" / "site-000000.yaml"
    site.write_text(site.read_text().replace("Site 0", "Another name"))
    took["a look at which one has changed"] = timed(sites.refresh)
    names = list(sites)[:UNPACKED_TOGETHER]
    took[f"unpacking {UNPACKED_TOGETHER} of them"] = timed(lambda: [sites[name] for name in names])
    for name, each in took.items():
        number = len(names) if "unpacking" in name else len(sites)
        print(f"| {name} | {each.cpu_s:.2f} s | {each.clock_s:.2f} s | {1e6 * each.cpu_s / number:.0f} µs |")
    peak_mb = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6 - before_mb
    print(f"| memory of the sites | {held_mb:.0f} MB | | {1e3 * held_mb / len(sites):.1f} kB |")
    print(f"| the most memory, above what a service has without sites | {peak_mb:.0f} MB | | |")


def main() -> None:
    """Prints a table for each start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=5_000, help="1,000 or more: fewer are not kept (default: 5,000)")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.start is not None:
        start(given.start)
        return
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        for name in ("few", "many", "store"):
            (directory / name).mkdir()
        write_sites(directory / "few", 100)
        write_sites(directory / "many", given.sites)
        for which in ("first", "second"):
            print(f"| {given.sites:,} sites, {which} start | processor | clock | each |\n| --- | --- | --- | --- |")
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.sites", "--start", str(directory)],
                check=True,
                stderr=subprocess.DEVNULL,
            )
        (snapshot,) = (directory / "store" / "sites").iterdir()
        print(f"\nThe snapshot has {snapshot.stat().st_size / 1e6:.0f} MB.")


if __name__ == "__main__":
    main()
