"""Memory of the stages over one tile, by pixel. `OMP_NUM_THREADS=1 python -m tests.benchmarks.stage_memory`.

The peak of what Python and numpy hold (`tracemalloc`) in each stage, on two tiles with 0.5 km of lines on no track:
what each further pixel costs. What does not grow with the tile falls out. What GDAL and onnxruntime hold is not in it.
"""

import argparse
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.pictures import Caption, evidence_pictures
from railwatch.services.detector.stages import Stages
from railwatch.services.detector.tracks.centrelines import project
from tests.benchmarks.speed import Case

KM = 0.5
SIDES = (1280, 2560)


def peaks(case: Case, *, as_stored: bool) -> dict[str, int]:
    """The most bytes that each stage holds, with what was held before it."""
    found: dict[str, int] = {}

    @contextmanager
    def timed(_: Stages, stage: str) -> Iterator[None]:
        tracemalloc.reset_peak()
        try:
            yield
        finally:
            found[stage] = max(found.get(stage, 0), tracemalloc.get_traced_memory()[1])

    read = partial(read_raster, as_stored=as_stored)
    count_tile(read(case.tile), None, case.tracks[:1], cell=case.cell)  # what is loaded once
    tracemalloc.start()
    with patch.object(Stages, "timed", timed):
        with Stages().timed("decode"):
            tile = read(case.tile)
        counted = count_tile(tile, partial(read, case.baseline), case.tracks, cell=case.cell)
        with Stages().timed("pictures"):
            evidence_pictures(tile, counted, project(case.tracks, tile), Caption("Yard"))
    tracemalloc.stop()
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sides", type=int, nargs=2, default=SIDES, help="pixels a side of the two tiles")
    small, large = parser.parse_args().sides
    cases = [Case.on_no_track(side, KM) for side in (small, large)]
    rows = {}
    for name, as_stored in (("as stored", True), ("as float32", False)):
        least, most = (peaks(case, as_stored=as_stored) for case in cases)
        rows[name] = {stage: (most[stage] - least[stage]) / (large**2 - small**2) for stage in most}
    print("| | " + " | ".join(rows["as stored"]) + " |")
    print("| --- " * (1 + len(rows["as stored"])) + "|")
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{each:.1f}" for each in row.values()) + " |")


if __name__ == "__main__":
    main()
