"""What many sites cost a service: reading them at the start, looking at their files while nothing changes, and memory.

    python -m tests.benchmarks.sites --sites 5000

The sites lie all over the Earth, with eight tracks of eight vertices each, two files a site. Times are of this process'
processor, so they hold on a busy machine, too.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.folder import SiteFolder

TRACKS = VERTICES = 8
PAGE_BYTES = 4096


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


def timed(work: Callable[[], object]) -> float:
    """Seconds of processor that it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=5_000)
    number = parser.parse_args().sites
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        write_sites(Path(few), 100)
        write_sites(Path(many), number)
        LiveSites(SiteFolder(Path(few)))  # the libraries have what they keep
        before = resident_bytes()
        read: list[LiveSites] = []
        start_s = timed(lambda: read.append(LiveSites(SiteFolder(Path(many)))))
        (sites,) = read
        held = resident_bytes() - before
        rest_s = timed(sites.refresh)
        site = Path(many) / "site-000000.yaml"
        site.write_text(site.read_text().replace("Site 0", "Another name"))
        change_s = timed(sites.refresh)
        unpack_s = timed(lambda: [sites[name] for name in list(sites)[:500]])
    rows = (
        ("reading all of them at the start", f"{start_s:.1f} s", f"{1e3 * start_s / number:.2f} ms"),
        ("a look while nothing changes", f"{rest_s:.3f} s", f"{1e6 * rest_s / number:.1f} us"),
        ("a look at which one has changed", f"{change_s:.3f} s", ""),
        ("memory of all of them", f"{held / 1e6:.1f} MB", f"{held / 1e3 / number:.1f} kB"),
        ("unpacking one of them", "", f"{1e6 * unpack_s / 500:.0f} us"),
    )
    print(f"| {number:,} sites | all | each |\n| --- | --- | --- |")
    for name, whole, each in rows:
        print(f"| {name} | {whole} | {each} |")


if __name__ == "__main__":
    main()
