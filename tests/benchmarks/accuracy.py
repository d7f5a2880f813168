"""`make bench-accuracy`: how right the count is, by data set and condition, beside an afternoon's pipeline.

Rendered scenes come from seeds that training never uses; they prove mechanisms, not accuracy on real pictures. Real
pictures are used where a folder is given (`--real`, or `RAILWATCH_IMAGERY`): with `--folds`, by models that learned
from other tracks of it only, which is the figure to believe; and by the model as shipped, which learned from all of it.
"""

import argparse
import json
import os
import pickle
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from railwatch.render import CONDITIONS
from railwatch.services.detector.cars.evidence import Models, load_models
from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.tracks.centrelines import Centreline, project
from railwatch.training.cases import Case, middles, rendered_case, tracks_of
from railwatch.training.examples import real_scene, strips_of, with_neighbours
from railwatch.training.fit import Sample, fit_network
from railwatch.training.model import EVIDENCE_CHANNELS, Recipe
from tests.benchmarks.afternoon import count_cars

FIRST_SEED = 900_000
MATCH_M = 5.0
ASKED = tuple(condition for condition in CONDITIONS if condition != "any")


@dataclass(frozen=True)
class Score:
    """What came of one case; `low` to `high` is the interval, `empty_km` the track without cars."""

    count: float
    true: int
    matched: int
    low: float
    high: float
    empty_km: float
    seconds: float


def main() -> None:
    """Runs the data sets that are asked for and prints a table each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=3, help="rendered scenes per condition (default: 3)")
    parser.add_argument("--size", type=int, default=640, help="pixels of a rendered scene's side")
    parser.add_argument("--real", type=Path, action="append", default=[], help="a folder of real imagery with truth")
    parser.add_argument("--folds", type=int, default=0, help="groups of real tracks to hold out, a model for each")
    parser.add_argument("--cache", type=Path, default=Path("build/training"), help="strips that training kept")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each such model's optimiser")
    arguments = parser.parse_args()
    folders = arguments.real or [Path(name) for name in os.environ.get("RAILWATCH_IMAGERY", "").split(":") if name]

    head = (
        "data",
        "scenes",
        "cars",
        "error",
        "worst",
        "F1",
        "false/km",
        "cover",
        "width",
        "s",
        "peer error",
        "peer F1",
    )
    print(_row(head))
    print(_row(["---"] * len(head)))
    everything: dict[str, list[Score]] = {}
    peers: dict[str, list[Score]] = {}
    for number, condition in enumerate(ASKED if arguments.scenes else ()):
        seeds = range(FIRST_SEED + 100 * number, FIRST_SEED + 100 * number + arguments.scenes)
        cases = [rendered_case(condition, seed, arguments.size) for seed in seeds]
        scores, others = [score(case) for case in cases], [peer(case) for case in cases]
        print(_line(f"rendered, {condition}", scores, others), flush=True)
        everything[condition], peers[condition] = scores, others
    for name, hidden in (("rendered, all in clear sight", "cloud"), ("rendered, all", "")):
        ours, theirs = ([s for c, part in each.items() if c != hidden for s in part] for each in (everything, peers))
        if ours:
            print(_line(name, ours, theirs))
    for folder in folders:
        case = real_case(folder)
        if arguments.folds:
            unseen, others = held_out(folder, arguments.cache, arguments.folds, arguments.steps)
            print(_line(f"{folder.name}, tracks not learned from", unseen, others), flush=True)
        print(_line(f"{folder.name}, shipped model (has seen it)", [score(case)], [peer(case)]))
        alone = replace(case, baseline=None)
        print(_line(f"{folder.name}, without its baseline (has seen it)", [score(alone)], []))


def real_case(folder: Path) -> Case:
    """A folder of `tile.tif`, `baseline.tif`, `tracks.geojson` and `cars.geojson`."""
    tile = read_raster(folder / "tile.tif")
    cars = json.loads((folder / "cars.geojson").read_text(encoding="utf-8"))["features"]
    tracks = json.loads((folder / "tracks.geojson").read_text(encoding="utf-8"))["features"]
    found = middles(tile, [feature["geometry"]["coordinates"][0][:4] for feature in cars])
    on = tuple(feature["properties"]["track"] for feature in cars)
    return Case(tile, read_raster(folder / "baseline.tif"), tracks_of(tracks), found, on=on)


def score(case: Case, models: Models | None = None) -> Score:
    """The detector on a case. A rejected tile found nothing, at a width of nothing."""
    began = time.perf_counter()
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun, models=models)
    seconds = time.perf_counter() - began
    found = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    low, high = counted.count.low, counted.count.high
    return _scored(case, found, (low or 0.0, high or 0.0), seconds)


def held_out(folder: Path, cache: Path, folds: int, steps: int) -> tuple[list[Score], list[Score]]:
    """Each group of neighbouring tracks, by a model that learned from rendered scenes and the other groups only.

    What finds the axis of a track, and the grammar, are the shipped ones.
    """
    case, scene, shipped = real_case(folder), real_scene(folder), load_models()
    wide = with_neighbours(scene, shipped.axis)
    kept = (pickle.loads(path.read_bytes()) for path in sorted(cache.glob("*.pickle")))  # noqa: S301 - training's own
    rendered = [
        Sample(strips.pair, strips.labels, 1 / len(scene)) for scene in kept if scene is not None for strips in scene
    ]
    names = sorted({track.id for track in case.tracks})
    scores, others = [], []
    for number in range(folds):
        held = set(names[number * len(names) // folds : (number + 1) * len(names) // folds])
        zone = shapely.union_all([shapely.LineString(line.xy_px) for line in scene.lines if line.id in held])
        zone = zone.buffer(6.0 / case.tile.gsd_m)
        parts = [
            Centreline(line.id, np.asarray(part.coords))
            for line in wide.lines
            for part in shapely.get_parts(shapely.LineString(line.xy_px).difference(zone))
            if part.length * case.tile.gsd_m > 12
        ]
        rng = np.random.default_rng(number)
        real = [strips_of(replace(wide, lines=tuple(parts)), rng, 0.35) for _ in range(3)]
        samples = rendered + [Sample(strips.pair, strips.labels, Recipe.real_weight) for strips in real]
        figures = structure(with_baseline=True)
        network = fit_network(samples, figures, seed=number, steps=steps, channels=EVIDENCE_CHANNELS)
        models = replace(shipped, pair=replace(shipped.pair, network=network))
        tracks = tuple(track for track in case.tracks if track.id in held)
        cars = np.array([car for car, track in zip(case.cars, case.on, strict=True) if track in held]).reshape(-1, 2)
        part = replace(case, tracks=tracks, cars=cars)
        scores.append(score(part, models))
        others.append(peer(part))
    return scores, others


def peer(case: Case) -> Score:
    """The afternoon's pipeline on a case."""
    if case.baseline is None:
        raise ValueError("the peer needs a baseline")
    began = time.perf_counter()
    found = count_cars(case.tile, case.baseline, project(case.tracks, case.tile))
    return _scored(case, found, (len(found), len(found)), time.perf_counter() - began)


