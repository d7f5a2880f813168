"""`python -m railwatch.training.joined`: makes the joined network's file, from rendered scenes and no real picture.

Strips, checkpoints and a table of losses are kept in a folder, so that a run that was stopped goes on from there.
The network on features (`python -m railwatch.training`) must be there already: the evidence is the mean of both.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from railwatch.services.detector.cars.evidence import MODEL_FILE, Models, load_models, with_joined
from railwatch.services.detector.cars.intervals import Calibration
from railwatch.services.detector.cars.joined import JOINED_FILE, load_joined
from railwatch.services.detector.cars.scores import Weights
from railwatch.training import held_out
from railwatch.training.calibrate import Tally, calibrate, tally
from railwatch.training.cases import Case, rendered_case
from railwatch.training.gathering import ASKED, WideScene, gathered
from railwatch.training.joined_export import export, write_made
from railwatch.training.joined_fit import Plan, fit_joined
from railwatch.training.joined_network import Joined
from railwatch.training.joined_weights import seen_by
from railwatch.training.other_style import other_style_case
from railwatch.training.table import write_losses
from railwatch.training.weights import Example, fit_weights, towards

# Distance of seeds from that of the first scene: scenes for the weights, and cases for the intervals. The seeds of
# benchmarks begin at 300,000, those of the held-out renderer at 900,000.
FOR_WEIGHTS, FOR_INTERVALS, FOR_HELD_OUT = 100_000, 150_000, 810_000
CASE_PX = 560
# Steps of the search for weights, and the cost of going far from where it starts.
TRIALS, PULL = 60, 0.003
# How far the weights go from those of the features network towards the ones that were fitted. The fit suits the styles
# that it sees; on scenes of other styles, a quarter of the way was better than all of it.
TRUST = 0.25
# Share of the scenes like those learned from whose evidence is taken for familiar.
FAMILIAR = 0.95
# Share of the joined network in the evidence. More of it finds more cars on unfamiliar yards, and more false ones.
# Single pictures gain more by it than pairs.
SHARES = {"pair": 0.5, "single": 0.5}
# The same for gaps between cars. The features network has not learned from short cars and takes two for one.
# Chosen on scenes of three styles, from seeds that are kept for such choices (`docs/accuracy.md`).
GAP_SHARES = {"pair": 0.75, "single": 1.0}


def main() -> None:
    """Parses the command line, gathers strips, fits, and writes the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1200, help="rendered scenes to learn from")
    parser.add_argument("--unseen", type=int, default=30, help="rendered scenes to fit the weights on")
    parser.add_argument("--cases", type=int, default=135, help="scenes to calibrate on, of three styles")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="seed of the first scene")
    parser.add_argument("--steps", type=int, default=Plan.steps, help="steps of the optimiser")
    parser.add_argument("--start", type=Path, help="a joined network's file to go on from; begins anew without one")
    parser.add_argument("--jobs", type=int, default=1, help="processes that render")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/joined"), help="where strips and checkpoints are kept"
    )
    parser.add_argument("--features", type=Path, default=MODEL_FILE, help="the file of the network on features")
    parser.add_argument("--out", type=Path, default=JOINED_FILE, help="the file")
    arguments = parser.parse_args()
    cache, seed = arguments.cache, arguments.seed
    cache.mkdir(parents=True, exist_ok=True)
    unseen_seeds = range(seed + FOR_WEIGHTS, seed + FOR_WEIGHTS + arguments.unseen)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        known = list(pool.map(partial(_kept, cache), range(seed, seed + arguments.scenes)))
        list(pool.map(partial(_kept, cache), unseen_seeds))
    scenes: list[Callable[[], tuple[WideScene, ...]]] = [partial(gathered, cache, kept) for kept in known]
    plan = Plan(steps=arguments.steps, seed=seed, start=arguments.start)
    network = fit_joined(scenes, plan, cache / "joined.pt", partial(write_losses, cache / "losses.tsv"))
    start = None if plan.start is None else load_joined(plan.start).version
    recipe = {**asdict(plan), "start": start, "scenes": len(known), "real": []}
    unseen = _all(cache, unseen_seeds)
    features = load_models(arguments.features, joined=None)
    made = finished(network, features, unseen, _cases(seed, arguments.cases), recipe, arguments.out)
    print(json.dumps(made, indent=2))  # noqa: T201 - what was made is this command's answer


