"""`make bench-proposals`: tracks proposed from a single picture, beside the true ones, in metres.

On the held-out renderer the truth is where the tracks lie. On real yards (`--imagery`) it is what a person drew, and a
yard whose labels leave out tracks (`--partial`) has no false metres.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time

import numpy as np
import shapely

from railwatch.services.detector.imagery.arrays import Points
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.siting.proposing.proposing import COARSEST_M, propose
from railwatch.training.held_out import STYLES, geotiff, make

# Metres. The detector moves a line onto a track that lies so near.
REACH_M = 3.0
HEAD = ("picture", "m/px", "true m", "found", "proposed m", "false m", "beside, m", "s")


def main() -> None:
    """Prints a row for each picture, and the sums."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="rendered pictures of each style")
    parser.add_argument("--seed", type=int, default=900, help="the first of them")
    parser.add_argument("--imagery", type=Path, nargs="*", default=[], help="folders of real yards")
    parser.add_argument("--partial", nargs="*", default=[], help="yards whose labels leave out tracks")
    arguments = parser.parse_args()
    print("| " + " | ".join(HEAD) + " |")
    print("|" + " --- |" * len(HEAD))
    rendered = [row for row in (_row(*picture) for picture in _rendered(arguments.seed, arguments.seeds)) if row]
    _sum("all rendered", rendered)
    folders = [folder for folder in arguments.imagery if (folder / "tile.tif").exists()]
    real = [_row(folder.name, *_real(folder)) for folder in folders]
    whole = [row for row, folder in zip(real, folders, strict=True) if folder.name not in arguments.partial]
    _sum("all real, whole labels", [row for row in whole if row])


def _rendered(first: int, seeds: int) -> Iterator[tuple[str, Raster, list[Points]]]:
    for style in STYLES:
        for seed in range(first, first + seeds):
            pair = make(style, seed)
            tile = read_raster(geotiff(pair, pair.tile))
            yield style, tile, [tile.to_pixels(np.array(pair.lonlat(way.line))) for way in pair.site.ways]


def _real(folder: Path) -> tuple[Raster, list[Points]]:
    tile = read_raster(folder / "tile.tif")
    features = json.loads((folder / "tracks.geojson").read_text())["features"]
    return tile, [tile.to_pixels(np.array(feature["geometry"]["coordinates"])) for feature in features]


def _row(name: str, tile: Raster, lines_px: Sequence[Points]) -> tuple[float, ...] | None:
    if tile.gsd_m > COARSEST_M:
        print(f"| {name} | {tile.gsd_m:.2f} | too coarse |")
        return None
    rows, cols = tile.shape
    frame = shapely.box(0, 0, cols * tile.gsd_m, rows * tile.gsd_m)
    truth = shapely.union_all([shapely.LineString(line * tile.gsd_m) for line in lines_px]).intersection(frame)
    began = process_time()
    proposals = propose(tile)
    took = process_time() - began
    drawn = [shapely.LineString(tile.to_pixels(proposal.lonlat) * tile.gsd_m) for proposal in proposals]
    proposed = shapely.union_all(drawn)
    found = truth.intersection(proposed.buffer(REACH_M)).length
    false = proposed.difference(truth.buffer(REACH_M)).length
    near = [line.interpolate(at) for line in drawn for at in np.arange(0, line.length, 5.0)]
    beside = [distance for point in near if (distance := truth.distance(point)) < REACH_M]
    middle = float(np.median(beside)) if beside else float("nan")
    row = truth.length, found, proposed.length, false, took
    figures = f"{row[0]:.0f} | {found / row[0]:.0%} | {row[2]:.0f} | {false:.0f} | {middle:.2f} | {took:.0f}"
    print(f"| {name} | {tile.gsd_m:.2f} | {figures} |", flush=True)
    return row


def _sum(name: str, rows: Sequence[tuple[float, ...]]) -> None:
    if rows:
        true, found, proposed, false, took = np.sum(rows, axis=0)
        share = f"{found / true:.0%} | {proposed:.0f} | {false:.0f} ({false / proposed:.0%})"
        print(f"| {name} | | {true:.0f} | {share} | | {took:.0f} |")


if __name__ == "__main__":
    main()
