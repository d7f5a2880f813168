"""Registration on rendered pairs: how far off, how sure, how fast. `python -m tests.benchmarks.registration`.

Errors are pixels from the rendered truth, at the tile's middle and at the worst corner. Rendered baselines are also
warped by some tenths of a pixel, as terrain and attitude warp real ones. A similarity cannot follow that. Time is
processor time of one core, from two pictures on one grid to the baseline warped onto the tile. Rendered pairs test the
mechanism, not the accuracy on real imagery.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table

from railwatch.services.detector.alignment.registration import register
from railwatch.shared.errors import TileRejectedError
from tests.support.rendered import Rendered, corner_error_px, rendered

CONDITIONS = ("clear", "shift", "haze", "season", "snow", "low-sun", "train-left", "cloud", "coarse", "coarsest")


@dataclass(frozen=True)
class Result:
    """One pair: None where it was rejected."""

    middle_px: float | None
    corner_px: float | None
    reliability: float | None
    cpu_ms: float


def measure(scene: Rendered) -> Result:
    """Registers one pair and compares it with the truth."""
    tile, baseline, corridor = scene.tile, scene.baseline, scene.corridor
    tile.luminance(), baseline.luminance()
    began = process_time()
    try:
        match = register(tile, baseline, corridor)
    except TileRejectedError:
        return Result(None, None, None, 1000 * (process_time() - began))
    took_ms = 1000 * (process_time() - began)
    middle = np.array([(tile.shape[1] - 1) / 2, (tile.shape[0] - 1) / 2, 1])
    return Result(
        float(np.hypot(*((match.transform.params[:2] - scene.matrix) @ middle))),
        corner_error_px(match.transform, scene.matrix, tile.shape),
        match.registration.reliability,
        took_ms,
    )


def rows(conditions: list[str], pairs: int, size_px: int) -> Iterator[tuple[str, list[Result]]]:
    """Results by condition. Training and tests use none of their seeds."""
    for condition in conditions:
        gsd_m = {"coarse": 0.8, "coarsest": 1.0}.get(condition, 0.5)
        scenes = (rendered.__wrapped__(condition, 50_000 + n, gsd_m=gsd_m, size_px=size_px) for n in range(pairs))
        yield condition, [measure(scene) for scene in scenes]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of each condition")
    parser.add_argument("--size", type=int, default=640, help="pixels a side")
    parser.add_argument("conditions", nargs="*", default=list(CONDITIONS))
    options = parser.parse_args()
    table = Table(title=f"Registration, {options.pairs} rendered pairs each, {options.size} px")
    table.add_column("condition")
    for name in ("rejected", "middle, px", "corner, px", "worst corner, px", "reliability", "CPU, ms"):
        table.add_column(name, justify="right")
    for condition, results in rows(options.conditions, options.pairs, options.size):
        found = np.array([[r.middle_px, r.corner_px, r.reliability] for r in results if r.corner_px is not None])
        figures = ["-"] * 4
        if len(found):
            middle, corner, reliability = found.mean(axis=0)
            figures = [f"{middle:.2f}", f"{corner:.2f}", f"{found[:, 1].max():.2f}", f"{reliability:.2f}"]
        rejected = f"{len(results) - len(found)}/{len(results)}"
        table.add_row(condition, rejected, *figures, f"{np.median([r.cpu_ms for r in results]):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
