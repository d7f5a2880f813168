"""`make bench-accuracy`, its last part: how often the kind that a car is said to be is the kind that it is.

Scenes of the held-out renderer, whose vehicles have other shapes than those learned from. A found car is compared with
the nearest true one within 5 m. Where no kind is likelier than all others together, none is said.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from railwatch.services.detector.counting import count_tile
from railwatch.shared.counts import CarKind
from railwatch.training import held_out
from railwatch.training.cases import Case
from railwatch.training.matching import MATCH_M

FIRST_SEED = 955_000
# What the renderer's vehicles look like from above.
KINDS = {
    CarKind.COVERED: (
        "four-wheel van", "covered hopper", "boxcar", "covered van", "sliding wall", "autorack", "articulated carrier"
    ),
    CarKind.OPEN: ("four-wheel open", "coal hopper", "gondola", "long gondola"),
    CarKind.TANK: ("four-wheel hopper", "cement hopper", "white tank", "black tank"),
    CarKind.FLAT: ("flat", "skeleton"),
    CarKind.CONTAINER: ("container flat", "well car", "articulated flat"),
    CarKind.LOCOMOTIVE: ("hood locomotive", "electric locomotive"),
    CarKind.COACH: ("multiple unit", "coach"),
}  # fmt: skip
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}


def main() -> None:
    """Counts scenes of every style, as pairs and alone, and prints a table for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=3, help="scenes per style (default: 3)")
    arguments = parser.parse_args()
    said: dict[str, Counter[tuple[CarKind, CarKind | None]]] = {"pair": Counter(), "single": Counter()}
    for number in range(arguments.scenes):
        for style in held_out.STYLES:
            pair = held_out.make(style, FIRST_SEED + number)
            kinds = [KIND_OF[car.standing.vehicle.kind.name] for car in pair.asked]
            case = held_out.as_case(pair)
            for mode, shown in (("pair", case), ("single", replace(case, baseline=None))):
                said[mode].update(_compared(shown, kinds))
    print("| mode | kind | cars found | said | right of those said | mostly taken for |\n" + "| --- " * 6 + "|")
    for mode, pairs in said.items():
        for kind in (*CarKind, None):
            some = Counter({key: number for key, number in pairs.items() if kind in (key[0], None)})
            if some:
                print(_line(mode, "all" if kind is None else kind.value, some))


def _compared(case: Case, kinds: list[CarKind]) -> Iterator[tuple[CarKind, CarKind | None]]:
    """What each found car is, and what it is said to be."""
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun)
    cars = [car for track in counted.count.tracks for car in track.cars]
    for car, (_, _, corners) in zip(cars, counted.outlines, strict=True):
        away_m = np.hypot(*(case.cars - corners.mean(axis=0)).T) * case.tile.gsd_m
        if len(away_m) and away_m.min() <= MATCH_M:
            yield kinds[int(away_m.argmin())], car.kind


def _line(mode: str, name: str, pairs: Counter[tuple[CarKind, CarKind | None]]) -> str:
    found = pairs.total()
    said = sum(number for (_, told), number in pairs.items() if told is not None)
    right = sum(number for (true, told), number in pairs.items() if told is true)
    wrong = Counter({told: 0 for _, told in pairs})
    for (true, told), number in pairs.items():
        if told not in (true, None):
            wrong[told] += number
    most, times = wrong.most_common(1)[0]
    mistaken = f"{most.value}, {100 * times / found:.0f} %" if most is not None and times else ""
    share = f"{100 * right / said:.0f} %" if said else ""
    return f"| {mode} | {name} | {found} | {100 * said / found:.0f} % | {share} | {mistaken} |"


if __name__ == "__main__":
    main()
