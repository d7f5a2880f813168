"""`make bench-accuracy`, its fourth part: metres of track under trains on pairs with pixels of 2, 3 and 4 m.

Rendered scenes are of seeds that nothing was fitted to, those of the held-out renderer of one that the evidence never
learned from. Real yards are given as folders, as for `real_yards`. They are made coarse by the mean over each pixel.
Their metres are those of `cars.geojson` with couplings, or the number of cars times a typical length (marked).
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.counts import Occupied
from railwatch.training import held_out
from railwatch.training.coarse.scenes import SHOWN, Coarse, averaged, held_out_scene, made_coarse, rendered, trains
from tests.benchmarks.real_yards import load

ORDINARY_SEED, HELD_OUT_SEED = 300_000, 900_000
GSD_M = (2.0, 3.0, 4.0)
# Blur of the optics of real pictures, in their coarse pixels.
BLUR_PX = 0.45
# Metres of track that a car takes up with its coupling, where its length is not known.
TYPICAL_M = 15.0
# Scenes with less train than this, metres, have no error in per cent.
LEAST_M = 70.0
HEAD = ("data", "pixels", "pairs", "measured", "metres", "error", "median", "bias", "cover", "width", "empty: m/km")


@dataclass(frozen=True)
class Score:
    """What was measured on one pair; None where it was not."""

    true_m: float
    track_m: float
    found: Occupied | None


def main() -> None:
    """Prints a row for each data set and pixel size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--scenes", type=int, default=20, help="scenes of the ordinary renderer (default: 20)")
    parser.add_argument("--held-out", type=int, default=15, help="scenes of the held-out renderer (default: 15)")
    arguments = parser.parse_args()
    print("\n" + _row(HEAD))
    print(_row(["---"] * len(HEAD)))
    styles = tuple(held_out.STYLES)
    ordinary = ((rendered(SHOWN[seed % len(SHOWN)], seed), seed) for seed in _seeds(ORDINARY_SEED, arguments.scenes))
    others = (
        (held_out_scene(styles[seed % len(styles)], seed), seed) for seed in _seeds(HELD_OUT_SEED, arguments.held_out)
    )
    for name, scenes in (("rendered", ordinary), ("held-out renderer", others)):
        scores = [[score(coarse) for coarse in at_each_size(scene, seed)] for scene, seed in scenes]
        for number, gsd_m in enumerate(GSD_M):
            if scores:
                print(_line(name, gsd_m, [each[number] for each in scores]), flush=True)
    for folder in arguments.folders:
        yard = real(folder)
        if yard is not None:
            for gsd_m in GSD_M:
                print(_line(yard.name, gsd_m, [score(averages(yard, gsd_m))]), flush=True)


def _seeds(first: int, count: int) -> range:
    return range(first, first + count)


def at_each_size(scene: Coarse, seed: int) -> Iterator[Coarse]:
    """A rendered scene at each pixel size, with optics, tone and noise of its own, drawn from its seed."""
    for number, gsd_m in enumerate(GSD_M):
        yield made_coarse(scene, gsd_m, np.random.default_rng((seed, number)))


def averages(scene: Coarse, gsd_m: float) -> Coarse:
    """A real pair with larger pixels, and nothing added."""

    def coarse(picture: Raster) -> Raster:
        return averaged(picture, gsd_m, BLUR_PX)

    return replace(
        scene,
        tile=coarse(scene.tile),
        baseline=None if scene.baseline is None else coarse(scene.baseline),
    )


def real(folder: Path) -> Coarse | None:
    """A real yard; None without a baseline."""
    yard = load(folder)
    if yard.baseline is None:
        return None
    polygons = folder / "cars.geojson"
    if polygons.exists():
        cars = [
            (feature["properties"]["track"], yard.tile.to_pixels(np.array(feature["geometry"]["coordinates"][0][:4])))
            for feature in json.loads(polygons.read_text(encoding="utf-8"))["features"]
        ]
        under = trains(yard.tile, yard.tracks, cars)
        return Coarse(yard.name, yard.tile, yard.baseline, yard.tracks, under)
    under = {yard.tracks[0].id: ((0.0, TYPICAL_M * len(yard.cars)),)}
    return Coarse(f"{yard.name} (cars x {TYPICAL_M:g} m)", yard.tile, yard.baseline, yard.tracks, under)


def score(scene: Coarse) -> Score:
    """The detector on a pair."""
    count = count_tile(scene.tile, scene.baseline, scene.tracks, sun=scene.sun).count
    track_m = sum(track.length_m for track in count.tracks)
    return Score(scene.occupied_m, track_m, count.occupied)


def _line(name: str, gsd_m: float, scores: Sequence[Score]) -> str:
    known = [(one.true_m, one.track_m, one.found) for one in scores if one.found is not None]
    true = sum(true_m for true_m, _, _ in known)
    off = [found.occupied_m - true_m for true_m, _, found in known]
    full = [(true_m, found) for true_m, _, found in known if true_m >= LEAST_M]
    empty = [(track_m, found.occupied_m) for true_m, track_m, found in known if true_m == 0]
    return _row(
        [
            name,
            f"{gsd_m:g} m",
            str(len(scores)),
            str(len(known)),
            f"{true:.0f}",
            f"{100 * sum(map(abs, off)) / true:.0f} %" if true else "",
            f"{100 * np.median([abs(found.occupied_m - t) / t for t, found in full]):.0f} %" if full else "",
            f"{100 * sum(off) / true:+.0f} %" if true else "",
            f"{100 * np.mean([found.low_m <= t <= found.high_m for t, _, found in known]):.0f} %" if known else "",
            f"{100 * np.median([(found.high_m - found.low_m) / t for t, found in full]):.0f} %" if full else "",
            f"{1000 * sum(m for _, m in empty) / sum(t for t, _ in empty):.1f}" if empty else "",
        ]
    )


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
