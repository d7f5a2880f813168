"""`make bench-speed`: time and memory of a count on one core, beside others. `python -m tests.benchmarks.speed`.

The median of several counts, after one to warm up. All times are processor time, the stages' too, so that other work on
the machine has little influence: what runs beside shares the caches. As in the service, only cars in the site's cell
count, and the baseline is read when it is needed.

Two kinds of yard. *On tracks*: a rendered yard with its own lines, cars in it, and its baseline as delivered. *On no
track*: the ground of a rendered one repeated in mirror images, which has as much to see per hectare; straight lines
across it, until the length is reached. They find no track, are moved far, and are read up to four times: the worst
case.

The floor is what no method that registers can do without: to decode both files, and one forward and one inverse Fourier
transform of the tile. The peer is an afternoon's work (`tests.benchmarks.afternoon`), which decodes as well. `x floor`
is for a whole tile: decoding, counting and drawing.

*Networks* is what onnxruntime takes of a count: it cannot be less with these networks.

Memory is the peak of what Python and numpy allocate over a tile (`tracemalloc`, in a run of its own), in all and by
pixel of the tile. What GDAL and onnxruntime hold beside it, some 100 MB, is not in it.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import process_time
from unittest.mock import patch

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from skimage.transform import SimilarityTransform

from railwatch.services.detector import stages
from railwatch.services.detector.alignment.warping import warped_by
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.pictures import Caption, evidence_pictures
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.tracks.sessions import Session
from railwatch.shared.sites import Cell, Track
from tests.benchmarks.afternoon import count_cars
from tests.support.rendered import rendered

SEED = 300_901
PATCH_PX = 512
# Where the baseline of a large tile lies: 4.3 px to the right, 2.6 px up, turned by a tenth of a degree.
MOVED = SimilarityTransform(rotation=0.002, translation=(4.3, -2.6))
# Lines on no track: tiles, pixels a side, and kilometres of track.
ON_NO_TRACK = ((640, 2.0), (640, 4.0), (640, 8.0), (1024, 4.0), (2048, 10.0), (2048, 20.0))
# Rendered yards with lines on their tracks, pixels a side.
ON_TRACKS = (640, 1024, 2048)


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


@dataclass(frozen=True)
class Case:
    """A tile and its baseline as files, and the site's tracks and cell."""

    name: str
    tile: bytes
    baseline: bytes
    tracks: tuple[Track, ...]
    cell: Cell

    @classmethod
    def on_no_track(cls, side: int, km: float) -> "Case":
        """Straight lines over mirrored ground."""
        tile, baseline = pair(side)
        name = f"{side} px, {km:g} km on no track"
        return cls(name, file_of(tile), file_of(baseline), lines(tile, km), cell_of(tile))

    @classmethod
    def on_tracks(cls, side: int) -> "Case":
        """A rendered yard."""
        yard = rendered("clear", SEED, size_px=side)
        lengths_px = [np.hypot(*np.diff(line.xy_px, axis=0).T).sum() for line in yard.centrelines]
        km = sum(lengths_px) * yard.tile.gsd_m / 1000
        name = f"{side} px, {km:.1f} km on tracks"
        return cls(name, yard.tile_file, yard.baseline_file, yard.tracks, cell_of(yard.tile))


def file_of(picture: Raster) -> bytes:
    """A picture as an 8 bit GeoTIFF, as ingest writes them."""
    rows, cols = picture.shape
    profile = {"width": cols, "height": rows, "count": 3, "crs": picture.crs, "transform": picture.transform}
    packing = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "pixel", "compress": "deflate"}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", dtype="uint8", nodata=0, predictor=2, **profile, **packing) as target:
            target.write((np.clip(255 * picture.pixels, 1, 255) * picture.valid).astype(np.uint8))
        return bytes(memory.getbuffer())


