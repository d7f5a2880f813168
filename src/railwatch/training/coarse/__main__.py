"""`python -m railwatch.training.coarse`: renders scenes, fits the model of metres, and writes its file.

The evidence and the chain learn from the ordinary renderer. The interval is stretched on its scenes, each with evidence
that was fitted without it, and on scenes of the held-out renderer. The seeds are none of those that
`tests.benchmarks.coarse` reports.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from railwatch.render import CONDITIONS
from railwatch.services.detector.coarse.occupancy import MODEL_FILE, Chain, Model, Reach
from railwatch.training import held_out
from railwatch.training.coarse.fit import fit_chain, fit_evidence, fit_reach, tally
from railwatch.training.coarse.samples import Sample, sample_of
from railwatch.training.coarse.scenes import Coarse, held_out_scene, made_coarse, rendered

ORDINARY_SEED, HELD_OUT_SEED = 260_000, 810_000
GSD_M = (1.5, 2.0, 3.0, 4.0)
# Evidence for the interval of an ordinary scene is fitted without the scenes of its part, one of so many.
PARTS = 3
SHOWN = tuple(name for name in CONDITIONS if name not in ("any", "fine", "coarse", "coarsest"))


def main() -> None:
    """Makes the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=160, help="of the ordinary renderer (default: 160)")
    parser.add_argument("--held-out", type=int, default=45, help="of the held-out renderer (default: 45)")
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    arguments = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        ordinary = list(pool.map(ordinary_samples, range(ORDINARY_SEED, ORDINARY_SEED + arguments.scenes)))
        others = list(pool.map(held_out_samples, range(HELD_OUT_SEED, HELD_OUT_SEED + arguments.held_out)))
    write(arguments.out, make_model(ordinary, [sample for part in others for sample in part]), vars(arguments))


def ordinary_samples(seed: int) -> list[Sample]:
    """The samples of one scene of the ordinary renderer, at each pixel size."""
    return list(_samples(rendered(SHOWN[seed % len(SHOWN)], seed), seed))


def held_out_samples(seed: int) -> list[Sample]:
    """The samples of one scene of the held-out renderer."""
    styles = tuple(held_out.STYLES)
    return list(_samples(held_out_scene(styles[seed % len(styles)], seed), seed))


def _samples(scene: Coarse, seed: int) -> Iterator[Sample]:
    for number, gsd_m in enumerate(GSD_M):
        sample = sample_of(made_coarse(scene, gsd_m, np.random.default_rng((seed, number))))
        if sample is not None:
            yield sample


def make_model(ordinary: Sequence[Sequence[Sample]], others: Sequence[Sample]) -> Model:
    """Fits everything.

    Args:
        ordinary: the samples of each scene that evidence and chain learn from.
        others: samples of another style, for the interval only.
    """
    every = [sample for scene in ordinary for sample in scene]
    model = Model("", *fit_evidence(every), Chain(0.35, 0.0, -4.5, -4.0), Reach(2.0, 2.0, 0.1, 0.1, 10.0))
    model = replace(model, chain=fit_chain(model, every))
    tallies = [tally(model, sample) for sample in others]
    for part in range(PARTS):
        rest = [sample for number, scene in enumerate(ordinary) if number % PARTS != part for sample in scene]
        mean, scale, weights = fit_evidence(rest)
        without = replace(model, mean=mean, scale=scale, weights=weights)
        tallies += [tally(without, sample) for scene in ordinary[part::PARTS] for sample in scene]
    return replace(model, reach=fit_reach(tallies))


def write(path: Path, model: Model, made: dict[str, object]) -> None:
    """Writes the model file, with what it was made from."""
    numbers = {
        "mean": np.round(model.mean, 5).tolist(),
        "scale": np.round(model.scale, 5).tolist(),
        "weights": np.round(model.weights, 5).tolist(),
        "chain": asdict(model.chain),
        "reach": {name: round(value, 4) for name, value in asdict(model.reach).items()},
    }
    version = hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:8]
    recipe = {name: value for name, value in made.items() if name != "out"}
    path.write_text(json.dumps({"version": version, "made": recipe, **numbers}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