def finished(
    network: Joined,
    features: Models,
    unseen: list[WideScene],
    cases: Iterable[tuple[bool, Case]],
    recipe: dict[str, Any],
    out: Path,
) -> dict[str, Any]:
    """Writes the network with the weights and intervals that are fitted to it.

    Args:
        network: fitted.
        features: the models on features, whose evidence it joins.
        unseen: scenes that it has not learned from, for the weights.
        cases: whole scenes of several styles, for the intervals, and whether each is like the scenes learned from.
        recipe: to be written down.
        out: the file.
    """
    export(network, _made(features, recipe), out)
    models, seed = with_joined(features, load_joined(out)), int(recipe["seed"])
    pair, single = (
        replace(model, weights=_weights(model.weights, examples, seed))
        for model, examples in zip((models.pair, models.single), seen_by(models, unseen, seed), strict=True)
    )
    models = replace(models, pair=pair, single=single)
    tallies = [(known, tally(case, models), tally(replace(case, baseline=None), models)) for known, case in cases]
    like_learned, pairs, singles = zip(*tallies, strict=True)
    pair, single = (
        replace(model, calibration=_calibration(like_learned, counted))
        for model, counted in zip((pair, single), (pairs, singles), strict=True)
    )
    made = _made(replace(models, pair=pair, single=single), recipe)
    write_made(out, made)
    return made


def _calibration(like_learned: Iterable[bool], tallies: Iterable[Tally | None]) -> Calibration:
    known = [(familiar, one) for familiar, one in zip(like_learned, tallies, strict=True) if one is not None]
    entropies = [one.posterior.entropy_per_sample for familiar, one in known if familiar]
    limit = round(float(np.quantile(entropies, FAMILIAR)), 3)
    return replace(calibrate(one for _, one in known), familiar=limit)


def _weights(start: Weights, examples: list[Example], seed: int) -> Weights:
    return towards(start, fit_weights(examples, seed=seed, trials=TRIALS, start=start, pull=PULL), TRUST)


def _made(models: Models, recipe: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"recipe": recipe}
    for name, model in (("pair", models.pair), ("single", models.single)):
        made[name] = {
            "weights": asdict(model.weights),
            "calibration": asdict(model.calibration),
            "share": SHARES[name],
            "gap_share": GAP_SHARES[name],
        }
    return made


def _kept(cache: Path, seed: int) -> int:
    """Renders what is not kept yet, and gives the seed back: strips of all scenes would be too much to send."""
    gathered(cache, seed)
    return seed


def _all(cache: Path, seeds: Iterable[int]) -> list[WideScene]:
    """One scene of each seed: as delivered and as processed in turn."""
    kept = [scenes for seed in seeds if (scenes := gathered(cache, seed))]
    return [scenes[place % len(scenes)] for place, scenes in enumerate(kept)]


def _cases(seed: int, number: int) -> Iterator[tuple[bool, Case]]:
    """Scenes as a provider delivers them, of three styles in turn: those that the network knows, and two others."""
    styles = tuple(held_out.STYLES)
    for place in range(number):
        turn, style = divmod(place, 3)
        if style == 0:
            yield True, rendered_case(ASKED[turn % len(ASKED)], seed + FOR_INTERVALS + place, CASE_PX)
        elif style == 1:
            yield False, other_style_case(seed + FOR_INTERVALS + place)
        else:
            yield False, held_out.case(styles[turn % len(styles)], seed + FOR_HELD_OUT + place)


if __name__ == "__main__":
    main()
