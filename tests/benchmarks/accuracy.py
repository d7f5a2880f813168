"""`make bench-accuracy`, its first part: rendered scenes by condition, beside an afternoon's pipeline.

The scenes come from seeds that training never uses. They prove a mechanism; they say nothing of real pictures
(`real_yards` does). A second table holds scenes of the held-out renderer, of which training uses nothing at all.
"""

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from railwatch.render import CONDITIONS
from railwatch.services.detector.cars.evidence import Models
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.tracks.centrelines import project
from railwatch.training import held_out
from railwatch.training.cases import Case, rendered_case
from railwatch.training.matching import MATCH_M, matches
from tests.benchmarks.afternoon import count_cars

FIRST_SEED = 900_000
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
    rejected: bool = False


def main() -> None:
    """Runs the data sets that are asked for and prints a table each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=3, help="rendered scenes per condition (default: 3)")
    parser.add_argument("--size", type=int, default=640, help="pixels of a rendered scene's side")
    parser.add_argument(
        "--held-out", type=int, default=3, help="scenes per style of the held-out renderer (default: 3)"
    )
    arguments = parser.parse_args()

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
    if arguments.scenes:
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
    if arguments.held_out:
        print_held_out(arguments.held_out)


def print_held_out(scenes: int) -> None:
    """Scenes of the held-out renderer, by style: with their baselines, and each tile by itself."""
    head = ("held-out renderer, never trained on", "scenes", "cars", "rejected")
    each = ("error", "F1", "cover")
    print()
    print(_row((*head, *each, *(f"single: {name}" for name in each))))
    print(_row(["---"] * (len(head) + 2 * len(each))))
    everything: tuple[list[Score], list[Score]] = ([], [])
    for style in held_out.STYLES:
        cases = [held_out.case(style, FIRST_SEED + number) for number in range(scenes)]
        pairs, singles = [score(case) for case in cases], [score(replace(case, baseline=None)) for case in cases]
        print(_held_out_line(style, pairs, singles), flush=True)
        everything[0].extend(pairs)
        everything[1].extend(singles)
    print(_held_out_line("all", *everything))


def _held_out_line(name: str, pairs: list[Score], singles: list[Score]) -> str:
    """The error: cars too many or too few, scene by scene, as a share of all cars. A rejected tile misses its own."""
    rejected = sum(s.rejected for s in pairs)
    figures = [name, str(len(pairs)), str(sum(s.true for s in pairs)), str(rejected)]
    for scores in (pairs, singles):
        true, wrong = sum(s.true for s in scores), sum(abs(s.count - s.true) for s in scores)
        figures.append(f"{100 * wrong / true:.0f} %" if true else f"{wrong:.0f} cars")
        figures.append(_f1(scores))
        counted = [s for s in scores if not s.rejected]
        figures.append(f"{100 * np.mean([s.low <= s.true <= s.high for s in counted]):.0f} %" if counted else "")
    return _row(figures)


def score(case: Case, models: Models | None = None) -> Score:
    """The detector on a case. A rejected tile found nothing, at a width of nothing."""
    began = time.perf_counter()
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun, models=models)
    seconds = time.perf_counter() - began
    found = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    low, high = counted.count.low, counted.count.high
    scored = _scored(case, found, (low or 0.0, high or 0.0), seconds)
    return replace(scored, rejected=counted.count.count is None)


def peer(case: Case) -> Score:
    """The afternoon's pipeline on a case."""
    if case.baseline is None:
        raise ValueError("the peer needs a baseline")
    began = time.perf_counter()
    found = count_cars(case.tile, case.baseline, project(case.tracks, case.tile))
    return _scored(case, found, (len(found), len(found)), time.perf_counter() - began)


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
