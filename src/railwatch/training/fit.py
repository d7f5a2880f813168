"""Fits a network that runs along the track on features."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from railwatch.services.detector.cars.features import Structure
from railwatch.services.detector.tracks.network import Network

Floats = NDArray[np.float32]

CLASSES = 3
BLOCKS = 6
WINDOW = 192
BATCH = 48
WITHOUT_SUN = 0.3
# Of standardised features: noise on each, a shift that a group has in common, and how often a group is hidden whole, so
# that no kind of feature is relied on alone.
NOISE = 0.2
SHIFT = 0.1
HIDDEN = 0.1
DECAY = 0.02


@dataclass(frozen=True)
class Sample:
    """The tracks of one picture.

    Attributes:
        features: (n, f), as `railwatch.services.detector.cars.features` gives them.
        labels: (n,), 0 empty track, 1 body, 2 coupling gap, -1 unknown.
        weight: how often it is drawn, relative to its length.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.int8]
    weight: float = 1.0


class Along(nn.Module):
    """`railwatch.services.detector.tracks.network.Network` while it learns."""

    def __init__(self, features: int, channels: int, chance: torch.Generator) -> None:
        super().__init__()
        self.enter = nn.Conv1d(features, channels, 1)
        self.leave = nn.Conv1d(channels, CLASSES, 1)
        blocks = [nn.Conv1d(channels, channels, 3, padding=2**depth, dilation=2**depth) for depth in range(BLOCKS)]
        self.blocks = nn.ModuleList(blocks)
        layers = [(self.enter, 1.0), *((block, 0.5) for block in blocks), (self.leave, 0.3)]
        for layer, gain in layers:
            inputs = layer.weight.shape[1] * layer.weight.shape[2]
            nn.init.normal_(layer.weight, 0.0, gain * (2 / inputs) ** 0.5, generator=chance)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (b, classes, samples) of standardised features (b, f, samples)."""
        hidden = torch.relu(self.enter(features))
        for block in self.blocks:
            hidden = hidden + torch.relu(block(hidden))
        logits: Tensor = self.leave(hidden)
        return logits


def fit_network(
    samples: list[Sample], structure: Structure, seed: int, *, steps: int, channels: int, rate: float = 2e-3
) -> Network:
    """A network fitted to samples: cross-entropy per sample, AdamW; the same seed gives the same network.

    Windows of the strips are drawn at random, mirrored across and along, with noise and, now and then, without a sun.

    Args:
        samples: what to learn from.
        structure: of the features.
        seed: of all chance.
        steps: of the optimiser.
        channels: of the network.
        rate: of learning, at its highest.
    """
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    mean, scale = _standard(samples)
    network = Along(len(mean), channels, torch.Generator().manual_seed(seed))
    optimiser = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.998), weight_decay=DECAY)
    pace = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step + 1, steps))
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged)
    drawing = _Drawing(samples, mean, scale, structure)
    for _ in range(steps):
        inputs, labels = drawing.batch(rng)
        logits = network(torch.from_numpy(inputs.transpose(0, 2, 1).astype(np.float32)))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels.astype(np.int64)), ignore_index=-1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        pace.step()
        average.update_parameters(network)
    fitted: Along = average.module  # type: ignore[assignment]
    return as_run(fitted, mean, scale)


def as_run(network: Along, mean: Floats, scale: Floats) -> Network:
    """The network as the detector runs it, in numpy."""
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv1d)]
    enter, leave, *blocks = (_weights(layer) for layer in convolutions)
    return Network(mean, scale, enter, tuple(blocks), leave)


def _weights(layer: nn.Conv1d) -> Floats:
    """(3 c + 1 or c + 1, outputs): what lies before, here and after, and the bias."""
    weights = layer.weight.detach().numpy().transpose(2, 1, 0)
    bias = np.zeros(weights.shape[2]) if layer.bias is None else layer.bias.detach().numpy()
    return np.asarray(np.concatenate([*weights, bias[None]]), dtype=np.float32)


def _pace(step: int, steps: int) -> float:
    return min(1.0, step / 100) * 0.5 * (1 + float(np.cos(np.pi * min(step / steps, 1.0))))


def _averaged(average: Tensor, now: Tensor, number: Tensor | int) -> Tensor:
    return average + max(0.005, 1 / (int(number) + 1)) * (now - average)


def _standard(samples: list[Sample]) -> tuple[Floats, Floats]:
    """The mean of every feature, and one over its spread."""
    some = np.concatenate([sample.features[sample.labels >= 0][::7] for sample in samples]).astype(np.float32)
    return some.mean(axis=0), (1 / (some.std(axis=0) + np.float32(0.05))).astype(np.float32)


class _Drawing:
    """Draws windows, standardised, noisy and mirrored at random."""

    def __init__(self, samples: list[Sample], mean: Floats, scale: Floats, structure: Structure) -> None:
        self.samples = [sample for sample in samples if len(sample.labels) > WINDOW]
        size = np.array([sample.weight * len(sample.labels) for sample in self.samples])
        self.chance = size / size.sum()
        self.mean, self.scale = mean, scale
        self.groups = structure.groups
        self.order, self.across, self.along = structure.order, structure.across, structure.along
        self.sun = [int(place) + more for place in np.flatnonzero(self.across < 0) for more in range(3)]

    def batch(self, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int8]]:
        features: list[Floats] = []
        labels: list[NDArray[np.int8]] = []
        for number in rng.choice(len(self.samples), BATCH, p=self.chance):
            sample = self.samples[number]
            start = int(rng.integers(len(sample.labels) - WINDOW))
            part, known = (
                sample.features[start : start + WINDOW].astype(np.float32),
                sample.labels[start : start + WINDOW],
            )
            if rng.random() < WITHOUT_SUN:
                part[:, self.sun] = 0
            if rng.random() < 0.5:
                part = part[:, self.order] * self.across
            if rng.random() < 0.5:
                part, known = part[::-1] * self.along, known[::-1]
            features.append(part)
            labels.append(known)
        inputs = (np.stack(features) - self.mean) * self.scale
        inputs *= 1 + 0.1 * rng.standard_normal((BATCH, 1, 1)).astype(np.float32)
        inputs += NOISE * rng.standard_normal(inputs.shape, dtype=np.float32)
        for group in map(list, self.groups):
            inputs[:, :, group] *= (rng.random(BATCH) >= HIDDEN)[:, None, None]
            inputs[:, :, group] += SHIFT * rng.standard_normal((BATCH, 1, 1), dtype=np.float32)
        return inputs, np.stack(labels)
