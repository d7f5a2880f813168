"""`make bench-accuracy`, its last part: is a wrong place ever taken for the right one, and is a right one turned away?

Each picture is laid under the lines of every other one, as a baseline that claims to show the same ground: as it is,
turned and mirrored. None may be accepted. Then each pair that does show one place is tried: of these, few may be left
aside. Pictures are those of the held-out renderer and of real yards, given as folders as for `real_yards`.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from railwatch.services.detector.alignment.ground import prepare
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import project
from railwatch.shared.errors import TileRejectedError
from railwatch.shared.sites import Track
from railwatch.training import held_out
from tests.benchmarks.real_yards import load

SEED = 930_000
ACCEPTED, ALONE = "accepted", "counted alone"


@dataclass(frozen=True)
class Place:
    """A picture of a place, its lines, and another picture of it, if there is one."""

    name: str
    tile: Raster
    tracks: tuple[Track, ...]
    baseline: Raster | None


def main() -> None:
    """Prints a row for each kind of picture, of wrong and of right places."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--scenes", type=int, default=1, help="of each style of the held-out renderer (default: 1)")
    parser.add_argument("--turns", type=int, default=4, help="of eight ways to lay a picture down (default: 4)")
    arguments = parser.parse_args()
    print("\n| places | pictures | tried | accepted | counted alone | rejected |\n" + "| --- " * 6 + "|")
    real = [Place(yard.name, yard.tile, yard.tracks, yard.baseline) for yard in map(load, arguments.folders)]
    for name, places in (("held-out renderer", list(_rendered(arguments.scenes))), ("real", real)):
        print(_row(f"wrong, {name}", places, list(_wrong(places, arguments.turns))), flush=True)
        right = [outcome(place, place.baseline) for place in places if place.baseline is not None]
        print(_row(f"right, {name}", places, right), flush=True)


def _rendered(scenes: int) -> Iterator[Place]:
    for number, (style, turn) in enumerate(itertools.product(held_out.STYLES, range(scenes))):
        case = held_out.case(style, SEED + 100 * number + turn)
        yield Place(style, case.tile, case.tracks, case.baseline)


def _wrong(places: Sequence[Place], turns: int) -> Iterator[str]:
    for (number, place), (other_number, other) in itertools.permutations(enumerate(places), 2):
        if _ground(place) == _ground(other):
            continue
        for turn in range(turns):
            yield outcome(place, laid_down(other.tile, place.tile, (number + other_number + turn) % 8))


def _ground(place: Place) -> str:
    """What two pictures of one place have in common: the name before its year."""
    return place.name.partition("-20")[0]


def laid_down(picture: Raster, tile: Raster, turn: int) -> Raster:
    """A picture that claims to show the tile's ground, turned by quarters, and mirrored from the fifth turn on."""

    def turned(values: np.ndarray) -> np.ndarray:
        return np.rot90(values[..., ::-1] if turn >= 4 else values, turn, axes=(-2, -1)).copy()

    return replace(
        picture,
        pixels=turned(picture.pixels),
        valid=turned(picture.valid),
        transform=tile.transform,
        crs=tile.crs,
        gsd_m=tile.gsd_m,
    )


def outcome(place: Place, baseline: Raster) -> str:
    """What becomes of a tile and a baseline: accepted, counted alone, or the reason of the rejection."""
    lines = project(place.tracks, place.tile)
    try:
        ground = prepare(place.tile, replace(baseline, pixels=baseline.pixels.copy()), lines)
    except TileRejectedError as error:
        return error.reason
    return ALONE if ground.baseline is None else ACCEPTED


def _row(name: str, places: Sequence[Place], outcomes: Sequence[str]) -> str:
    found = Counter(outcomes)
    rejected = ", ".join(f"{reason} {n}" for reason, n in found.most_common() if reason not in (ACCEPTED, ALONE))
    return f"| {name} | {len(places)} | {len(outcomes)} | {found[ACCEPTED]} | {found[ALONE]} | {rejected or 0} |"


if __name__ == "__main__":
    main()
