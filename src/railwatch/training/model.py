"""From strips to a model file: two networks, the weights of two segmentations, and the reach of intervals."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.evidence import Model, Models, by_track, weigh
from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.intervals import Calibration
from railwatch.services.detector.tracks.axes import load_axes
from railwatch.services.detector.tracks.network import Network
from railwatch.services.detector.tracks.strips import Layout
from railwatch.training.calibrate import calibrate, tally
from railwatch.training.cases import Case
from railwatch.training.examples import Scene, Strips, strips_of, with_neighbours
from railwatch.training.fit import Sample, fit_network
from railwatch.training.weights import Example, fit_weights

# One of so many rendered scenes is kept from the networks, for the weights.
KEPT_BACK = 10
# Yards with more samples than this, a kilometre of track, are not drawn more often.
MOST_SAMPLES = 2000.0
# Real scenes are few. Each is drawn so many times, with lines moved sideways by about so much, in metres.
COPIES = 4
SIDEWAYS_M = 0.35
# Hidden units of the networks.
EVIDENCE_CHANNELS = 64


@dataclass(frozen=True)
class Recipe:
    """How a model is made.

    Attributes:
        steps: of the optimiser.
        seed: of all chance.
        real_weight: how often a sample of a real strip is drawn, relative to one of a rendered strip.
    """

    steps: int = 9000
    seed: int = 100_000
    real_weight: float = 5.0


def make_model(
    rendered: list[tuple[Strips, ...]], real: list[Scene], cases: Iterable[Case], recipe: Recipe
) -> tuple[Models, dict[str, Any]]:
    """Fits the evidence, the weights of the segmentation, and the intervals.

    Args:
        rendered: strips of rendered scenes, each scene's along lines that are moved sideways more and more.
        real: real scenes; may be empty.
        cases: other rendered scenes, for the intervals.
        recipe: how.

    Returns:
        The models, and what to write down of how they were made.
    """
    back = [nearest for nearest, *_ in rendered[::KEPT_BACK]]
    chance = np.random.default_rng((recipe.seed, 1))
    axis = load_axes()
    wide = [with_neighbours(scene, axis) for scene in real]
    beside = [(strips_of(scene, chance, SIDEWAYS_M), recipe.real_weight) for scene in wide for _ in range(COPIES)]
    samples = [
        [
            Sample(s.pair if with_baseline else s.single, s.labels, weight * min(1.0, MOST_SAMPLES / len(s.labels)))
            for s, weight in _learned_from(rendered) + beside
        ]
        for with_baseline in (True, False)
    ]
    fit = partial(fit_network, steps=recipe.steps, channels=EVIDENCE_CHANNELS)
    structures = [structure(with_baseline=with_baseline) for with_baseline in (True, False)]
    # Threads, since numpy works without the interpreter's lock, and two processes would hold the samples twice.
    with ThreadPoolExecutor(len(samples)) as pool:
        networks = list(pool.map(fit, samples, structures, (recipe.seed + 1, recipe.seed + 2)))
    seen = [
        examples(network, back, with_baseline=known) for network, known in zip(networks, (True, False), strict=True)
    ]
    with ProcessPoolExecutor(len(seen)) as processes:
        weights = list(processes.map(partial(fit_weights, seed=recipe.seed), seen))
    pair, single = (Model(network, learned, Calibration()) for network, learned in zip(networks, weights, strict=True))
    models = calibrated(Models(pair, single, axis, f"{_version(*networks)}-{axis.version}"), cases)
    made: dict[str, Any] = {
        "version": _version(*networks),
        "recipe": asdict(recipe),
        "rendered": len(rendered),
        "real": [scene.name for scene in real],
    }
    for name, model in (("pair", models.pair), ("single", models.single)):
        made[name] = {"weights": asdict(model.weights), "calibration": asdict(model.calibration)}
    return models, made


def _learned_from(rendered: list[tuple[Strips, ...]]) -> list[tuple[Strips, float]]:
    """Strips that are not kept back, and how often each is drawn."""
    forward = (scene for number, scene in enumerate(rendered) if number % KEPT_BACK)
    return [(strips, 1 / len(scene)) for scene in forward for strips in scene]


def calibrated(models: Models, cases: Iterable[Case]) -> Models:
    """The models with intervals that cover the truth in cases that nothing was fitted to, with baseline and without."""
    tallies = [(tally(case, models), tally(replace(case, baseline=None), models)) for case in cases]
    pairs, singles = ([known for known in column if known is not None] for column in zip(*tallies, strict=True))
    return replace(
        models,
        pair=replace(models.pair, calibration=calibrate(pairs)),
        single=replace(models.single, calibration=calibrate(singles)),
    )


def examples(network: Network, scenes: list[Strips], *, with_baseline: bool) -> list[Example]:
    """The evidence that a network sees in scenes, with their cars."""
    found = []
    for strips in scenes:
        features = (strips.pair if with_baseline else strips.single).astype(np.float32)
        logits = weigh(network, features, with_baseline=with_baseline)
        nowhere = np.zeros((len(logits), 2))
        layout = Layout(strips.starts, strips.lengths, nowhere, nowhere, 1.0)
        everywhere = np.ones(len(logits), dtype=bool)
        found.append(Example(by_track(logits, strips.seen, everywhere, layout), strips.cars_by_track()))
    return found


def write_model(path: Path, models: Models, made: dict[str, Any]) -> None:
    """Writes a model file: half-precision weights, and how they were made."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, network in (("pair", models.pair.network), ("single", models.single.network)):
        arrays |= {f"{name}.{part}": values for part, values in _parts(network).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, made=np.array(json.dumps(made)), **arrays)


def _parts(network: Network) -> dict[str, NDArray[Any]]:
    weights = {"enter": network.enter, "leave": network.leave}
    weights |= {f"block{depth}": block for depth, block in enumerate(network.blocks)}
    half = {name: values.astype(np.float16) for name, values in weights.items()}
    return {"mean": network.mean, "scale": network.scale, **half}


def _version(*networks: Network) -> str:
    parts = [values for network in networks for values in _parts(network).values()]
    return hashlib.sha256(b"".join(np.ascontiguousarray(values).tobytes() for values in parts)).hexdigest()[:8]
