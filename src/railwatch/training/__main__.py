"""`python -m railwatch.training`: makes the detector's model file from rendered scenes, and real ones if there are any.

Rendered strips are kept in a cache. An interrupted run, or a change of the fit alone, does not render them again. The
same arguments give the same model.
"""

import argparse
import json
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from railwatch.render import CONDITIONS, random_scene, render_pair
from railwatch.services.detector.cars.evidence import MODEL_FILE
from railwatch.shared.errors import TileRejectedError
from railwatch.training.cases import Case, rendered_case
from railwatch.training.examples import Scene, Strips, real_scene, rendered_scene, strips_of
from railwatch.training.model import Recipe, make_model, write_model

ASKED = tuple(condition for condition in CONDITIONS if condition != "any")
SIZE_PX = 560
CASE_PX = 640
# How far lines lie from their tracks after refinement, in metres: mostly, sometimes, and now and then.
SIDEWAYS_M = (0.3, 0.5, 0.9)
# Cases have seeds that begin this far beyond those of the scenes.
LAST_SCENE = 100_000


def main() -> None:
    """Parses the command line, gathers strips, fits, and writes the model file."""
    parser = argparse.ArgumentParser(prog="python -m railwatch.training", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1900, help="rendered scenes to learn from (default: 1900)")
    parser.add_argument("--cases", type=int, default=176, help="rendered scenes to calibrate on (default: 176)")
    parser.add_argument(
        "--seed", type=int, default=Recipe.seed, help="seed of the first scene; benchmarks begin at 300,000"
    )
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="steps of the optimiser")
    parser.add_argument("--jobs", type=int, default=2, help="processes that render")
    parser.add_argument("--real", type=Path, action="append", default=[], help="a folder of real imagery with truth")
    parser.add_argument("--cache", type=Path, default=Path("build/training"), help="where strips are kept")
    parser.add_argument("--out", type=Path, default=MODEL_FILE, help="the model file")
    arguments = parser.parse_args()

    arguments.cache.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.seed, arguments.seed + arguments.scenes)
    others = range(arguments.seed + LAST_SCENE, arguments.seed + LAST_SCENE + arguments.cases)
    real = [scene for scene in map(_real_scene, arguments.real) if scene is not None]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        gathered = pool.map(partial(_rendered_strips, arguments.cache), seeds)
        rendered = [strips for strips in gathered if strips is not None]
        recipe = Recipe(steps=arguments.steps, seed=arguments.seed)
        models, made = make_model(rendered, real, _cases(pool, others), recipe)
    write_model(arguments.out, models, made)
    print(json.dumps(made, indent=2))  # noqa: T201 - what was made is this command's answer


def _real_scene(folder: Path) -> Scene | None:
    """A real scene; None, and a line that says why, where the pair is rejected or counted without its baseline."""
    try:
        scene = real_scene(folder)
        why = None if scene.ground.baseline is not None else ", ".join(scene.ground.reasons)
    except TileRejectedError as error:
        why = error.reason
    if why is not None:
        print(f"{folder} is left out: {why}", file=sys.stderr)  # noqa: T201 - for who trains
        return None
    return scene


def _rendered_strips(cache: Path, seed: int) -> tuple[Strips, ...] | None:
    """The strips of one rendered scene; None where the pair is rejected or counted without its baseline."""
    kept = cache / f"{seed}.pickle"
    if kept.exists():
        strips: tuple[Strips, ...] | None = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
        return strips
    rng = np.random.default_rng(seed)
    condition = ASKED[seed % len(ASKED)]
    pair = render_pair(random_scene(rng, condition, size_px=SIZE_PX))
    try:
        scene = rendered_scene(pair, f"{condition}-{seed}")
        known = scene.ground.baseline is not None
        strips = tuple(strips_of(scene, rng, sideways_m) for sideways_m in SIDEWAYS_M) if known else None
    except TileRejectedError:
        strips = None
    kept.write_bytes(pickle.dumps(strips))
    return strips


def _cases(pool: Executor, seeds: range) -> Iterator[Case]:
    """Cases, rendered only when the first is needed, to save memory until then."""
    yield from pool.map(_case, seeds)


def _case(seed: int) -> Case:
    return rendered_case(ASKED[seed % len(ASKED)], seed, CASE_PX)


if __name__ == "__main__":
    main()
