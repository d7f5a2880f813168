"""Fits the joined network: cross-entropy per sample and an auxiliary mask of bodies; AdamW, averaged weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.wide import CHANNELS, WIDTH
from railwatch.training.gathering import WideScene
from railwatch.training.joined_network import BLIND, Joined
from railwatch.training.pool import Pool, Window
from railwatch.training.variants import Prepared

Floats = NDArray[np.float32]

# Of standardised features, as in `railwatch.training.fit`.
NOISE, SHIFT, HIDDEN = 0.15, 0.1, 0.1
MASK_WEIGHT = 0.3
DECAY = 0.02
KEEP_AVERAGE = 0.998


@dataclass(frozen=True)
class Plan:
    """How the network is fitted.

    Attributes:
        steps: of the optimiser.
        batch: windows a step.
        rate: of learning, at its highest.
        seed: of all chance.
        every_s: seconds between checkpoints.
    """

    steps: int = 9000
    batch: int = 32
    rate: float = 2e-3
    seed: int = 100_000
    every_s: float = 300.0


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
    scenes: list[Callable[[], tuple[WideScene, ...]]],
    plan: Plan,
    checkpoint: Path,
    tell: Callable[[int, Joined, dict[str, float]], None],
) -> Joined:
    """Fits the network, or goes on from a checkpoint.

    Args:
        scenes: loads the strips of each rendered scene.
        plan: how.
        checkpoint: where state is kept.
        tell: is given step, averaged network and losses every so often.
    """
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)
    pool = Pool(scenes, np.random.default_rng(plan.seed))
    network = Joined(CHANNELS, len(structure(with_baseline=True).order), WIDTH).to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    fitted: Joined = average.module  # type: ignore[assignment]
    optimiser = torch.optim.AdamW(network.parameters(), plan.rate, betas=(0.9, 0.98), weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, plan.steps))
    step = _resumed(checkpoint, network, average, optimiser, schedule, pool)
    pool.fill()
    if step == 0:
        network.mean, network.scale = standard(pool.variants)
        fitted.mean, fitted.scale = network.mean.clone(), network.scale.clone()
    saved, totals = time.monotonic(), np.zeros(3)
    while step < plan.steps:
        pool.refill()
        step += 1
        totals += [*_step(network, optimiser, pool, plan.batch), 1]
        schedule.step()
        average.update_parameters(network)
        if step % 250 == 0 or step == plan.steps:
            tell(step, fitted, {"loss": totals[0] / totals[2], "mask": totals[1] / totals[2]})
            totals[:] = 0
        if time.monotonic() - saved > plan.every_s or step == plan.steps:
            _keep(checkpoint, step, network, average, optimiser, schedule, pool)
            saved = time.monotonic()
    return fitted


def _averaged(average: Tensor, now: Tensor, number: Tensor | int) -> Tensor:
    return KEEP_AVERAGE * average + (1 - KEEP_AVERAGE) * now if now.is_floating_point() else now


def _pace(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * min(step / steps, 1.0)))))


def _step(network: Joined, optimiser: torch.optim.Optimizer, pool: Pool, batch: int) -> tuple[float, float]:
    rng = pool.rng
    drawn = [pool.window() for _ in range(batch)]
    planes = torch.from_numpy(np.stack([part.planes for part in drawn])).to(torch.bfloat16)
    labels = torch.from_numpy(np.stack([part.labels for part in drawn]).astype(np.int64))
    bodies = torch.from_numpy(np.stack([part.bodies for part in drawn]))
    features = torch.from_numpy(_figures(drawn, network, rng))
    keep = np.ones((batch, 2), np.float32)
    blind = rng.random(batch)
    keep[blind < BLIND] = 0, 1.3
    keep[blind > 1 - 2 * BLIND] = 1.3, 0
    network.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, mask = network(planes.contiguous(memory_format=torch.channels_last), features, torch.from_numpy(keep))
    weight = torch.tensor([1.0, 1.0, 1.5])
    known = labels.clone()
    known[known < 0] = -100
    loss = nn.functional.cross_entropy(logits.float(), known, weight, label_smoothing=0.01)
    aside = nn.functional.binary_cross_entropy_with_logits(mask.float(), bodies)
    optimiser.zero_grad()
    (loss + MASK_WEIGHT * aside).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    return float(loss.detach()), float(aside.detach())


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


def _keep(
    checkpoint: Path,
    step: int,
    network: Joined,
    average: torch.optim.swa_utils.AveragedModel,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    pool: Pool,
) -> None:
    state = {
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "chance": pool.rng.bit_generator.state,
    }
    aside = checkpoint.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(checkpoint)


def _resumed(
    checkpoint: Path,
    network: Joined,
    average: torch.optim.swa_utils.AveragedModel,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    pool: Pool,
) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=False)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    pool.rng.bit_generator.state = state["chance"]
    return int(state["step"])
