"""`make bench-speed`: time and memory of a count on one core. `python -m tests.benchmarks.speed`.

The median of several counts, after one to warm up. All times are processor time, the stages' too, so that other work on
the machine has little influence. Memory is the peak of what Python and numpy allocate during a count
(`tracemalloc`; GDAL's own few tens of megabytes are not in it) with the pair itself, as a multiple of the pair in the
files' data type (8 bits) and of the pair as the detector holds it (float32).

The ground of a large tile is a rendered one repeated in mirror images, which has as much to see per hectare as the
original. Its baseline is moved by some pixels and turned. Tracks are straight lines across it, until the length is
reached: a track costs the same whatever lies there. As in the service, only cars in the site's cell count.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tracemalloc
from dataclasses import replace
from time import process_time
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from railwatch.services.detector import stages
from railwatch.services.detector.alignment.registration import warped_by
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.sites import Cell, Track
from tests.support.rendered import rendered

SEED = 300_901
PATCH_PX = 512
# Where the baseline of a large tile lies: 4.3 px to the right, 2.6 px up, turned by a tenth of a degree.
MOVED = SimilarityTransform(rotation=0.002, translation=(4.3, -2.6))
# Tiles, pixels a side, and kilometres of track: those of the requirements, and others that show how the cost grows.
CASES = ((640, 2.0), (640, 4.0), (640, 8.0), (1024, 4.0), (2048, 10.0), (2048, 20.0))


def mirrored(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A picture (bands, rows, cols) continued in mirror images to `side` pixels a side."""
    beyond = side - pixels.shape[1]
    return np.pad(pixels, ((0, 0), (0, max(beyond, 0)), (0, max(beyond, 0))), mode="symmetric")[:, :side, :side]


def pair(side: int) -> tuple[Raster, Raster]:
    """A tile and its baseline."""
    scene = rendered("clear", SEED, size_px=PATCH_PX)
    pixels = mirrored(scene.tile.pixels, side)
    tile = replace(scene.tile, pixels=pixels, valid=np.ones(pixels.shape[1:], dtype=bool))
    same_ground = warped_by(SimilarityTransform(matrix=np.vstack([scene.matrix, [0, 0, 1]])), scene.baseline)
    before = replace(tile, pixels=mirrored(same_ground.pixels, side))
    return tile, warped_by(MOVED, before)


def lines(tile: Raster, km: float) -> tuple[Track, ...]:
    """Straight tracks of that length in all, 4.8 m apart or closer where they would not fit."""
    side = tile.shape[0]
    number = max(1, round(1000 * km / ((side - 1) * tile.gsd_m)))
    rows = np.linspace(8, side - 9, number) if number > 1 else np.array([side / 2])
    length = 1000 * km / tile.gsd_m / number
    ends = [tile.to_lonlat(np.array([[0.0, row], [min(length, side - 1.0), row]])) for row in rows]
    return tuple(Track(id=f"T{n}", coordinates=tuple(map(tuple, end.tolist()))) for n, end in enumerate(ends))


def cell_of(tile: Raster) -> Cell:
    """A cell of a site that the tile shows, with a margin of 20 m around it."""
    rows, cols = tile.shape
    left, top = tile.transform @ (0, 0)
    right, bottom = tile.transform @ (cols, rows)
    return Cell(id="r0c0", crs=tile.crs.to_string(), bounds_m=(left + 20, bottom + 20, right - 20, top - 20))


def measure(tile: Raster, baseline: Raster, tracks: tuple[Track, ...], runs: int) -> tuple[float, dict[str, float]]:
    """Processor seconds of a count, and milliseconds by stage."""
    took = []
    for _ in range(runs + 1):
        fresh = [replace(picture) for picture in (tile, baseline)]
        began = process_time()
        with patch.object(stages, "perf_counter", process_time):
            counted = count_tile(fresh[0], fresh[1], tracks, cell=cell_of(tile))
        took.append((process_time() - began, counted.count.timings_ms))
    return sorted(took[1:], key=lambda run: run[0])[runs // 2]


def peak_bytes(tile: Raster, baseline: Raster, tracks: tuple[Track, ...]) -> int:
    """The most memory that a count holds, with its pair."""
    tracemalloc.start()
    count_tile(replace(tile), replace(baseline), tracks, cell=cell_of(tile))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak + tile.pixels.nbytes + baseline.pixels.nbytes


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="counts of each case")
    runs = parser.parse_args().runs
    head = ("tile", "track", "CPU", "by stage, ms", "peak", "of the 8 bit pair", "of the float32 pair")
    print("| " + " | ".join(head) + " |")
    print("| " + " | ".join(["---"] * len(head)) + " |")
    for side, km in CASES:
        tile, baseline = pair(side)
        tracks = lines(tile, km)
        seconds, by_stage = measure(tile, baseline, tracks, runs)
        peak, samples = peak_bytes(tile, baseline, tracks), tile.pixels.size + baseline.pixels.size
        parts = ", ".join(f"{name} {ms:.0f}" for name, ms in by_stage.items())
        memory = f"{peak / 1e6:.0f} MB", f"{peak / samples:.1f}", f"{peak / (4 * samples):.1f}"
        print("| " + " | ".join((f"{side} px", f"{km:g} km", f"{seconds:.2f} s", parts, *memory)) + " |", flush=True)


if __name__ == "__main__":
    main()
