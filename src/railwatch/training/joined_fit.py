"""Fits the joined network: cross-entropy per sample and an auxiliary mask of bodies; AdamW, averaged weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.wide import CHANNELS, WIDTH
from railwatch.training.gathering import WideScene
from railwatch.training.joined_import import frozen, start_from
from railwatch.training.joined_network import BLIND, Joined
from railwatch.training.pool import Pool, Window
from railwatch.training.steps import Fit
from railwatch.training.variants import Prepared

Floats = NDArray[np.float32]

# Of standardised features, as in `railwatch.training.fit`.
NOISE, SHIFT, HIDDEN = 0.15, 0.1, 0.1
MASK_WEIGHT, KIND_WEIGHT = 0.3, 0.15


@dataclass(frozen=True)
class Plan:
    """How the network is fitted.

    Attributes:
        steps: of the optimiser.
        batch: windows a step.
        rate: of learning, at its highest.
        seed: of all chance.
        start: a joined network's file to go on from; None begins anew.
    """

    steps: int = 9000
    batch: int = 32
    rate: float = 2e-3
    seed: int = 100_000
    start: Path | None = None


def standard(variants: list[Prepared]) -> tuple[Tensor, Tensor]:
    """The mean of every feature and one over its spread; features of a baseline from pairs only."""
    width = len(structure(with_baseline=True).order)
    pairs = np.concatenate([v.features[v.labels >= 0][::3] for v in variants if v.features.shape[1] == width])
    alone = [v.features[v.labels >= 0][::3] for v in variants if v.features.shape[1] < width]
    mean, scale = pairs.mean(axis=0, dtype=np.float64), pairs.std(axis=0, dtype=np.float64)
    if alone:
        first = np.concatenate([*alone, pairs[:, : alone[0].shape[1]]])
        mean[: first.shape[1]], scale[: first.shape[1]] = (
            first.mean(axis=0, dtype=np.float64),
            first.std(axis=0, dtype=np.float64),
        )
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(1 / (scale + 0.05), dtype=torch.float32)


def fit_joined(
    scenes: Sequence[Callable[[], tuple[WideScene, ...]]],
    plan: Plan,
    checkpoint: Path,
    tell: Callable[[int, dict[str, float]], None],
) -> Joined:
    """Fits the network, or goes on from a checkpoint.

    Args:
        scenes: loads the strips of each rendered scene.
        plan: how.
        checkpoint: where state is kept.
        tell: is given step and losses every so often.
    """
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)
    network = Joined(CHANNELS, len(structure(with_baseline=True).order), WIDTH).to(memory_format=torch.channels_last)
    if plan.start is not None:
        start_from(network, plan.start)
    fit = Fit.of(network, plan.steps, plan.rate, plan.seed)
    fitted: Joined = fit.average.module  # type: ignore[assignment]
    fit.resume(checkpoint)
    pool = Pool(scenes, fit.rng)
    pool.fill()
    if fit.step == 0 and plan.start is None:
        network.mean, network.scale = standard(pool.variants)
        fitted.mean, fitted.scale = network.mean.clone(), network.scale.clone()

    def losses() -> dict[str, Tensor]:
        pool.refill()
        return _losses(network, pool, plan)

    fit.run(plan.steps, losses, checkpoint, tell)
    return fitted


def _losses(network: Joined, pool: Pool, plan: Plan) -> dict[str, Tensor]:
    rng, batch = pool.rng, plan.batch
    drawn = [pool.window() for _ in range(batch)]
    planes = torch.from_numpy(np.stack([part.planes for part in drawn]).astype(np.float32))
    labels, words = (
        torch.from_numpy(np.stack(parts).astype(np.int64))
        for parts in zip(*((part.labels, part.kinds) for part in drawn), strict=True)
    )
    bodies = torch.from_numpy(np.stack([part.bodies for part in drawn]))
    features = torch.from_numpy(_figures(drawn, network, rng))
    keep = np.ones((batch, 2), np.float32)
    blind = rng.random(batch)
    keep[blind < BLIND] = 0, 1.3
    keep[blind > 1 - 2 * BLIND] = 1.3, 0
    network.train()
    if plan.start is not None:
        frozen(network)
    logits, mask, kinds = network(
        planes.contiguous(memory_format=torch.channels_last), features, torch.from_numpy(keep)
    )
    weight = torch.tensor([1.0, 1.0, 1.5])
    known = labels.clone()
    known[known < 0] = -100
    loss = nn.functional.cross_entropy(logits, known, weight, label_smoothing=0.01)
    aside = nn.functional.binary_cross_entropy_with_logits(mask, bodies)
    told = nn.functional.cross_entropy(kinds, words, ignore_index=-1) if (words >= 0).any() else 0.0
    return {"all": loss + MASK_WEIGHT * aside + KIND_WEIGHT * told, "loss": loss, "mask": aside}


def _figures(
    drawn: list[Window],
    network: Joined,
    rng: np.random.Generator,
) -> Floats:
    """(batch, f + 1, samples), standardised, with noise, whole groups hidden or shifted now and then."""
    mean, scale = network.mean.numpy(), network.scale.numpy()
    out = np.zeros((len(drawn), len(drawn[0].labels), len(mean) + 1), np.float32)
    for number, window in enumerate(drawn):
        width = window.features.shape[1]
        known = (window.features - mean[:width]) * scale[:width]
        known *= 1 + np.float32(0.1 * rng.standard_normal())
        known += NOISE * rng.standard_normal(known.shape, dtype=np.float32)
        for group in structure(with_baseline=window.paired).groups:
            if rng.random() < HIDDEN:
                known[:, list(group)] = 0
            known[:, list(group)] += np.float32(SHIFT * rng.standard_normal())
        # What is not known without a baseline is as if it had not been measured: 0 before it is standardised.
        out[number, :, :-1] = -mean * scale
        out[number, :, :width], out[number, :, -1] = known, window.paired
    return out.transpose(0, 2, 1)
