"""Fits the network that finds axes: a log-odds at every place across a line, AdamW, averaged weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from railwatch.services.detector.tracks.across import BASELINE, LIGHT, PLANES, PRESENT
from railwatch.services.detector.tracks.axes import ROWS
from railwatch.training.axis_network import Axes
from railwatch.training.axis_variants import AxisStrips, axis_strips
from railwatch.training.gathering import WideScene
from railwatch.training.steps import Fit

# Rows of a window, and windows of a step.
WINDOW, BATCH = 96, 24
# Variants that are held, and how often each window's worth of one is drawn before it is replaced.
HELD, DRAWS = 96, 10.0
PAINTED, PROCESSED, ALONE = 0.8, 0.65, 0.55
# The picture ends within a window's width now and then; now and then the baseline is hidden.
ENDS, HIDDEN = 0.2, 0.1
# Rails, sleepers and bed may be brighter or darker than each other anywhere, so light is inverted now and then.
INVERTED = 0.25
# An axis is one place in a dozen.
AXIS_WEIGHT = 2.0


@dataclass
class _Pool:
    scenes: Sequence[Callable[[], tuple[WideScene, ...]]]
    rng: np.random.Generator
    variants: list[AxisStrips] = field(default_factory=list)
    made: float = 0.0
    drawn: float = 0.0

    def refill(self) -> None:
        rng = self.rng
        while len(self.variants) < BATCH or self.made * DRAWS < self.drawn:
            scenes = self.scenes[int(rng.integers(len(self.scenes)))]()
            if not scenes:
                continue
            paint, process, single = (bool(rng.random() < share) for share in (PAINTED, PROCESSED, ALONE))
            scene = scenes[int(rng.integers(len(scenes)))]
            made = axis_strips(scene, rng, paint=paint, process=process, single=single)
            if made.planes.shape[1] <= WINDOW:
                continue
            self.variants.append(made)
            self.made += made.planes.shape[1] / WINDOW
            if len(self.variants) > HELD:
                self.variants.pop(0)

    def window(self) -> AxisStrips:
        rng = self.rng
        part = self.variants[int(rng.integers(len(self.variants)))]
        start = int(rng.integers(part.planes.shape[1] - WINDOW))
        planes, wanted, weight = (
            values[..., start : start + WINDOW, :] for values in (part.planes, part.wanted, part.weight)
        )
        if rng.random() < 0.5:
            planes, wanted, weight = planes[..., ::-1], wanted[:, ::-1], weight[:, ::-1]
        if rng.random() < 0.5:
            planes, wanted, weight = planes[:, ::-1], wanted[::-1], weight[::-1]
        planes, weight = planes.copy(), weight.copy()
        if rng.random() < ENDS:
            beyond = int(rng.integers(4, 16))
            planes[:PRESENT, :, :beyond] = 0
            weight[:, :beyond] = 0
        if rng.random() < INVERTED:
            planes[list(LIGHT)] *= -1
        if rng.random() < HIDDEN:
            planes[list(BASELINE)] = 0
        self.drawn += 1
        return AxisStrips(planes, wanted[::ROWS], weight[::ROWS])


def fit_axes(
    scenes: Sequence[Callable[[], tuple[WideScene, ...]]],
    channels: tuple[int, ...],
    steps: int,
    rate: float,
    seed: int,
    checkpoint: Path,
    tell: Callable[[int, dict[str, float]], None],
) -> Axes:
    """Fits a network, or goes on from a checkpoint.

    Args:
        scenes: loads the strips of each rendered scene.
        channels: of its convolutions.
        steps: of the optimiser.
        rate: of learning, at its highest.
        seed: of all chance.
        checkpoint: where state is kept.
        tell: is given step and losses every so often.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = Axes(PLANES, channels).to(memory_format=torch.channels_last)
    fit = Fit.of(network, steps, rate, seed)
    fit.resume(checkpoint)
    pool = _Pool(scenes, fit.rng)

    def losses() -> dict[str, Tensor]:
        pool.refill()
        return {"loss": _loss(network, [pool.window() for _ in range(BATCH)])}

    fit.run(steps, losses, checkpoint, tell)
    fitted: Axes = fit.average.module  # type: ignore[assignment]
    return fitted


def _loss(network: Axes, drawn: list[AxisStrips]) -> Tensor:
    planes, wanted, weight = (
        torch.from_numpy(np.stack(parts).astype(np.float32))
        for parts in zip(*((part.planes, part.wanted, part.weight) for part in drawn), strict=True)
    )
    network.train()
    odds = network(planes.contiguous(memory_format=torch.channels_last))
    each = nn.functional.binary_cross_entropy_with_logits(
        odds, wanted, reduction="none", pos_weight=torch.tensor(AXIS_WEIGHT)
    )
    return (each * weight).sum() / weight.sum().clamp(min=1)
