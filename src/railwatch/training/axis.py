"""`python -m railwatch.training.axis`: makes the file of the networks that find axes, from rendered scenes alone.

They learn from the strips that `railwatch.training.joined` gathers, and gather them if they are not there yet.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from railwatch.services.detector.tracks.across import ACROSS_M, PLANES
from railwatch.services.detector.tracks.axes import AXES_FILE, SEEN
from railwatch.training.axis_fit import fit_axes
from railwatch.training.axis_network import WIDTHS, Axes
from railwatch.training.gathering import gathered
from railwatch.training.onnx_files import export_planes, folded
from railwatch.training.table import write_losses

STEPS, RATE, SEED, SCENES = 5600, 3e-3, 100_000, 400


def main() -> None:
    """Parses the command line, fits, and writes the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=SCENES, help="rendered scenes to learn from")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first scene")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of the optimiser")
    parser.add_argument("--cache", type=Path, default=Path("build/joined"), help="strips and checkpoints")
    parser.add_argument("--out", type=Path, default=AXES_FILE, help="the file")
    arguments = parser.parse_args()
    cache = arguments.cache
    cache.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.seed, arguments.seed + arguments.scenes)
    scenes = [partial(gathered, cache, seed) for seed in seeds]
    networks = [
        fit_axes(
            scenes,
            channels,
            arguments.steps,
            RATE,
            arguments.seed + number,
            cache / f"axes-{number}.pt",
            partial(write_losses, cache / f"axes-{number}-losses.tsv"),
        )
        for number, channels in enumerate(WIDTHS)
    ]
    export_axes(networks, arguments.out)


def export_axes(networks: Sequence[Axes], path: Path) -> None:
    """Writes the file that the detector reads: planes (p, rows, w) in, the mean log-odds (rows / 4, offsets) out.

    The odds are given only at places across which the planes show all that the network sees.
    """
    run = [folded(network) for network in networks]
    for layer in (layer for network in run for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)):
        layer.padding = (int(layer.padding[0]), 0)
    export_planes(run, torch.zeros(PLANES, 64, len(ACROSS_M[SEEN])), path)


if __name__ == "__main__":
    main()
