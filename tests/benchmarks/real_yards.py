"""`make bench-accuracy`, its second part: real yards one by one, as a pair and as a single picture.

A folder holds `tile.tif`, `tracks.geojson`, `truth.json` and, for a pair, `baseline.tif`. The cars are the polygons of
`cars.geojson`, or the middles `cars_px` of `truth.json`. A yard that the shipped model was trained on is marked: its
figures are no evidence.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely import LineString, box

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import project
from railwatch.shared.sites import CAR_LENGTHS_M, Track
from railwatch.training.cases import middles, tracks_of
from railwatch.training.matching import MATCH_M, matches
from tests.benchmarks.afternoon import count_cars

HEAD = ("yard", "mode", "cars", "count", "hits", "misses", "false", "interval", "holds", "remarks", "afternoon")


@dataclass(frozen=True)
class Yard:
    """A real picture with its truth: the cars' middles (n, 2) in pixels, and the doubt of the labels."""

    name: str
    tile: Raster
    baseline: Raster | None
    tracks: tuple[Track, ...]
    cars: NDArray[np.float64]
    low: int
    high: int

    @property
    def track_km(self) -> float:
        """Length of the tracks inside the picture."""
        frame = box(0, 0, *self.tile.shape[::-1])
        lines = (LineString(line.xy_px) for line in project(self.tracks, self.tile))
        return float(sum(line.intersection(frame).length for line in lines)) * self.tile.gsd_m / 1000


@dataclass(frozen=True)
class Row:
    """What the detector found in one yard; `count` is None where the tile was rejected."""

    yard: Yard
    mode: str
    count: float | None
    found: int
    hits: int
    low: float | None
    high: float | None
    reasons: tuple[str, ...]
    afternoon: int | None

    @property
    def holds(self) -> bool:
        """Whether the interval and the truth, with its own doubt, have a number in common."""
        if self.low is None or self.high is None:
            return False
        return self.low <= self.yard.high and self.yard.low <= self.high


def main() -> None:
    """Prints a row for each yard and mode, and the sums."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--seen", nargs="*", default=[], help="yards that the shipped model was trained on")
    parser.add_argument(
        "--car-lengths",
        type=float,
        nargs=2,
        default=CAR_LENGTHS_M,
        metavar=("SHORTEST", "LONGEST"),
        help="the lengths that the yards' sites expect",
    )
    arguments = parser.parse_args()
    lengths_m = (arguments.car_lengths[0], arguments.car_lengths[1])
    rows = [row for folder in arguments.folders for row in counted(load(folder), lengths_m)]
    _print(HEAD)
    _print(["---"] * len(HEAD))
    for row in rows:
        mark = " (trained on: no evidence)" if row.yard.name in arguments.seen else ""
        _print(_cells(row, mark))
    for mode in ("pair", "single"):
        unseen = [row for row in rows if row.mode == mode and row.yard.name not in arguments.seen]
        if unseen:
            print(_summary(mode, unseen))


def load(folder: Path) -> Yard:
    """Reads a yard."""
    tile = read_raster(folder / "tile.tif")
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    tracks = tracks_of(json.loads((folder / "tracks.geojson").read_text(encoding="utf-8"))["features"])
    polygons = folder / "cars.geojson"
    if polygons.exists():
        features = json.loads(polygons.read_text(encoding="utf-8"))["features"]
        cars = middles(tile, [feature["geometry"]["coordinates"][0][:4] for feature in features])
    else:
        cars = np.array(truth["cars_px"], dtype=np.float64).reshape(-1, 2)
    baseline = folder / "baseline.tif"
    before = read_raster(baseline) if baseline.exists() else None
    low, high = min(truth["low"], truth["count"]), truth.get("high", truth["count"])
    return Yard(folder.name, tile, before, tracks, cars, low, high)


def counted(yard: Yard, car_lengths_m: tuple[float, float] = CAR_LENGTHS_M) -> list[Row]:
    """The yard as a pair, where it has a baseline, and as a single picture."""
    rows = [_row(yard, "single", None, car_lengths_m)]
    return rows if yard.baseline is None else [_row(yard, "pair", yard.baseline, car_lengths_m), *rows]


def _row(yard: Yard, mode: str, baseline: Raster | None, car_lengths_m: tuple[float, float]) -> Row:
    answer = count_tile(yard.tile, baseline, yard.tracks, car_lengths_m=car_lengths_m)
    found = np.array([corners.mean(axis=0) for _, _, corners in answer.outlines]).reshape(-1, 2)
    count = answer.count
    afternoon = len(count_cars(yard.tile, baseline, project(yard.tracks, yard.tile))) if baseline else None
    hits = matches(found, yard.cars, MATCH_M / yard.tile.gsd_m)
    return Row(yard, mode, count.count, len(found), hits, count.low, count.high, count.reasons, afternoon)


def _cells(row: Row, mark: str) -> list[str]:
    interval = "" if row.low is None or row.high is None else f"{row.low:g} to {row.high:g}"
    return [
        row.yard.name + mark,
        row.mode,
        str(len(row.yard.cars)),
        "rejected" if row.count is None else f"{row.count:g}",
        str(row.hits),
        str(len(row.yard.cars) - row.hits),
        str(row.found - row.hits),
        interval,
        "yes" if row.holds else "no",
        ", ".join(row.reasons),
        "" if row.afternoon is None else str(row.afternoon),
    ]


def _summary(mode: str, rows: Sequence[Row]) -> str:
    cars, hits, found = (
        sum(values) for values in zip(*((len(r.yard.cars), r.hits, r.found) for r in rows), strict=True)
    )
    held = sum(row.holds for row in rows)
    empty = [row for row in rows if len(row.yard.cars) == 0]
    empty_km = sum(row.yard.track_km for row in empty)
    false_per_km = sum(row.found for row in empty) / empty_km if empty_km else float("nan")
    rejected = sum(row.count is None for row in rows)
    return (
        f"\n{mode}: recall {hits}/{cars}, precision {hits}/{found}, {false_per_km:.1f} false cars a km "
        f"on {empty_km:.2f} km of empty track, intervals hold in {held} of {len(rows)}, {rejected} rejected"
    )


def _print(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
