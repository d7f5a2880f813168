"""The joined network: convolutions over wide strips, features through one dense layer, dilated convolutions along."""

import torch
from torch import Tensor, nn

from railwatch.shared.counts import CarKind

CLASSES = 3
# Channels of the convolutions over the strip, and along the track.
FRONT = (16, 32, 36, 44)
CHANNELS = 64
BLOCKS = 6
# Either way of looking is left out in so many windows, so that neither is relied on alone.
BLIND = 0.12
# How often the convolutions halve the columns.
HALVED = 3


class Joined(nn.Module):
    """Log-odds of empty track, body and coupling gap from pixels and features.

    Pixels: four convolutions that halve rows once and columns thrice (batch norms, which fold into them), then a dense
    layer a sample. Features: a dense layer. Their sum runs through residual convolutions of width 3 with dilations 1
    to 32 (Yu and Koltun, ICLR 2016), as in `detector.tracks.network`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, planes: int, features: int, width: int) -> None:
        super().__init__()
        a, b, c, d = FRONT
        self.first = nn.Sequential(_layer(planes, a, (1, 2)), _layer(a, b, (2, 1)), _layer(b, c, (1, 2)))
        self.last = _layer(c, d, (1, 2))
        columns = width
        for _ in range(HALVED):
            columns = (columns + 1) // 2
        self.mask = nn.Conv2d(c, 1, 1)
        self.from_pixels = nn.Conv1d(d * columns, CHANNELS, 1)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.from_features = nn.Conv1d(features + 1, CHANNELS, 1)
        self.along = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=2**depth, dilation=2**depth) for depth in range(BLOCKS)
        )
        self.leave = nn.Conv1d(CHANNELS, CLASSES, 1)
        self.kind = nn.Conv1d(CHANNELS, len(CarKind), 1)

    def forward(self, planes: Tensor, features: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (b, 3, n), of bodies (b, n, columns) on patches, and of kinds of car (b, kinds, n).

        Args:
            planes: (b, channels, 2 n, w).
            features: (b, f, n), standardised; the last says whether there is a baseline.
            keep: (b, 2), factors of pixels and of features; 1 and 1 at run time.
        """
        seen = self.first(planes)
        mask = self.mask(seen)[:, 0]
        pixels = self.from_pixels(self.last(seen).permute(0, 1, 3, 2).flatten(1, 2))
        known = self.from_features(features)
        if keep is not None:
            pixels, known = pixels * keep[:, :1, None], known * keep[:, 1:, None]
        hidden = torch.relu(pixels + known)
        for block in self.along:
            hidden = hidden + torch.relu(block(hidden))
        return self.leave(hidden), mask, self.kind(hidden)


class AsRun(nn.Module):
    """The network as it runs: one long strip in, features as they are measured, logits of both heads out."""

    def __init__(self, joined: Joined) -> None:
        super().__init__()
        self.joined = joined

    def forward(self, planes: Tensor, features: Tensor) -> Tensor:
        """Logits (n, 3 + kinds) of planes (channels, 2 n, w) and features (n, f + 1), the last 1 with a baseline."""
        known = (features[:, :-1] - self.joined.mean) * self.joined.scale
        inputs = torch.cat([known, features[:, -1:]], dim=1).T[None]
        logits, _, kinds = self.joined(planes[None], inputs)
        return torch.cat([logits[0], kinds[0]]).T


def _layer(inputs: int, outputs: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
