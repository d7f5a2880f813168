"""How long it takes to bring a year of weekly looks at one site, and what it waits for.

    python -m tests.benchmarks.backfill --looks 52

The demo's yard, in one tile, with pictures of the demo's looks: some are rendered, and each look is one of them with
noise of its own. The whole system runs on this machine, with the embedded broker and Redis, as `railwatch up` runs it.
Linux says of each process how long it ran, and how long it could have run but for others on a busy machine. The rest of
the time it waited.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import rasterio

from railwatch.demo.episode import BASELINE, LOOKS, PlannedLook, render, sun_of
from railwatch.demo.system import System, running_system
from railwatch.demo.yard import tumangang
from railwatch.render import geotiff
from railwatch.render.files import collection, feature
from tests.benchmarks.processes import descendants_of, main_thread_waited_s, processor_s

RENDERED = 8
FIRST = datetime(2022, 9, 20, 2, 20, tzinfo=UTC)


def write_past(folder: Path, looks: int) -> None:
    """Writes the scenes of a past, a week from each other, and the baseline."""
    rng = np.random.default_rng(1)
    rendered = [geotiff(render(look)) for look in islice((one for one in LOOKS if one.sky == "clear"), RENDERED)]
    baseline = PlannedLook(FIRST, 0, role="baseline")
    _write(folder, baseline, geotiff(render(BASELINE)))
    for number in range(1, looks + 1):
        look = PlannedLook(FIRST + timedelta(weeks=number), 0)
        _write(folder, look, noisy(rendered[number % len(rendered)], rng))


def noisy(data: bytes, rng: np.random.Generator) -> bytes:
    """A GeoTIFF of bytes with some noise."""
    with rasterio.open(io.BytesIO(data)) as source:
        pixels, profile = source.read(), source.profile
    changed = pixels.astype(np.int16) + rng.integers(-1, 2, pixels.shape)
    with rasterio.MemoryFile() as made:
        with made.open(**profile) as target:
            target.write(np.where(pixels > 0, np.clip(changed, 1, 255), 0).astype(np.uint8))
        return bytes(made.read())


def _write(folder: Path, look: PlannedLook, data: bytes) -> None:
    (folder / f"{look.scene}.tif").write_bytes(data)
    said = {
        "observed_at": look.at.isoformat(),
        "scene": look.scene,
        "role": look.role,
        "sun": sun_of(look).model_dump(),
    }
    (folder / f"{look.scene}.json").write_text(json.dumps(said))


def write_site(directory: Path) -> None:
    """Writes the yard."""
    site = tumangang()
    lines = [feature("LineString", site.lonlat(track.drawn_m).tolist(), {"track": track.id}) for track in site.tracks]
    (directory / "yard.geojson").write_text(json.dumps(collection(lines)))
    (directory / "yard.yaml").write_text("id: yard\nname: Yard\ntracks: yard.geojson\n")


def times_s(process: int) -> tuple[float, float]:
    """How long a process has run, and how long its main thread has waited for a core, seconds."""
    return processor_s(process), main_thread_waited_s(process)


def watched(system: System) -> dict[str, int]:
    """The processes by what they do."""
    found = {service: process.pid for service, process in system.processes.items()}
    below = descendants_of(found["detector"])
    return found | {f"detector, counting {number}": process for number, process in enumerate(below, start=1)}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=52)
    parser.add_argument("--per-minute", type=float, default=60.0)
    parser.add_argument("--past", type=Path, help="a folder for the pictures, which are rendered if it is not there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        (directory / "sites").mkdir()
        write_site(directory / "sites")
        past = given.past or directory / "past"
        if not past.exists():
            past.mkdir()
            write_past(past, given.looks)
        with running_system(directory) as system:
            before = {name: times_s(process) for name, process in watched(system).items()}
            load, began = os.getloadavg()[0], time.monotonic()
            done = subprocess.run(
                [
                    *(str(Path(sys.executable).with_name("railwatch")), "backfill", "yard", "--source", "directory"),
                    *("--at", str(past), "--from", "2022-01-01", "--per-minute", str(given.per_minute)),
                ],
                env={
                    **os.environ,
                    **system.settings,
                    "RAILWATCH_BLOBS_URL": (directory / "store").as_uri(),
                    "RAILWATCH_SITES_DIR": str(directory / "sites"),
                    "RAILWATCH_TOKENS_FILE": str(directory / "tokens.yaml"),
                },
                check=False,
                capture_output=True,
                text=True,
            )
            clock_s, after = time.monotonic() - began, {name: times_s(pid) for name, pid in watched(system).items()}
            if done.returncode:
                sys.exit(done.stderr)
            system.check()
    print(done.stdout)
    print(f"{given.looks} looks: {clock_s:.0f} s, with a load of {load:.0f} to {os.getloadavg()[0]:.0f}.\n")
    print("| process | ran, s | was kept from running, s | had nothing to do, s |\n| --- | --- | --- | --- |")
    total = 0.0
    for name, (ran, delayed) in after.items():
        ran_before, delayed_before = before.get(name, (0.0, 0.0))
        ran, delayed = ran - ran_before, delayed - delayed_before
        total += ran
        print(f"| {name} | {ran:.1f} | {delayed:.1f} | {max(0.0, clock_s - ran - delayed):.1f} |")
    print(f"| all | {total:.1f} | | |")


if __name__ == "__main__":
    main()