def whole_tile(case: Case) -> tuple[Counted, dict[str, float]]:
    """All that the service does with the pixels of a tile, and the seconds of decoding, counting and drawing."""
    began, decoding = process_time(), 0.0

    def read(file: bytes) -> Raster:
        nonlocal decoding
        start = process_time()
        picture = read_raster(file, as_stored=True)
        decoding += process_time() - start
        return picture

    tile = read(case.tile)
    counted = count_tile(tile, partial(read, case.baseline), case.tracks, cell=case.cell)
    drawing = process_time()
    evidence_pictures(tile, counted, project(case.tracks, tile), Caption("Yard"))
    ended = process_time()
    return counted, {"decode": decoding, "count": drawing - began - decoding, "pictures": ended - drawing}


def floor(case: Case) -> None:
    """What no method that registers can do without."""
    light = read_raster(case.tile).luminance()
    read_raster(case.baseline)
    scipy.fft.irfft2(scipy.fft.rfft2(light), s=light.shape)


def afternoon(case: Case) -> None:
    """The peer."""
    tile, baseline = read_raster(case.tile), read_raster(case.baseline)
    count_cars(tile, baseline, tuple(project(case.tracks, tile)))


def seconds(work: Callable[[Case], object], case: Case, runs: int) -> float:
    """The median processor time, after one run to warm up."""
    took = []
    for _ in range(runs + 1):
        began = process_time()
        work(case)
        took.append(process_time() - began)
    return float(np.median(took[1:]))


def measure(case: Case, runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of decoding, counting, drawing and the networks, and milliseconds by stage, of the median run."""
    took = []
    for _ in range(runs + 1):
        with patch.object(stages, "perf_counter", process_time), networks_timed() as spent:
            counted, parts = whole_tile(case)
        took.append((parts | {"networks": sum(spent)}, counted.count.timings_ms))
    return sorted(took[1:], key=lambda run: sum(run[0].values()))[runs // 2]


@contextmanager
def networks_timed() -> Iterator[list[float]]:
    """The seconds of each run of a network in onnxruntime; they are part of the stages `tracks` and `evidence`."""
    spent: list[float] = []
    run = Session.__call__

    def timed(session: Session, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        began = process_time()
        answer = run(session, **inputs)
        spent.append(process_time() - began)
        return answer

    with patch.object(Session, "__call__", timed):
        yield spent


def peak_bytes(case: Case) -> int:
    """The most memory that a tile takes."""
    tracemalloc.start()
    whole_tile(case)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="counts of each case")
    runs = parser.parse_args().runs
    head = ("tile", "count", "by stage, ms", "networks", "decode", "pictures", "floor", "x floor", "afternoon", "peak")
    print("| " + " | ".join(head) + " |")
    print("| " + " | ".join(["---"] * len(head)) + " |")
    made = [partial(Case.on_tracks, side) for side in ON_TRACKS]
    made += [partial(Case.on_no_track, side, km) for side, km in ON_NO_TRACK]
    for make in made:
        case = make()
        parts, by_stage = measure(case, runs)
        least, peer = seconds(floor, case, runs), seconds(afternoon, case, runs)
        peak, pixels = peak_bytes(case), read_raster(case.tile).valid.size
        whole = parts["decode"] + parts["count"] + parts["pictures"]
        figures = (
            f"{parts['count']:.2f} s",
            ", ".join(f"{name} {ms:.0f}" for name, ms in by_stage.items()),
            f"{1000 * parts['networks']:.0f} ms",
            f"{1000 * parts['decode']:.0f} ms",
            f"{1000 * parts['pictures']:.0f} ms, {100 * parts['pictures'] / whole:.0f} %",
            f"{1000 * least:.0f} ms",
            f"{whole / least:.1f}",
            f"{peer:.2f} s",
            f"{peak / 1e6:.0f} MB, {peak / pixels:.0f} B/px",
        )
        print("| " + " | ".join((case.name, *figures)) + " |", flush=True)


if __name__ == "__main__":
    main()
