"""A first count on tracks that are being drawn: the detector's own arithmetic, in a process of its own.

The process is niced, has a time limit, and ends with its memory. So ingest neither waits nor grows, and no service
imports another. `python -m railwatch.siting.page.first_count FOLDER` is the process.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Semaphore

from railwatch.shared.counts import Frozen
from railwatch.shared.errors import RailwatchError, TransientError
from railwatch.shared.sites import Cell, LonLat, clipped, read_site

# Seconds. A square kilometre at 0.3 m takes some ten.
LONGEST_S = 300
_JOB = "job.json"
_ONE_AT_A_TIME = Semaphore(1)


class TrackCount(Frozen):
    """The cars on a track; null where it was not seen."""

    track: str
    count: float | None


class FirstCount(Frozen):
    """What the detector counts on the tracks as they are drawn, each picture alone.

    Attributes:
        count: cars; null if no picture could be counted.
        low: the 90 % interval's lower end, of all pictures together.
        high: its upper end.
        tracks: the count on each track.
        cars: longitude and latitude of each car.
        reasons: why a picture was not counted, or counted with doubt.
    """

    count: float | None
    low: float | None
    high: float | None
    tracks: tuple[TrackCount, ...]
    cars: tuple[LonLat, ...]
    reasons: tuple[str, ...]


def count_on(
    files: Mapping[str, str], pictures: Mapping[Path, Cell | None], observed_at: datetime | None
) -> FirstCount:
    """Counts, in a process of its own, one at a time.

    Args:
        files: the texts of the site's files, by name, with one YAML.
        pictures: GeoTIFFs, each with the cell whose cars count; null for the whole picture.
        observed_at: when they were taken, if that is known: it gives the sun.

    Raises:
        TransientError: another count is running, or it takes too long.
        RailwatchError: the site or the pictures cannot be used.
    """
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise TransientError("Another first count is running.")
    try:
        with tempfile.TemporaryDirectory(prefix="railwatch-") as name:
            folder = Path(name)
            for file, text in files.items():
                (folder / file).write_text(text)
            job = {
                "site": next(file for file in files if file.endswith(".yaml")),
                "pictures": [[str(path), cell and cell.model_dump()] for path, cell in pictures.items()],
                "observed_at": observed_at and observed_at.isoformat(),
            }
            (folder / _JOB).write_text(json.dumps(job))
            command = [sys.executable, "-m", __name__, name]
            try:
                done = subprocess.run(command, capture_output=True, timeout=LONGEST_S, check=False)  # noqa: S603
            except subprocess.TimeoutExpired:
                raise TransientError(f"The count took longer than {LONGEST_S} s and was given up.") from None
    finally:
        _ONE_AT_A_TIME.release()
    if done.returncode != 0:
        raise RailwatchError(done.stderr.decode(errors="replace").strip().splitlines()[-1].replace(f"{name}/", ""))
    return FirstCount.model_validate_json(done.stdout)


def _counted(folder: Path) -> FirstCount:
    from railwatch.services.detector.counting import count_tile
    from railwatch.services.detector.imagery.geotiff import read_raster
    from railwatch.services.detector.imagery.margins import trimmed
    from railwatch.services.detector.imagery.sun import sun_over

    job = json.loads((folder / _JOB).read_text())
    site = read_site(folder / job["site"], with_proposed=True).site
    tracks = clipped(site.tracks, site.polygon, site.car_lengths_m[0])
    at = datetime.fromisoformat(job["observed_at"]) if job["observed_at"] else None
    counts = []
    for path, cell in job["pictures"]:
        tile = trimmed(read_raster(Path(path)))
        sun = sun_over(tile, at) if at else None
        within = Cell.model_validate(cell) if cell else None
        counts.append(count_tile(tile, None, tracks, sun=sun, cell=within, car_lengths_m=site.car_lengths_m).count)
    seen = [count for count in counts if count.count is not None]
    each: dict[str, float] = {}
    for count in seen:
        for on in count.tracks:
            each[on.track] = each.get(on.track, 0.0) + (on.count or 0.0)
    return FirstCount(
        count=sum(count.count or 0.0 for count in seen) if seen else None,
        low=sum(count.low or 0.0 for count in seen) if seen else None,
        high=sum(count.high or 0.0 for count in seen) if seen else None,
        tracks=tuple(TrackCount(track=track.id, count=each.get(track.id)) for track in tracks),
        cars=tuple((car.lon, car.lat) for count in seen for on in count.tracks for car in on.cars),
        reasons=tuple(dict.fromkeys(reason for count in counts for reason in count.reasons)),
    )


if __name__ == "__main__":
    os.nice(10)
    try:
        print(_counted(Path(sys.argv[1])).model_dump_json())  # noqa: T201
    except RailwatchError as error:
        sys.exit(str(error))
