"""Where real yards are counted wrong, as a picture: counted cars outlined, missed ones circled.

`python -m tests.benchmarks.failure_pictures FOLDERS --out docs/images/failures-real.webp` takes folders as `real_yards`
does. Only pictures that may be shown belong into the documents, with their source.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from railwatch.services.detector.counting import count_tile
from railwatch.training.matching import MATCH_M
from tests.benchmarks.real_yards import Yard, load

ORANGE, PURPLE = "#E69F00", "#CC79A7"
AROUND_PX = 60


def main() -> None:
    """Counts each yard as a pair and alone, and draws both beside each other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="the picture")
    arguments = parser.parse_args()
    yards = [load(folder) for folder in arguments.folders]
    figure, axes = plt.subplots(len(yards), 2, figsize=(10, 3.6 * len(yards)), layout="constrained", squeeze=False)
    for row, yard in zip(axes, yards, strict=True):
        for axis, mode in zip(row, ("pair", "single"), strict=True):
            _draw(axis, yard, mode)
    figure.savefig(arguments.out, dpi=90)


def _draw(axis: Axes, yard: Yard, mode: str) -> None:
    counted = count_tile(yard.tile, yard.baseline if mode == "pair" else None, yard.tracks)
    bands = yard.tile.pixels[:3].astype(float)
    axis.imshow(np.clip(np.moveaxis(bands / np.quantile(bands, 0.995), 0, 2), 0, 1))
    middles = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    for _, _, corners in counted.outlines:
        axis.fill(*corners.T, facecolor="none", edgecolor=ORANGE, linewidth=1.5)
    for car in yard.cars:
        if not (np.hypot(*(middles - car).T) * yard.tile.gsd_m <= MATCH_M).any():
            axis.plot(
                *car, marker="o", markersize=12, markerfacecolor="none", markeredgecolor=PURPLE, markeredgewidth=2
            )
    count = counted.count
    found = "rejected" if count.count is None else f"{count.count:.0f} ({count.low:g} to {count.high:g})"
    axis.set_title(f"{yard.name}, {mode}: {found} of {len(yard.cars)}", fontsize=9)
    rows, cols = yard.tile.shape
    low, high = yard.cars.min(axis=0) - AROUND_PX, yard.cars.max(axis=0) + AROUND_PX
    axis.set(xlim=(max(low[0], 0), min(high[0], cols)), ylim=(min(high[1], rows), max(low[1], 0)), xticks=[], yticks=[])


if __name__ == "__main__":
    main()
