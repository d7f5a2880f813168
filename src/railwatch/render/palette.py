"""Reflectances of materials in a rail yard: red, green, blue, near infrared.

Orders of magnitude are from the USGS Spectral Library (Kokaly et al., 2017) and the ECOSTRESS library.
Every use varies them.
"""

import numpy as np

from railwatch.render.canvas import Colour

BALLAST: dict[str, Colour] = {
    "limestone": (0.30, 0.30, 0.285, 0.33),
    "granite": (0.215, 0.205, 0.20, 0.24),
    "basalt": (0.13, 0.13, 0.135, 0.15),
    "brown": (0.19, 0.155, 0.12, 0.24),
    "rusted": (0.17, 0.115, 0.085, 0.22),
    "sandy": (0.31, 0.265, 0.205, 0.36),
    "slag": (0.10, 0.095, 0.09, 0.12),
}
DIRT: tuple[Colour, ...] = (
    (0.27, 0.225, 0.17, 0.33),
    (0.20, 0.165, 0.125, 0.27),
    (0.33, 0.29, 0.235, 0.38),
    (0.16, 0.14, 0.115, 0.2),
)
GREEN_GRASS: Colour = (0.075, 0.11, 0.045, 0.42)
DRY_GRASS: Colour = (0.24, 0.205, 0.13, 0.34)
GREEN_LEAVES: Colour = (0.05, 0.085, 0.035, 0.42)
BARE_BRANCHES: Colour = (0.12, 0.10, 0.08, 0.2)
ASPHALT: Colour = (0.13, 0.13, 0.13, 0.15)
CONCRETE: Colour = (0.36, 0.345, 0.31, 0.4)
RUST: Colour = (0.12, 0.075, 0.05, 0.2)
BRIGHT_RAIL: Colour = (0.55, 0.56, 0.57, 0.55)
WOODEN_SLEEPER: Colour = (0.085, 0.07, 0.058, 0.13)
CONCRETE_SLEEPER: Colour = (0.33, 0.315, 0.285, 0.36)
OIL: Colour = (0.06, 0.055, 0.05, 0.08)
SNOW: Colour = (0.86, 0.88, 0.90, 0.80)
STEEL: Colour = (0.20, 0.20, 0.20, 0.2)
BODY: tuple[Colour, ...] = (
    (0.17, 0.075, 0.05, 0.25),
    (0.28, 0.13, 0.10, 0.3),
    (0.33, 0.10, 0.08, 0.4),
    (0.115, 0.085, 0.068, 0.16),
    (0.24, 0.24, 0.235, 0.25),
    (0.13, 0.135, 0.14, 0.14),
    (0.075, 0.115, 0.25, 0.2),
    (0.13, 0.19, 0.33, 0.3),
    (0.07, 0.14, 0.09, 0.25),
    (0.17, 0.27, 0.28, 0.3),
    (0.44, 0.31, 0.08, 0.5),
    (0.42, 0.33, 0.235, 0.45),
    (0.58, 0.57, 0.54, 0.6),
    (0.68, 0.68, 0.67, 0.68),
    (0.045, 0.045, 0.045, 0.05),
    (0.40, 0.17, 0.07, 0.45),
)
ROOF: tuple[Colour, ...] = (
    (0.27, 0.27, 0.265, 0.28),
    (0.42, 0.42, 0.41, 0.42),
    (0.58, 0.575, 0.55, 0.6),
    (0.19, 0.16, 0.14, 0.2),
)
# Tarpaulins: mostly blue and green polyethylene and grey PVC.
TARP: tuple[Colour, ...] = (
    (0.085, 0.145, 0.31, 0.4),
    (0.085, 0.145, 0.31, 0.4),
    (0.09, 0.22, 0.37, 0.4),
    (0.075, 0.16, 0.10, 0.35),
    (0.10, 0.20, 0.13, 0.4),
    (0.13, 0.135, 0.085, 0.3),
    (0.27, 0.275, 0.28, 0.3),
    (0.35, 0.355, 0.35, 0.38),
    (0.36, 0.30, 0.215, 0.4),
    (0.60, 0.60, 0.585, 0.6),
    (0.055, 0.06, 0.065, 0.08),
)

LOAD: dict[str, Colour] = {
    "coal": (0.035, 0.034, 0.036, 0.04),
    "iron-ore": (0.15, 0.085, 0.06, 0.2),
    "sand": (0.37, 0.315, 0.23, 0.42),
    "gravel": (0.27, 0.26, 0.245, 0.28),
    "limestone": (0.48, 0.465, 0.43, 0.5),
    "scrap": (0.16, 0.13, 0.11, 0.18),
    "timber": (0.35, 0.26, 0.165, 0.45),
}


def vary(rng: np.random.Generator, colour: Colour, amount: float = 0.15) -> Colour:
    """A colour near this one: brightness by `amount` (one sigma, relative), hue by a fifth of that."""
    bright = np.exp(rng.normal(0, amount))
    values = np.clip(np.asarray(colour) * bright * np.exp(rng.normal(0, amount / 5, 4)), 0.01, 0.95)
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Between two colours: the first at share 0, the second at 1."""
    values = [a + (b - a) * share for a, b in zip(first, second, strict=True)]
    return values[0], values[1], values[2], values[3]


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of several colours."""
    return colours[int(rng.integers(len(colours)))]