def matches(found: NDArray[np.float64], true: NDArray[np.float64], within_px: float) -> int:
    """How many cars were found: pairs of middles no farther apart than this, nearest first, each used once."""
    apart = (
        np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)) if len(found) and len(true) else np.empty((0, 1))
    )
    taken_found: set[int] = set()
    taken_true: set[int] = set()
    for place in np.argsort(apart, axis=None):
        one, other = divmod(int(place), apart.shape[1])
        if apart[one, other] > within_px:
            break
        if one not in taken_found and other not in taken_true:
            taken_found.add(one)
            taken_true.add(other)
    return len(taken_true)


def _scored(case: Case, found: NDArray[np.float64], interval: tuple[float, float], seconds: float) -> Score:
    inside = shapely.box(0, 0, case.tile.shape[1], case.tile.shape[0])
    length_px = sum(
        shapely.LineString(line.xy_px).intersection(inside).length for line in project(case.tracks, case.tile)
    )
    empty_km = length_px * case.tile.gsd_m / 1000 if len(case.cars) == 0 else 0.0
    matched = matches(found, case.cars, MATCH_M / case.tile.gsd_m)
    return Score(len(found), len(case.cars), matched, *interval, empty_km, seconds)


def _line(name: str, scores: list[Score], peers: list[Score]) -> str:
    full = [s for s in scores if s.true >= 5]
    errors = [abs(s.count - s.true) / s.true for s in full]
    empty_km = sum(s.empty_km for s in scores)
    return _row(
        [
            name,
            str(len(scores)),
            str(sum(s.true for s in scores)),
            _percent(errors),
            f"{100 * max(errors):.0f} %" if errors else "",
            _f1(scores),
            f"{sum(s.count for s in scores if s.true == 0) / empty_km:.1f}" if empty_km else "",
            f"{100 * np.mean([s.low <= s.true <= s.high for s in scores]):.0f} %",
            _percent([(s.high - s.low) / max(s.count, 1) for s in full], np.median),
            f"{np.median([s.seconds for s in scores]):.2f}",
            _percent([abs(s.count - s.true) / s.true for s in peers if s.true >= 5]),
            _f1(peers),
        ]
    )


def _percent(values: list[float], average: object = np.mean) -> str:
    return f"{100 * average(values):.1f} %" if values and callable(average) else ""


def _f1(scores: list[Score]) -> str:
    total = sum(s.count + s.true for s in scores)
    return f"{2 * sum(s.matched for s in scores) / total:.3f}" if total and any(s.true for s in scores) else ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
