"""The network that finds axes: convolutions over the pictures across a line, the same at every place across it."""

from torch import Tensor, nn

# Two networks of different widths: the detector takes their mean.
WIDTHS = ((10, 16, 24, 28, 28, 28), (12, 20, 32, 40, 40, 40))
# Dilations along and across of the convolutions; the first two halve the rows.
DILATIONS = ((1, 1), (1, 1), (1, 2), (2, 4), (4, 4), (8, 2))
HALVED = 2


class Axes(nn.Module):
    """Log-odds that the axis of a track lies at each place, (b, rows / 4, w) of planes (b, p, rows, w)."""

    def __init__(self, planes: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = planes
        for number, (after, dilation) in enumerate(zip(channels, DILATIONS, strict=True)):
            stride = (2, 1) if number < HALVED else (1, 1)
            layers += [
                nn.Conv2d(before, after, 3, stride=stride, padding=dilation, dilation=dilation, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before = after
        self.layers = nn.Sequential(*layers)
        self.leave = nn.Conv2d(before, 1, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Log-odds."""
        logits: Tensor = self.leave(self.layers(planes))[:, 0]
        return logits
