"""The track itself: formation, bed, sleepers or slab, rails, weeds and dust, crossings and open bridges."""

from dataclasses import dataclass

import numpy as np

from railwatch.training.held_out.field import Colour, Field, Floats, Material, Points, normals, ribbon
from railwatch.training.held_out.layout import Way
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between, grain, tinted, varied

BED_M = 0.3
RAIL_M = 0.5
SLEEPER_PERIOD_M = 0.62
WEED: Colour = (0.13, 0.15, 0.07)
DRY_WEED: Colour = (0.26, 0.22, 0.13)
CONCRETE: Colour = (0.38, 0.37, 0.35)


@dataclass(frozen=True)
class Bed:
    """How a site's tracks are built."""

    ballast: Colour
    formation: Colour
    dust: float
    weeds: float
    concrete: float
    slab: float
    green: bool


def choose(rng: np.random.Generator, style: Style) -> Bed:
    """A bed of this style."""
    ballast = varied(rng, style.ballast[int(rng.integers(len(style.ballast)))], 0.15)
    formation = varied(rng, ((0.24, 0.21, 0.17), (0.30, 0.28, 0.25), ballast)[int(rng.integers(3))], 0.15)
    return Bed(
        ballast,
        formation,
        between(rng, *style.dust),
        between(rng, *style.weeds),
        style.concrete,
        style.slab,
        bool(rng.random() < 0.6),
    )


def form(field: Field, rng: np.random.Generator, ways: tuple[Way, ...], bed: Bed, reach_m: Floats) -> None:
    """Lay the formation under all tracks: `reach_m` is each cell's distance from the nearest, (rows, cols)."""
    rows, cols = field.shape
    x, y = (
        np.arange(cols, dtype=np.float32)[None] * field.step_m,
        np.arange(rows, dtype=np.float32)[:, None] * field.step_m,
    )
    wide = between(rng, 2.6, 6.0)
    cover = np.clip((wide - reach_m) / 1.2 + 0.5, 0, 1)
    tone = tinted(bed.formation, grain(rng, "gravel", x, y, field.step_m, between(rng, 14, 40)), 0.09, 0.02)
    for band, values in zip(field.colour, tone, strict=True):
        band += cover * (values - band)
    field.material[cover > 0.5] = Material.BED


def build(field: Field, rng: np.random.Generator, way: Way, bed: Bed) -> None:
    """Lay one track."""
    half = min(way.gauge_m / 2 + between(rng, 0.8, 1.5), way.spacing_m / 2 + 0.3)
    s, d, xy = ribbon(way.line, -half, half, field.step_m)
    slab = rng.random() < bed.slab
    ballast = varied(rng, bed.ballast, 0.12 if not way.main else 0.22)
    sleepers = CONCRETE if rng.random() < bed.concrete else (0.10, 0.08, 0.065)
    sleepers = varied(rng, sleepers, 0.18)
    shoulder = np.clip((half - np.abs(d)) / 0.5, 0, 1)
    rough = grain(rng, "gravel", s, d, field.step_m, between(rng, 8, 30))
    along = _drift(rng, s, 6.0) + 0.6 * _drift(rng, s, 30.0)
    # Between the rails and beneath trains lies what falls from them.
    stain = np.exp(-((np.abs(d) / (way.gauge_m * 0.45)) ** 4)) * between(rng, -0.35, 0.05)
    colour = tinted(CONCRETE if slab else ballast, 0.8 * rough + 0.5 * along, 0.04 if slab else 0.11, 0.03)
    colour *= np.exp(stain)
    opacity = np.clip(shoulder * 1.5, 0, 1)
    if not slab:
        reach = way.gauge_m / 2 + between(rng, 0.35, 0.55)
        duty = between(rng, 0.36, 0.5)
        period = SLEEPER_PERIOD_M * between(rng, 0.95, 1.1)
        jitter = 0.04 * _drift(rng, s, 0.7)
        wave = (np.mod(s / period + jitter, 1.0) < duty) & (np.abs(d) < reach)
        # Sleepers finer than cells fade into their mean.
        clear = float(np.clip(1.6 - field.step_m / 0.22, 0.15, 1)) * between(rng, 0.5, 1.0)
        share = np.where(wave, clear, 0) + np.where(np.abs(d) < reach, (1 - clear) * duty * 0.6, 0)
        for band, tone in zip(colour, sleepers, strict=True):
            band += share * (tone * np.exp(0.12 * rough) - band)
    _overgrow(rng, colour, s, d, bed, field.step_m)
    _dust(rng, colour, s, d, bed)
    field.put(xy, height=BED_M * shoulder, colour=colour, material=Material.BED, opacity=opacity)
    head = varied(rng, (0.42, 0.41, 0.4) if way.main else (0.25, 0.19, 0.15), 0.2)
    right = normals(way.line)
    for sign in (-1, 1):
        rail = way.line + right * (sign * way.gauge_m / 2)
        field.draw(rail, 0.16, (0.10, 0.08, 0.07))
        field.draw(rail, 0.075, head)


def _drift(rng: np.random.Generator, s: Floats, every_m: float) -> Floats:
    """Noise that changes along the track."""
    first, last = float(s.min()), float(s.max())
    knots = np.linspace(first, last, max(2, int((last - first) / every_m)))
    return np.asarray(np.interp(s, knots, rng.normal(0, 1, len(knots))), np.float32)


