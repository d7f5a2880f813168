"""A small convolutional network along one axis. At run time it is plain matrix products."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.imagery.arrays import Floats

# Number of inputs computed at a time, which stay in the processor's cache.
CHUNK = 2048


@dataclass(frozen=True)
class Network:
    """Dense layer, residual dilated convolutions of width 3 (Yu and Koltun, 2016), dense output.

    Attributes:
        mean: (f,), of the inputs.
        scale: (f,), one over their standard deviation.
        enter: (f + 1, c); the last row is the bias, here and below.
        blocks: (3 c + 1, c) each, with dilations 1, 2, 4 and so on.
        leave: (c + 1, classes).
    """

    mean: Floats
    scale: Floats
    enter: Floats
    blocks: tuple[Floats, ...]
    leave: Floats

    def __call__(self, inputs: Floats) -> Floats:
        """Logits (n, classes) of inputs (n, f)."""
        logits = np.empty((len(inputs), self.leave.shape[1]), np.float32)
        reach = 2 ** len(self.blocks) - 1
        for first in range(0, len(inputs), CHUNK):
            start = max(first - reach, 0)
            around = self._logits(inputs[start : first + CHUNK + reach])
            logits[first : first + CHUNK] = around[first - start :][:CHUNK]
        return logits

    def _logits(self, inputs: Floats) -> Floats:
        hidden = _relu(_affine((inputs - self.mean) * self.scale, self.enter))
        for depth, weights in enumerate(self.blocks):
            hidden += _relu(_convolved(hidden, weights, 2**depth))
        return _affine(hidden, self.leave)


def load_network(arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> Network:
    """A network from the arrays of a model file."""
    part = {
        name.removeprefix(prefix): np.asarray(values, np.float32)
        for name, values in arrays.items()
        if name.startswith(prefix)
    }
    blocks = tuple(part[f"block{depth}"] for depth in range(sum(name.startswith("block") for name in part)))
    return Network(part["mean"], part["scale"], part["enter"], blocks, part["leave"])


def _convolved(hidden: Floats, weights: Floats, dilation: int) -> Floats:
    """(n, c): a convolution of each row with the rows `dilation` before and after it; 0 beyond the ends."""
    c = hidden.shape[1]
    out = _affine(hidden, weights[[*range(c, 2 * c), -1]])
    if dilation < len(hidden):
        out[dilation:] += hidden[:-dilation] @ weights[:c]
        out[:-dilation] += hidden[dilation:] @ weights[2 * c : 3 * c]
    return out


def _affine(values: Floats, weights: Floats) -> Floats:
    return np.asarray(values @ weights[:-1] + weights[-1])


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0, out=values)
