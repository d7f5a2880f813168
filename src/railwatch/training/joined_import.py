"""Reads a joined network's file back, so that training can go on from a network that was shipped."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from railwatch.training.joined_network import Joined


def start_from(network: Joined, path: Path) -> None:
    """Gives a network the weights of a file.

    The file has batch norms folded into the convolutions. Here they get no spread and the convolution's bias, so that
    the network gives what the file gives. They then stay as they are: `frozen` says so to the fit.

    Args:
        network: gets the weights. Layers that the file does not have keep theirs.
        path: of the ONNX file.
    """
    known = {
        part.name.removeprefix("joined.").replace("from_figures", "from_features"): torch.from_numpy(
            numpy_helper.to_array(part).copy()
        )
        for part in onnx.load(str(path)).graph.initializer
    }
    state = network.state_dict()
    for name, values in known.items():
        layer, _, part = name.rpartition(".")
        if part == "bias" and layer.startswith(("first.", "last.")):
            norm = layer[:-1] + "1"
            state[f"{norm}.bias"] = values
            state[f"{norm}.weight"] = torch.ones_like(values)
            state[f"{norm}.running_mean"] = torch.zeros_like(values)
            state[f"{norm}.running_var"] = torch.ones_like(values) - nn.BatchNorm2d(1).eps
        else:
            state[name] = values
    network.load_state_dict(state)


def frozen(network: Joined) -> None:
    """Keeps the statistics of batch norms as they are while the rest learns."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
