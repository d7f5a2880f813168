"""Fits the evidence network: cross-entropy per sample of track, Adam, by hand in numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.features import Structure
from railwatch.services.detector.tracks.network import Network

Floats = NDArray[np.float32]

# Empty track, body and gap.
CLASSES = 3
# Residual blocks of the network.
BLOCKS = 6
# Length of a window along the track, and windows in a batch.
WINDOW = 192
BATCH = 48
# Share of windows whose sun is withheld.
WITHOUT_SUN = 0.3
# For standardised features: noise on each, a shift common to a group, and how often a whole group is hidden, so that
# the network relies on no kind of feature alone.
NOISE = 0.2
SHIFT = 0.1
HIDDEN = 0.1
# Weight decay, per step and learning rate.
DECAY = 0.02


@dataclass(frozen=True)
class Sample:
    """The tracks of one picture.

    Attributes:
        features: (n, f), as `cars.features` gives them.
        labels: (n,), 0 empty track, 1 body, 2 coupling gap, -1 unknown.
        weight: how often it is drawn, relative to its length.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.int8]
    weight: float = 1.0


def fit_network(
    samples: list[Sample], structure: Structure, seed: int, *, steps: int, channels: int, rate: float = 2e-3
) -> Network:
    """A network fitted to samples; the same seed gives the same network.

    Windows of the strips are drawn at random, mirrored across and along, with noise and, now and then, without a sun.

    Args:
        samples: what to learn from.
        structure: of the features.
        seed: of all chance.
        steps: of the optimiser.
        channels: of the network.
        rate: of learning, at its highest.
    """
    rng = np.random.default_rng(seed)
    mean, scale = _standard(samples)
    parameters = _initial(rng, len(mean), channels)
    first = [np.zeros_like(values) for values in parameters]
    second = [np.zeros_like(values) for values in parameters]
    drawing = _Drawing(samples, mean, scale, structure)
    average = [values.copy() for values in parameters]
    for step in range(1, steps + 1):
        inputs, labels = drawing.batch(rng)
        _, gradients = loss_and_gradients(parameters, inputs, labels)
        pace = rate * min(1.0, step / 100) * 0.5 * (1 + np.cos(np.pi * step / steps))
        for number, gradient in enumerate(gradients):
            first[number] += 0.1 * (gradient - first[number])
            second[number] += 0.002 * (gradient**2 - second[number])
            move = (first[number] / (1 - 0.9**step)) / (np.sqrt(second[number] / (1 - 0.998**step)) + 1e-8)
            parameters[number] -= np.float32(pace) * (move + np.float32(DECAY) * parameters[number])
            average[number] += np.float32(max(0.005, 1 / step)) * (parameters[number] - average[number])
    return Network(mean, scale, average[0], tuple(average[1:-1]), average[-1])


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
        self.groups, self.signed = structure.groups, structure.signed
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
        for group in map(list, self.signed):
            inputs[:, :, group] *= rng.choice(np.array([-1, 1], np.float32), (BATCH, 1, 1))
        return inputs, np.stack(labels)


def _initial(rng: np.random.Generator, features: int, channels: int) -> list[Floats]:
    def layer(inputs: int, outputs: int, gain: float) -> Floats:
        weights = rng.standard_normal((inputs + 1, outputs)) * gain * np.sqrt(2 / inputs)
        weights[-1] = 0
        return np.asarray(weights, np.float32)

    middle = [layer(3 * channels, channels, 0.5) for _ in range(BLOCKS)]
    return [layer(features, channels, 1.0), *middle, layer(channels, CLASSES, 0.3)]


def loss_and_gradients(
    parameters: list[Floats], inputs: Floats, labels: NDArray[np.int8]
) -> tuple[float, list[Floats]]:
    """The mean cross-entropy over known samples of track, and its gradients.

    Args:
        parameters: of each layer, as in `Network`.
        inputs: (windows, length, features), standardised.
        labels: (windows, length), -1 where unknown.
    """
    batch, _, features = inputs.shape
    flat = inputs.reshape(-1, features)
    before = flat @ parameters[0][:-1] + parameters[0][-1]
    hidden = np.maximum(before, 0)
    masks, contexts = [before > 0], []
    for depth, weights in enumerate(parameters[1:-1]):
        context = _neighbours(hidden, batch, 2**depth)
        before = context @ weights[:-1] + weights[-1]
        contexts.append(context)
        masks.append(before > 0)
        hidden = hidden + np.maximum(before, 0)
    logits = hidden @ parameters[-1][:-1] + parameters[-1][-1]
    logits -= logits.max(axis=1, keepdims=True)
    error = np.exp(logits)
    error /= error.sum(axis=1, keepdims=True)
    known = labels.reshape(-1) >= 0
    right = np.flatnonzero(known), labels.reshape(-1)[known]
    number = np.float32(max(len(right[0]), 1))
    loss = -float(np.log(error[right] + 1e-12).sum() / number)
    error[right] -= 1
    error[~known] = 0
    error /= number
    gradients = [_layer_gradient(hidden, error)]
    back = error @ parameters[-1][:-1].T
    for depth in range(len(contexts) - 1, -1, -1):
        through = back * masks[depth + 1]
        gradients.append(_layer_gradient(contexts[depth], through))
        back = back + _gathered(through @ parameters[depth + 1][:-1].T, batch, 2**depth)
    gradients.append(_layer_gradient(flat, back * masks[0]))
    return loss, gradients[::-1]


def _layer_gradient(inputs: Floats, error: Floats) -> Floats:
    return np.concatenate([inputs.T @ error, error.sum(axis=0, keepdims=True)])


def _neighbours(hidden: Floats, batch: int, reach: int) -> Floats:
    """(n, 3 c): each row with those `reach` before and after it in its window, 0 beyond the window's ends."""
    rows = hidden.reshape(batch, -1, hidden.shape[1])
    out = np.zeros((*rows.shape[:2], 3, rows.shape[2]), hidden.dtype)
    out[:, :, 1] = rows
    if reach < rows.shape[1]:
        out[:, reach:, 0] = rows[:, :-reach]
        out[:, :-reach, 2] = rows[:, reach:]
    return out.reshape(len(hidden), -1)


def _gathered(context: Floats, batch: int, reach: int) -> Floats:
    """The adjoint of `_neighbours`."""
    before, here, after = np.split(context.reshape(batch, -1, context.shape[1]), 3, axis=2)
    total = here.copy()
    total[:, :-reach] += before[:, reach:]
    total[:, reach:] += after[:, :-reach]
    return np.asarray(total.reshape(-1, total.shape[2]))
