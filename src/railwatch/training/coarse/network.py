"""The network that sees trains in coarse pixels: a small picture about each sample, then all samples of a track."""

import torch
from torch import Tensor, nn

from railwatch.services.detector.coarse.planes import PLANES
from railwatch.services.detector.coarse.strips import ACROSS_M

# Channels of the two convolutions over the picture, and along the track.
PICTURE, ALONG = (20, 28), 40
# Of the convolutions along the track: 2 m to 32 m.
DILATIONS = (1, 2, 4, 8, 16)
DROPPED = 0.1


class Trains(nn.Module):
    """Log-odds that a sample is under a train, (b, n) of planes (b, p, n, w)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = PLANES
        for after in PICTURE:
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.picture = nn.Sequential(*layers)
        self.across = nn.Conv2d(before, ALONG, (1, len(ACROSS_M)))
        self.along = nn.ModuleList(
            nn.Conv1d(ALONG, ALONG, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.leave = nn.Sequential(nn.Dropout(DROPPED), nn.Conv1d(ALONG, 1, 1))

    def forward(self, planes: Tensor) -> Tensor:
        """Log-odds."""
        hidden = torch.relu(self.across(self.picture(planes))[..., 0])
        for convolution in self.along:
            hidden = hidden + torch.relu(convolution(hidden))
        logits: Tensor = self.leave(hidden)[:, 0]
        return logits
