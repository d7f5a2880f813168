"""`python -m railwatch.training`: makes the detector's model file from rendered scenes, and real ones if there are any.

Rendered strips are kept in a cache, so that a run that was broken off, or a change of the fit alone, starts where it
can. The same arguments give the same model.
"""

import argparse
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from railwatch.render import CONDITIONS, random_scene, render_pair
from railwatch.training.examples import Strips, real_scene, rendered_scene, strips_of
from railwatch.training.model import Recipe, make_model, write_model
from services.detector.evidence import MODEL_FILE
from services.detector.rejection import TileRejectedError

ASKED = tuple(condition for condition in CONDITIONS if condition != "any")
SIZE_PX = 560


def main() -> None:
    """Parses the command line, gathers strips, fits, and writes the model file."""
    parser = argparse.ArgumentParser(prog="python -m railwatch.training", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=600, help="rendered scenes (default: 600)")
    parser.add_argument("--seed", type=int, default=20_000, help="seed of the first scene; tests use none above it")
    parser.add_argument("--steps", type=int, default=2000, help="steps of the optimiser")
    parser.add_argument("--jobs", type=int, default=2, help="processes that render")
    parser.add_argument("--real", type=Path, action="append", default=[], help="a folder of real imagery with truth")
    parser.add_argument("--cache", type=Path, default=Path("build/training"), help="where strips are kept")
    parser.add_argument("--out", type=Path, default=MODEL_FILE, help="the model file")
    arguments = parser.parse_args()

    arguments.cache.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.seed, arguments.seed + arguments.scenes)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        gathered = pool.map(partial(_rendered_strips, arguments.cache), seeds)
        rendered = [strips for strips in gathered if strips is not None]
    real = [real_scene(folder) for folder in arguments.real]
    recipe = Recipe(steps=arguments.steps, seed=arguments.seed)
    models, made = make_model(rendered, real, recipe)
    write_model(arguments.out, models, made)
    print(json.dumps(made, indent=2))  # noqa: T201 - what was made is this command's answer


def _rendered_strips(cache: Path, seed: int) -> Strips | None:
    """The strips of one rendered scene; None where the pair is rejected, as some clouded ones are."""
    kept = cache / f"{seed}.pickle"
    if kept.exists():
        strips: Strips | None = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
        return strips
    rng = np.random.default_rng(seed)
    condition = ASKED[seed % len(ASKED)]
    pair = render_pair(random_scene(rng, condition, size_px=SIZE_PX))
    try:
        strips = strips_of(rendered_scene(pair, f"{condition}-{seed}"), rng)
    except TileRejectedError:
        strips = None
    kept.write_bytes(pickle.dumps(strips))
    return strips


if __name__ == "__main__":
    main()
