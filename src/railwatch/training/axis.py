"""`python -m railwatch.training.axis`: makes the file of the network that finds axes, from rendered scenes alone.

It learns from the strips that `railwatch.training.joined` gathers, and gathers them if they are not there yet.
"""

import argparse
from functools import partial
from pathlib import Path

import onnx
import torch

from railwatch.services.detector.tracks.across import ACROSS_M, PLANES
from railwatch.services.detector.tracks.axes import AXES_FILE
from railwatch.training.axis_fit import fit_axes
from railwatch.training.axis_network import Axes
from railwatch.training.gathering import gathered
from railwatch.training.joined_export import OPSET, folded
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
    network = fit_axes(
        [partial(gathered, cache, seed) for seed in seeds],
        arguments.steps,
        RATE,
        arguments.seed,
        cache / "axes.pt",
        partial(write_losses, cache / "axes-losses.tsv"),
    )
    export_axes(network, arguments.out)


def export_axes(network: Axes, path: Path) -> None:
    """Writes the network as the file that the detector reads: planes (p, rows, w) in, log-odds (rows / 4, w) out."""
    run = _AsRun(folded(network)).eval()
    torch.onnx.export(
        run,
        (torch.zeros(PLANES, 64, len(ACROSS_M)),),
        str(path),
        input_names=["planes"],
        output_names=["odds"],
        dynamic_axes={"planes": {1: "rows"}, "odds": {0: "knots"}},
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))


class _AsRun(torch.nn.Module):
    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        odds: torch.Tensor = self.axes(planes[None])[0]
        return odds


if __name__ == "__main__":
    main()
