"""ONNX files of fitted networks, as the detector reads them."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import onnx
import torch
from torch import Tensor, nn

OPSET = 17

Module = TypeVar("Module", bound=nn.Module)


def folded(network: Module) -> Module:
    """A copy of a network as it runs, with its batch norms folded into the convolutions before them."""
    out = copy.deepcopy(network).float().eval()
    for sequence in [module for module in out.modules() if isinstance(module, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            first, second = sequence[place], sequence[place + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                sequence[place] = nn.utils.fusion.fuse_conv_bn_eval(first, second)
                sequence[place + 1] = nn.Identity()
    return out


def export_planes(networks: Sequence[nn.Module], planes: Tensor, path: Path) -> None:
    """Writes the file of networks that give log-odds of planes; the file gives their mean.

    Args:
        networks: as they run, each of a batch of planes (b, p, n, w).
        planes: (p, n, w), an example; n may be any number in use.
        path: of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        _Mean(networks).eval(),
        (planes,),
        str(path),
        input_names=["planes"],
        output_names=["odds"],
        dynamic_axes={"planes": {1: "samples"}, "odds": {0: "places"}},
        opset_version=OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))


class _Mean(nn.Module):
    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, planes: Tensor) -> Tensor:
        return torch.stack([network(planes[None])[0] for network in self.networks]).mean(dim=0)
