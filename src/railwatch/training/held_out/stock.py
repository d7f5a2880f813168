"""Rolling stock of many countries, by the sizes of its bodies. What it looks like is in `bodies`."""

from dataclasses import dataclass

import numpy as np

from railwatch.training.held_out.field import Colour
from railwatch.training.held_out.textures import between, varied

Range = tuple[float, float]

RUST: tuple[Colour, ...] = ((0.20, 0.11, 0.075), (0.15, 0.095, 0.07), (0.25, 0.15, 0.10), (0.12, 0.085, 0.07))
DARK: tuple[Colour, ...] = ((0.045, 0.045, 0.05), (0.07, 0.065, 0.065), (0.09, 0.085, 0.08), (0.06, 0.05, 0.045))
WHITE: tuple[Colour, ...] = ((0.62, 0.62, 0.6), (0.52, 0.51, 0.48), (0.46, 0.44, 0.4), (0.7, 0.7, 0.69))
GREY: tuple[Colour, ...] = ((0.28, 0.28, 0.28), (0.36, 0.36, 0.37), (0.22, 0.22, 0.23), (0.3, 0.28, 0.26))
BRIGHT: tuple[Colour, ...] = (
    (0.10, 0.17, 0.36),
    (0.40, 0.12, 0.08),
    (0.09, 0.24, 0.16),
    (0.55, 0.40, 0.10),
    (0.48, 0.25, 0.10),
    (0.12, 0.28, 0.36),
)
COAL, ORE, SAND, SCRAP = (0.035, 0.035, 0.038), (0.17, 0.09, 0.06), (0.38, 0.33, 0.25), (0.16, 0.14, 0.13)
SOOT: Colour = (0.05, 0.05, 0.05)


@dataclass(frozen=True)
class Kind:
    """A kind of vehicle: its bodies' length, width and height, the space between two, its shape and its paints."""

    name: str
    length_m: Range
    width_m: Range
    height_m: Range
    gap_m: Range
    shape: str
    paints: tuple[Colour, ...]
    bodies: int = 1


@dataclass(frozen=True)
class Vehicle:
    """One vehicle; its bodies' lengths, and what it is painted and loaded with."""

    kind: Kind
    length_m: float
    width_m: float
    height_m: float
    gap_m: float
    paint: Colour
    load: Colour
    filled: float
    seed: int

    @property
    def body_m(self) -> float:
        """Length of one of its bodies."""
        return (self.length_m - (self.kind.bodies - 1) * self.gap_m * 0.6) / self.kind.bodies


