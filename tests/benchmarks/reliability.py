"""`make bench-accuracy`, its third part: how often cars of a given probability are there, by kind of data.

`python -m tests.benchmarks.reliability FOLDERS --out reliability.webp` counts scenes of both renderers,
from seeds that nothing else uses, and real yards as `real_yards` reads them, as pairs and as single pictures.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.counting import count_tile
from railwatch.training import held_out
from railwatch.training.cases import Case, rendered_case
from railwatch.training.matching import MATCH_M
from tests.benchmarks.accuracy import ASKED
from tests.benchmarks.real_yards import load

FIRST_SEED = 950_000
SIZE_PX = 512
EDGES = np.array([0.0, 0.5, 0.7, 0.85, 0.95, 1.0001])
COLOURS = {"rendered": "#0072B2", "held-out renderer": "#E69F00", "real": "#009E73"}


def main() -> None:
    """Counts, prints a table, and draws the diagram if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, help="the picture")
    arguments = parser.parse_args()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in COLOURS}
    for name, case in _cases(arguments.folders):
        found[name] += [_judged(case), _judged(replace(case, baseline=None))] if case.baseline else [_judged(case)]
    print("| data | probability | cars | mean of it | share that is there |\n| --- | --- | --- | --- | --- |")
    curves = {}
    for name, parts in found.items():
        if not parts:
            continue
        judged = np.concatenate(parts)
        points = []
        for low, high in pairwise(EDGES):
            some = judged[(judged[:, 0] >= low) & (judged[:, 0] < high)]
            if len(some):
                said, there = some.mean(axis=0)
                points.append((said, there, len(some)))
                print(f"| {name} | {low:.2f} to {min(high, 1):.2f} | {len(some)} | {said:.2f} | {there:.2f} |")
        curves[name] = np.array(points)
    if arguments.out:
        _draw(curves, arguments.out)


def _cases(folders: list[Path]) -> Iterator[tuple[str, Case]]:
    for number, condition in enumerate(ASKED):
        yield "rendered", rendered_case(condition, FIRST_SEED + number, SIZE_PX)
    for number, style in enumerate(held_out.STYLES):
        yield "held-out renderer", held_out.case(style, FIRST_SEED + number)
    for folder in folders:
        yard = load(folder)
        yield "real", Case(yard.tile, yard.baseline, yard.tracks, yard.cars)


def _judged(case: Case) -> NDArray[np.float64]:
    """(n, 2), each found car's probability, and whether a true car's middle lies near its own."""
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun)
    said = [car.probability for track in counted.count.tracks for car in track.cars]
    middles = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    apart = np.hypot(*(middles[:, None] - case.cars[None]).transpose(2, 0, 1)) * case.tile.gsd_m
    there = (apart <= MATCH_M).any(axis=1) if len(case.cars) else np.zeros(len(middles), dtype=bool)
    return np.column_stack([said, there]).reshape(-1, 2)


def _draw(curves: dict[str, NDArray[np.float64]], out: Path) -> None:
    figure, axis = plt.subplots(figsize=(5, 4.4), layout="constrained")
    axis.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
    for name, points in curves.items():
        axis.plot(points[:, 0], points[:, 1], color=COLOURS[name], marker="o", label=name)
    axis.set(
        xlabel="probability that a car was given", ylabel="share of them that is there", xlim=(0, 1), ylim=(0, 1.02)
    )
    axis.legend(frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
