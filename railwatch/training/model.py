"""From strips to a model file: three networks, two grammars, and how far an interval must reach."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from railwatch.training.calibrate import calibrate, tally
from railwatch.training.examples import Scene, Strips, strips_of, with_neighbours
from railwatch.training.fit import Sample, fit_network
from railwatch.training.grammar import Example, fit_grammar
from services.detector.evidence import Model, Models, by_track, weigh
from services.detector.features import Structure, structure
from services.detector.network import Network
from services.detector.strips import Layout

# One in so many rendered scenes is kept from the networks, for the grammars and the interval.
KEPT_BACK = 5
# Long yards are not drawn more often than ones of a kilometre.
MOST_CELLS = 2000.0
LOOKS = 6
# Real scenes are few: each is drawn so many times, its lines moved sideways by about so much.
COPIES = 3
SIDEWAYS_M = 0.35


@dataclass(frozen=True)
class Recipe:
    """How a model is made.

    Attributes:
        steps: of the optimiser.
        seed: of all chance.
        real_weight: how often a cell of a real strip is drawn, against one of a rendered strip.
    """

    steps: int = 2000
    seed: int = 20_000
    real_weight: float = 3.0


def make_model(rendered: list[Strips], real: list[Scene], recipe: Recipe) -> tuple[Models, dict[str, Any]]:
    """Fits everything that is learned.

    Args:
        rendered: strips of rendered scenes.
        real: real scenes; may be empty.
        recipe: how.

    Returns:
        The models, and what to write down of how they were made.
    """
    back = rendered[::KEPT_BACK]
    forward = [strips for number, strips in enumerate(rendered) if number % KEPT_BACK]
    chance = np.random.default_rng(recipe.seed)
    drawn = [strips_of(scene, chance, SIDEWAYS_M) for scene in real for _ in range(COPIES)]
    weighted = [(strips, 1.0) for strips in forward] + [(strips, recipe.real_weight) for strips in drawn]
    plain = Structure(np.arange(LOOKS), np.ones(LOOKS, np.float32), np.ones(LOOKS, np.float32))
    axis = fit_network(
        [
            Sample(looks, strips.axes, weight)
            for strips, weight in weighted
            for looks in (strips.looks, without_baseline(strips.looks))
        ],
        plain,
        seed=recipe.seed,
        steps=recipe.steps // 2,
        channels=16,
    )
    beside = [strips_of(with_neighbours(scene, axis), chance, SIDEWAYS_M) for scene in real for _ in range(COPIES)]
    weighted = [(strips, 1.0) for strips in forward] + [(strips, recipe.real_weight) for strips in beside]
    pair = fit_network(
        [Sample(s.pair, s.labels, w * min(1.0, MOST_CELLS / len(s.labels))) for s, w in weighted],
        structure(with_baseline=True),
        seed=recipe.seed + 1,
        steps=recipe.steps,
    )
    single = fit_network(
        [Sample(s.single, s.labels, w * min(1.0, MOST_CELLS / len(s.labels))) for s, w in weighted],
        structure(with_baseline=False),
        seed=recipe.seed + 2,
        steps=recipe.steps,
        channels=32,
    )
    models = {}
    for name, network in (("pair", pair), ("single", single)):
        unseen = examples(network, back, with_baseline=name == "pair")
        grammar = fit_grammar(unseen, seed=recipe.seed)
        models[name] = Model(network, grammar, calibrate(tally(example, grammar) for example in unseen))
    made: dict[str, Any] = {
        "version": _version(pair, single, axis),
        "recipe": asdict(recipe),
        "rendered": len(rendered),
        "real": [scene.name for scene in real],
    }
    for name, model in models.items():
        made[name] = {"grammar": asdict(model.grammar), "calibration": asdict(model.calibration)}
    return Models(models["pair"], models["single"], axis, made["version"]), made


def without_baseline(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Looks across tracks as they are where there is no baseline: the tile stands for it, and nothing differs."""
    alone = looks.copy()
    alone[:, 2:4], alone[:, 4] = looks[:, :2], 0
    return alone


def examples(network: Network, scenes: list[Strips], *, with_baseline: bool) -> list[Example]:
    """The evidence that a network sees in scenes, with their cars."""
    found = []
    for strips in scenes:
        logits = weigh(network, strips.pair if with_baseline else strips.single, with_baseline=with_baseline)
        nowhere = np.zeros((len(logits), 2))
        layout = Layout(strips.starts, strips.lengths, nowhere, nowhere, 1.0)
        everywhere = np.ones(len(logits), dtype=bool)
        found.append(Example(by_track(logits, strips.seen, everywhere, layout), strips.cars_by_track()))
    return found


def write_model(path: Path, models: Models, made: dict[str, Any]) -> None:
    """Writes a model file: half-precision weights, and how they were made."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, network in (("pair", models.pair.network), ("single", models.single.network), ("axis", models.axis)):
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