KINDS = {
    kind.name: kind
    for kind in (
        Kind("four-wheel van", (7.0, 9.2), (2.4, 2.75), (3.2, 3.7), (1.0, 1.4), "roof", (*RUST, *GREY)),
        Kind("four-wheel open", (7.0, 9.0), (2.4, 2.8), (2.2, 2.8), (1.0, 1.4), "open", (*DARK, *RUST, *GREY)),
        Kind("four-wheel hopper", (7.2, 8.6), (2.4, 2.8), (3.0, 3.7), (1.0, 1.4), "silo", (*WHITE, *GREY)),
        Kind("cement hopper", (9.4, 12.5), (2.6, 3.0), (3.6, 4.2), (0.9, 1.4), "silo", (*WHITE, *GREY)),
        Kind("white tank", (10.5, 15.5), (2.6, 3.0), (3.9, 4.5), (1.0, 1.6), "tank", WHITE),
        Kind("black tank", (10.5, 17.5), (2.7, 3.1), (3.9, 4.6), (1.0, 1.6), "tank", (*DARK, *GREY)),
        Kind("coal hopper", (12.6, 15.2), (2.9, 3.2), (3.3, 4.0), (0.8, 1.2), "open", (*DARK, *RUST, *GREY)),
        Kind("gondola", (12.2, 16.2), (2.8, 3.2), (2.6, 3.4), (0.9, 1.4), "open", (*RUST, *DARK, *BRIGHT)),
        Kind("long gondola", (16.5, 20.5), (2.8, 3.1), (2.2, 2.9), (1.0, 1.5), "open", (*RUST, *DARK, *GREY)),
        Kind("covered hopper", (13.0, 18.2), (3.0, 3.25), (4.3, 4.75), (0.9, 1.5), "trough", (*GREY, *WHITE, *RUST)),
        Kind("boxcar", (15.4, 18.6), (2.9, 3.2), (4.1, 4.9), (1.0, 1.6), "roof", (*RUST, *BRIGHT, *GREY)),
        Kind("covered van", (12.8, 16.0), (2.7, 3.2), (3.9, 4.5), (1.0, 1.5), "roof", (*RUST, *GREY, *BRIGHT)),
        Kind("sliding wall", (16.0, 22.0), (2.7, 2.95), (4.0, 4.3), (1.2, 1.5), "plain", (*GREY, *WHITE)),
        Kind("flat", (12.8, 19.5), (2.6, 3.0), (1.15, 1.35), (1.0, 1.5), "flat", (*RUST, *DARK, SAND)),
        Kind("skeleton", (12.5, 19.0), (2.5, 2.8), (1.1, 1.25), (1.0, 1.5), "skeleton", (*RUST, *DARK)),
        Kind("container flat", (12.8, 19.5), (2.5, 2.8), (3.7, 3.95), (1.0, 1.6), "boxes", (*RUST, *DARK)),
        Kind("well car", (16.2, 21.5), (2.7, 3.0), (3.0, 5.9), (1.2, 1.8), "boxes", (*DARK, *RUST)),
        Kind("autorack", (26.6, 27.6), (3.0, 3.2), (5.4, 5.9), (1.0, 1.5), "rack", (*GREY, *WHITE, *RUST)),
        Kind("articulated flat", (25.5, 33.8), (2.5, 2.8), (3.7, 3.95), (1.0, 1.4), "boxes", DARK, 2),
        Kind("articulated carrier", (26.0, 31.0), (2.7, 3.0), (3.6, 4.2), (1.0, 1.4), "rack", (*GREY, *RUST), 2),
        Kind("hood locomotive", (13.5, 22.0), (2.7, 3.1), (4.2, 4.8), (1.0, 1.5), "hood", (*BRIGHT, *DARK)),
        Kind("electric locomotive", (15.5, 20.0), (2.9, 3.1), (3.8, 4.2), (1.0, 1.4), "electric", (*BRIGHT, *GREY)),
        Kind("multiple unit", (19.0, 25.5), (2.75, 3.3), (3.6, 4.1), (0.5, 0.8), "unit", (*GREY, *WHITE)),
        Kind("coach", (20.0, 26.4), (2.8, 3.2), (3.9, 4.3), (0.6, 0.9), "unit", (*GREY, *BRIGHT, *RUST)),
    )
}


def vehicle(rng: np.random.Generator, name: str, *, narrow: float = 1.0, dust: float = 0.0) -> Vehicle:
    """A vehicle of a kind: `narrow` scales it to its gauge, `dust` (0 to 1) whitens it."""
    kind = KINDS[name]
    paint = varied(rng, kind.paints[int(rng.integers(len(kind.paints)))], 0.2)
    load = varied(rng, (COAL, COAL, ORE, SAND, SCRAP)[int(rng.integers(5))], 0.15)
    lime = varied(rng, (0.5, 0.48, 0.44), 0.08)
    share = dust * between(rng, 0.5, 0.95)
    paint, load = (_mixed(colour, lime, share) for colour in (paint, load))
    filled = 0.0 if rng.random() < 0.4 else between(rng, 0.5, 1.05)
    return Vehicle(
        kind,
        between(rng, *kind.length_m),
        between(rng, *kind.width_m) * narrow,
        between(rng, *kind.height_m) * (0.5 + 0.5 * narrow),
        between(rng, *kind.gap_m),
        paint,
        load,
        filled,
        int(rng.integers(1 << 30)),
    )


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return red, green, blue
