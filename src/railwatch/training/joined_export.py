"""Writes the joined network as the file that the detector reads."""

import copy
import json
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from railwatch.services.detector.cars.joined import MADE
from railwatch.services.detector.cars.wide import CHANNELS, ROWS, WIDTH
from railwatch.training.joined_network import AsRun, Joined

OPSET = 17


def export(network: Joined, made: dict[str, Any], path: Path) -> None:
    """Writes the network with its batch norms folded into the convolutions, and how it was made.

    Args:
        network: fitted.
        made: what goes with it: weights, calibrations, recipe.
        path: of the ONNX file.
    """
    folded = copy.deepcopy(network).float().eval()
    for layer in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        first, second = layer[0], layer[1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layer[0], layer[1] = nn.utils.fusion.fuse_conv_bn_eval(first, second), nn.Identity()
    run = AsRun(folded).eval()
    example = torch.zeros(CHANNELS, 32 * ROWS, WIDTH), torch.zeros(32, folded.from_features.in_channels)
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
