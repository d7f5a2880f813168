"""What the fits in PyTorch have in common: a rate that falls, weights that are averaged, and checkpoints."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Share of the average that is kept at each step, and the decay of weights.
KEEP_AVERAGE = 0.998
DECAY = 0.02
# The rate rises over the first steps, and falls to this share of its highest.
RISE, LEAST = 150, 0.02
# Steps from one line of the table of losses to the next, and seconds between checkpoints.
TOLD, EVERY_S = 200, 300.0


@dataclass
class Fit:
    """A network while it is fitted.

    Attributes:
        network: learns.
        average: of its weights; the one to keep.
        optimiser: AdamW.
        schedule: of the rate.
        rng: of all chance but the first weights.
        step: that was done last.
    """

    network: nn.Module
    average: torch.optim.swa_utils.AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    rng: np.random.Generator
    step: int = 0

    @classmethod
    def of(cls, network: nn.Module, steps: int, rate: float, seed: int) -> "Fit":
        """Begins to fit a network in so many steps, with the highest rate of learning."""
        average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
        optimiser = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.98), weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, steps))
        return cls(network, average, optimiser, schedule, np.random.default_rng(seed))

    def learn(self, loss: Tensor) -> None:
        """One step against the gradient of a loss."""
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.step += 1

    def run(
        self,
        steps: int,
        losses: Callable[[], dict[str, Tensor]],
        checkpoint: Path,
        tell: Callable[[int, dict[str, float]], None],
    ) -> None:
        """Steps until so many are done.

        Args:
            steps: how many, with those before.
            losses: of new windows; the first is learned from, the others are only told.
            checkpoint: where state is kept.
            tell: is given step and mean losses every so often, and at the end.
        """
        saved, told = time.monotonic(), []
        while self.step < steps:
            found = losses()
            self.learn(next(iter(found.values())))
            told.append({name: float(loss.detach()) for name, loss in found.items()})
            if self.step % TOLD == 0 or self.step == steps:
                tell(self.step, {name: sum(one[name] for one in told) / len(told) for name in found})
                told.clear()
            if time.monotonic() - saved > EVERY_S or self.step == steps:
                self.keep(checkpoint)
                saved = time.monotonic()

    def keep(self, checkpoint: Path) -> None:
        """Writes all state; a run that is stopped meanwhile leaves the last checkpoint whole."""
        parts = ("network", "average", "optimiser", "schedule")
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in parts}
        aside = checkpoint.with_suffix(".part")
        torch.save({**state, "step": self.step, "chance": self.rng.bit_generator.state}, aside)
        aside.replace(checkpoint)

    def resume(self, checkpoint: Path) -> None:
        """Goes on from a checkpoint, if there is one."""
        if not checkpoint.exists():
            return
        state = torch.load(checkpoint, weights_only=False)
        for name in ("network", "average", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.rng.bit_generator.state = state["chance"]
        self.step = int(state["step"])


def _averaged(average: Tensor, now: Tensor, number: Tensor | int) -> Tensor:
    return KEEP_AVERAGE * average + (1 - KEEP_AVERAGE) * now if now.is_floating_point() else now


def _pace(step: int, steps: int) -> float:
    falling = 0.5 * (1 + float(np.cos(np.pi * min(step / steps, 1.0))))
    return min(1.0, (step + 1) / RISE) * (LEAST + (1 - LEAST) * falling)
