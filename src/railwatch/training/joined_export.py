"""Writes the joined network as the file that the detector reads."""

import json
from pathlib import Path
from typing import Any

import onnx
import torch

from railwatch.services.detector.cars.joined import MADE
from railwatch.services.detector.cars.wide import CHANNELS, ROWS, WIDTH
from railwatch.training.joined_network import AsRun, Joined
from railwatch.training.onnx_files import OPSET, folded


def export(network: Joined, made: dict[str, Any], path: Path) -> None:
    """Writes the network with its batch norms folded into the convolutions, and how it was made.

    Args:
        network: fitted.
        made: what goes with it: weights, calibrations, recipe.
        path: of the ONNX file.
    """
    run = AsRun(folded(network)).eval()
    example = torch.zeros(CHANNELS, 32 * ROWS, WIDTH), torch.zeros(32, network.from_features.in_channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        run,
        example,
        str(path),
        input_names=["planes", "features"],
        output_names=["logits"],
        dynamic_axes={"planes": {1: "rows"}, "features": {0: "samples"}, "logits": {0: "samples"}},
        opset_version=OPSET,
        dynamo=False,
    )
    write_made(path, made)


def write_made(path: Path, made: dict[str, Any]) -> None:
    """Writes anew what goes with the network; its weights stay."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {MADE: json.dumps(made, sort_keys=True)})
    onnx.save(model, str(path))
