"""`python -m railwatch.training.coarse`: renders scenes, fits the model of metres, and writes its files.

The network learns from seven of eight scenes of the ordinary renderer. The chain is fitted to the eighth, the interval
to it and to scenes of the held-out renderer. The seeds are none of those that `tests.benchmarks.coarse` reports.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from railwatch.services.detector.coarse.occupancy import NETWORK_FILE, NUMBERS_FILE, Chain, Model, Reach
from railwatch.services.detector.tracks.sessions import Session, load_session
from railwatch.training import held_out
from railwatch.training.coarse.fit import fit_chain, fit_reach, tally
from railwatch.training.coarse.network_fit import export_network, fit_network
from railwatch.training.coarse.samples import Sample, sample_of
from railwatch.training.coarse.scenes import SHOWN, Coarse, held_out_scene, made_coarse, rendered
from railwatch.training.table import write_losses

ORDINARY_SEED, HELD_OUT_SEED = 260_000, 810_000
GSD_M = (1.5, 2.0, 3.0, 4.0)
# One of so many scenes is kept from the network.
KEPT = 8
STEPS, RATE, SEED = 4500, 2e-3, 1


def main() -> None:
    """Makes the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=194, help="of the ordinary renderer (default: 194)")
    parser.add_argument("--held-out", type=int, default=45, help="of the held-out renderer (default: 45)")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of the optimiser")
    parser.add_argument("--cache", type=Path, default=Path("build/coarse"), help="checkpoint and table of losses")
    parser.add_argument("--out", type=Path, default=NETWORK_FILE.parent, help="the folder of the files")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        ordinary = list(pool.map(ordinary_samples, range(ORDINARY_SEED, ORDINARY_SEED + arguments.scenes)))
        others = list(pool.map(held_out_samples, range(HELD_OUT_SEED, HELD_OUT_SEED + arguments.held_out)))
    learnt = [sample for number, scene in enumerate(ordinary) if number % KEPT != KEPT - 1 for sample in scene]
    kept = [sample for scene in ordinary[KEPT - 1 :: KEPT] for sample in scene]
    if not kept:
        parser.error(f"the chain is fitted to one scene of {KEPT}, and none of them could be used; render more scenes")
    network = fit_network(
        learnt,
        arguments.steps,
        RATE,
        SEED,
        arguments.cache / "trains.pt",
        partial(write_losses, arguments.cache / "losses.tsv"),
    )
    export_network(network, arguments.out / NETWORK_FILE.name)
    numbers = fit_numbers(
        load_session(arguments.out / NETWORK_FILE.name), kept, [one for scene in others for one in scene]
    )
    (arguments.out / NUMBERS_FILE.name).write_text(json.dumps(numbers) + "\n", encoding="utf-8")


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


def fit_numbers(network: Session, kept: Sequence[Sample], others: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """The chain and the interval.

    Args:
        network: the network.
        kept: scenes of the ordinary renderer that it did not learn from, for both.
        others: scenes of another style, for the interval only.
    """
    model = Model("", network, Chain(1.0, 0.0, -6.0, -4.5), Reach(2.0, 2.0, 0.1, 0.1, 10.0))
    scenes = [*kept, *others]
    odds = [model.log_odds(sample.view, sample.layout) for sample in scenes]
    chain = fit_chain(odds[: len(kept)], kept)
    reach = fit_reach([tally(each, sample, chain) for each, sample in zip(odds, scenes, strict=True)])
    return {"chain": asdict(chain), "reach": {name: round(value, 4) for name, value in asdict(reach).items()}}


if __name__ == "__main__":
    main()