def _overgrow(rng: np.random.Generator, colour: Floats, s: Floats, d: Floats, bed: Bed, step_m: float) -> None:
    """Weeds, in tufts and in stretches."""
    if bed.weeds < 0.03:
        return
    tufts = grain(rng, "grass", s, d, step_m, between(rng, 6, 18))
    mask = np.clip(tufts * 0.8 + _drift(rng, s, 9.0) + 2.6 * bed.weeds - 1.9 + 0.3 * np.abs(d), 0, 1) * 0.9
    tone = varied(rng, WEED if bed.green else DRY_WEED, 0.2)
    for band, value in zip(colour, tone, strict=True):
        band += mask * (value * np.exp(0.2 * tufts) - band)


def _dust(rng: np.random.Generator, colour: Floats, s: Floats, d: Floats, bed: Bed) -> None:
    """Spilt powder, thick enough in places to bury the sleepers."""
    if bed.dust < 0.02:
        return
    share = np.clip(bed.dust * (0.75 + 0.35 * _drift(rng, s, 14.0) - 0.12 * np.abs(d)), 0, 0.93)
    tone = varied(rng, (0.50, 0.47, 0.42), 0.1)
    for band, value in zip(colour, tone, strict=True):
        band += share * (value * (1 + 0.04 * rng.standard_normal(s.shape)) - band)


def cross(field: Field, rng: np.random.Generator, line: Points, half_m: float, ways: tuple[Way, ...]) -> None:
    """A level crossing: panels or asphalt between the rails, which stay to be seen in their grooves."""
    s, d, xy = ribbon(line, -half_m, half_m, field.step_m)
    tone = varied(rng, ((0.14, 0.14, 0.145), (0.24, 0.235, 0.23), (0.33, 0.32, 0.3))[int(rng.integers(3))], 0.15)
    colour = tinted(tone, grain(rng, "gravel", s, d, field.step_m, 20.0), 0.07)
    field.put(xy, height=RAIL_M, colour=colour, material=Material.HARD, opacity=between(rng, 0.6, 0.95))
    for way in ways:
        apart = np.hypot(*(way.line[:, None] - line[None]).transpose(2, 0, 1)).min(axis=1)
        for run in np.split(np.arange(len(apart)), np.flatnonzero(np.diff(apart < half_m)) + 1):
            if len(run) > 1 and apart[run[0]] < half_m:
                right = normals(way.line[run]) * way.gauge_m / 2
                for sign in (-1, 1):
                    field.draw(way.line[run] + sign * right, 0.2, (0.07, 0.065, 0.06))
                    field.draw(way.line[run] + sign * right, 0.07, (0.4, 0.39, 0.38))


def ravine(field: Field, rng: np.random.Generator, line: Points, half_m: float) -> None:
    """What a bridge leads over: water, a road or a ditch, in the bare formation."""
    s, d, xy = ribbon(line, -half_m - 2, half_m + 2, field.step_m)
    tones: tuple[Colour, ...] = ((0.05, 0.065, 0.06), (0.13, 0.13, 0.135), (0.11, 0.12, 0.06), (0.09, 0.075, 0.06))
    bank = np.clip((half_m + np.sin(s / between(rng, 5, 12) + d) - np.abs(d)) / between(rng, 0.5, 3.0), 0, 1)
    colour = tinted(varied(rng, tones[int(rng.integers(4))], 0.2), grain(rng, "grass", s, d, field.step_m, 25.0), 0.08)
    field.put(xy, height=-3.5 * bank, colour=colour, material=Material.WATER, opacity=bank)


def open_bridge(field: Field, rng: np.random.Generator, way: Way, line: Points, half_m: float) -> None:
    """Where a track crosses a ravine its sleepers lie on girders, and what is below shows between them."""
    apart = np.hypot(*(way.line[:, None] - line[None]).transpose(2, 0, 1)).min(axis=1)
    over = np.flatnonzero(apart < half_m)
    if len(over) < 4:
        return
    part = way.line[over[0] : over[-1] + 1]
    below = varied(rng, ((0.05, 0.06, 0.06), (0.09, 0.10, 0.06), (0.06, 0.055, 0.05))[int(rng.integers(3))], 0.2)
    half = way.gauge_m / 2 + 0.75
    s, d, xy = ribbon(part, -half, half, field.step_m)
    timber = varied(rng, (0.15, 0.12, 0.10), 0.25)
    # Timbers finer than cells fade into their mean.
    clear = float(np.clip(1.6 - field.step_m / 0.2, 0.1, 1))
    share = np.where(np.mod(s / 0.5, 1.0) < 0.5, 0.5 + clear / 2, 0.5 - clear / 2)
    colour = np.stack([b + share * (t - b) for b, t in zip(below, timber, strict=True)]).astype(np.float32)
    girder = np.abs(np.abs(d) - half + 0.15) < 0.15
    for band, tone in zip(colour, varied(rng, (0.22, 0.2, 0.18), 0.3), strict=True):
        band[girder] = tone
    field.put(xy, height=np.where(girder, 1.0, BED_M), colour=colour, material=Material.RAIL)
    right = normals(part)
    for sign in (-1, 1):
        field.draw(part + right * (sign * way.gauge_m / 2), 0.08, (0.3, 0.26, 0.22))
