"""Fits the network that sees trains in coarse pixels, and writes it as the file that the detector reads."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from railwatch.services.detector.coarse.planes import PLANES, SHADE_PLANE, View
from railwatch.services.detector.coarse.strips import ACROSS_M
from railwatch.training.coarse.network import Trains
from railwatch.training.coarse.painting import painted
from railwatch.training.coarse.samples import Sample
from railwatch.training.onnx_files import export_planes, folded
from railwatch.training.steps import Fit

# Samples of a window, and windows of a step.
WINDOW, BATCH = 128, 32
# A track with fewer samples shows too little, and one with more has no more weight.
FEWEST, MOST = 20, 600
# Chances: of trains painted onto a window, of a grey pair, of an unknown sun, and of more noise.
PAINTED, GREY, NO_SUN, NOISY = 0.75, 0.15, 0.3, 0.5
# The scene's contrast and noise are taken for other ones, by these factors' logarithms.
OTHER_CONTRAST, OTHER_NOISE = 0.25, 0.3
# Most that noise adds, in units of the contrast.
MOST_NOISE = 0.12

Window = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def fit_network(
    samples: Sequence[Sample],
    steps: int,
    rate: float,
    seed: int,
    checkpoint: Path,
    tell: Callable[[int, dict[str, float]], None],
) -> Trains:
    """Fits a network, or goes on from a checkpoint.

    Args:
        samples: pairs with their truth.
        steps: of the optimiser.
        rate: of learning, at its highest.
        seed: of all chance.
        checkpoint: where state is kept.
        tell: is given step and loss every so often.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    fit = Fit.of(Trains(), steps, rate, seed)
    fit.resume(checkpoint)
    tracks = [(sample, at) for sample in samples for at in sample.tracks if at.stop - at.start >= FEWEST]
    chance = np.array([min(at.stop - at.start, MOST) for _, at in tracks], float)
    chance /= chance.sum()

    def losses() -> dict[str, Tensor]:
        fit.network.train()
        drawn = [window(*tracks[int(fit.rng.choice(len(tracks), p=chance))], fit.rng) for _ in range(BATCH)]
        planes, under, counts = (torch.from_numpy(np.stack(parts)) for parts in zip(*drawn, strict=True))
        each = nn.functional.binary_cross_entropy_with_logits(fit.network(planes), under, reduction="none")
        return {"loss": (each * counts).sum() / counts.sum().clamp(min=1)}

    fit.run(steps, losses, checkpoint, tell)
    fitted: Trains = fit.average.module  # type: ignore[assignment]
    return fitted


def window(sample: Sample, track: slice, rng: np.random.Generator) -> Window:
    """Planes (p, WINDOW, w), truth and weight (WINDOW,) of a part of a track, varied."""
    length = min(track.stop - track.start, WINDOW)
    start = track.start + int(rng.integers(track.stop - track.start - length + 1))
    part = slice(start, start + length)
    view, under, counts = cut(sample.view, part), sample.under[part], sample.counts[part]
    if rng.random() < PAINTED:
        view, under = painted(view, under, rng)
    view = _varied(view, rng)
    planes = view.planes()
    if rng.random() < 0.5:
        planes = planes[:, :, ::-1].copy()
        planes[SHADE_PLANE] *= -1
    if rng.random() < 0.5:
        planes, under, counts = planes[:, ::-1], under[::-1], counts[::-1]
    short = WINDOW - length
    return (
        np.pad(planes, ((0, 0), (0, short), (0, 0))).astype(np.float32),
        np.pad(under, (0, short)).astype(np.float32),
        np.pad(counts, (0, short)).astype(np.float32),
    )


def cut(view: View, part: slice) -> View:
    """A part of a view along the track."""
    rows = {
        name: getattr(view, name)[part] for name in ("tile", "baseline", "change", "hue", "beside", "seen", "shade")
    }
    return replace(view, **rows)


def _varied(view: View, rng: np.random.Generator) -> View:
    noise = rng.uniform(0, MOST_NOISE) * view.contrast if rng.random() < NOISY else 0.0
    return replace(
        view,
        tile=view.tile + rng.normal(0, noise, view.tile.shape).astype(np.float32),
        baseline=view.baseline + rng.normal(0, noise, view.baseline.shape).astype(np.float32),
        hue=view.hue * (rng.random() >= GREY),
        shade=view.shade * (rng.random() >= NO_SUN),
        contrast=view.contrast * float(np.exp(rng.normal(0, OTHER_CONTRAST))),
        noise=view.noise * float(np.exp(rng.normal(0, OTHER_NOISE))),
    )


def export_network(network: Trains, path: Path) -> None:
    """Writes the file that the detector reads: planes (p, n, w) in, log-odds (n,) out."""
    export_planes([folded(network)], torch.zeros(PLANES, 64, len(ACROSS_M)), path)
