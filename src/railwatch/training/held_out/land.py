"""The land beside the tracks: parcels of grass, soil, gravel and paving, bushes, paths, banks."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from railwatch.training.held_out.field import Colour, Field, Floats, Material, Points, normals, positions
from railwatch.training.held_out.textures import Grain, between, clouds, enlarged, grain, tinted, varied

COARSE_M = 1.0


@dataclass(frozen=True)
class Ground:
    """A kind of land: its colour, grain, contrast, what the seasons do to it, and how often it is met."""

    tone: Colour
    grain: Grain
    contrast: float
    material: Material
    share: float


GROUNDS = (
    Ground((0.13, 0.15, 0.075), "grass", 0.22, Material.GRASS, 3.0),
    Ground((0.22, 0.20, 0.11), "grass", 0.16, Material.GRASS, 2.0),
    Ground((0.26, 0.22, 0.165), "gravel", 0.11, Material.BARE, 2.0),
    Ground((0.31, 0.29, 0.26), "gravel", 0.09, Material.BARE, 1.5),
    Ground((0.145, 0.145, 0.15), "gravel", 0.06, Material.HARD, 1.5),
    Ground((0.38, 0.37, 0.35), "brick", 0.04, Material.HARD, 1.0),
)


def distance_from(field: Field, lines: list[Points]) -> Floats:
    """Metres from each cell (rows, cols) to the nearest of these lines, which have a point a metre."""
    side = int(np.ceil(field.shape[0] * field.step_m / COARSE_M))
    free = np.ones((side, side), bool)
    for line in lines:
        at = np.floor((line + field.margin_m) / COARSE_M).astype(int)
        inside = ((at >= 0) & (at < side)).all(axis=1)
        free[at[inside, 1], at[inside, 0]] = False
    return enlarged(ndimage.distance_transform_edt(free).astype(np.float32) * np.float32(COARSE_M), field.shape)


def land(field: Field, rng: np.random.Generator, reach_m: Floats, dusty: float) -> None:
    """Parcels of land, each of one kind, their borders straight here and ragged there; banks away from the tracks."""
    rows, cols = field.shape
    side = int(np.ceil(rows * field.step_m / COARSE_M))
    seeds = rng.uniform(0, side, (int(rng.integers(4, 16)), 2))
    share = np.array([ground.share for ground in GROUNDS])
    kinds = rng.choice(len(GROUNDS), len(seeds), p=share / share.sum())
    y, x = np.indices((side, side))
    ragged = clouds(rng, (side, side), COARSE_M, 16.0) * between(rng, 0, 6)
    apart = np.stack([np.abs(x - a) + np.abs(y - b) * between(rng, 0.6, 1.6) for a, b in seeds]) + ragged
    parcel = apart.argmin(axis=0)
    across, down = positions(field)
    patchy = clouds(rng, (rows, cols), field.step_m, 25.0)
    spans: tuple[tuple[Grain, float, float], ...] = (("grass", 12, 40), ("gravel", 12, 40), ("brick", 25, 60))
    reliefs = {
        name: grain(rng, name, across, down, field.step_m, between(rng, low, high))
        for name, low, high in spans
        if any(GROUNDS[kind].grain == name for kind in kinds)
    }
    for number, kind in enumerate(kinds):
        ground = GROUNDS[kind]
        inside = enlarged((parcel == number).astype(np.float32), (rows, cols))
        made = ground.material == Material.HARD
        relief = reliefs[ground.grain] + patchy * (0.3 if made else 0.7)
        # Made ground ends at an edge; soil and grass run into each other.
        cover = np.clip((inside - 0.5) * (8 if made else 2.0) + 0.5 + (0 if made else 0.12) * relief, 0, 1)
        if number == 0:
            cover[:] = 1
        here = cover > 0
        tone = varied(rng, ground.tone, 0.14)
        lime = dusty * 0.7
        tone = (tone[0] + lime * (0.48 - tone[0]), tone[1] + lime * (0.46 - tone[1]), tone[2] + lime * (0.41 - tone[2]))
        painted = tinted(tone, relief[here], ground.contrast, 0.04)
        field.colour[:, here] += cover[here] * (painted - field.colour[:, here])
        field.material[cover > 0.5] = ground.material
    scrub = _scrub(field, rng, reach_m)
    _paths(field, rng)
    bank = between(rng, -1.2, 3.0) if rng.random() < 0.5 else 0.0
    start = between(rng, 5.0, 9.0)
    field.ground = -np.float32(bank) * np.clip((reach_m - start) / (1.8 * abs(bank) + 0.1), 0, 1)
    field.ground += 0.12 * patchy * np.clip(reach_m / 8 - 0.5, 0, 1)
    field.height[:] = field.ground + scrub


def _scrub(field: Field, rng: np.random.Generator, reach_m: Floats) -> Floats:
    """Bushes and tall weeds on natural ground, painted; returns their height."""
    noise = clouds(rng, field.shape, field.step_m, between(rng, 5, 14)) + 0.8 * clouds(
        rng, field.shape, field.step_m, 60.0
    )
    natural = (field.material == Material.GRASS) | (field.material == Material.BARE)
    share = np.clip((noise - between(rng, 0.8, 3.0)) * 1.6, 0, 1) * natural * np.clip(reach_m - 4.5, 0, 1)
    leaves = grain(rng, "grass", *positions(field), field.step_m, between(rng, 10, 25))
    tone = varied(rng, (0.10, 0.115, 0.055), 0.25)
    for band, value in zip(field.colour, tone, strict=True):
        band += 0.85 * share * (np.float32(value) * np.exp(0.25 * leaves) - band)
    field.material[share > 0.5] = Material.GRASS
    return np.asarray(share * np.clip(0.8 + between(rng, 0.2, 0.6) * leaves, 0.1, 3), np.float32)


def _paths(field: Field, rng: np.random.Generator) -> None:
    """Trodden paths and the wheel tracks of lorries."""
    size_m = field.shape[0] * field.step_m
    for _ in range(int(rng.integers(2, 9))):
        turn = between(rng, 0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.02, int(size_m)))
        line = rng.uniform(0, size_m, 2) + np.cumsum(np.column_stack([np.cos(turn), np.sin(turn)]), axis=0)
        tone = varied(rng, (0.33, 0.29, 0.23), 0.2)
        apart = 0.0 if rng.random() < 0.3 else 0.85
        for off in (-apart, apart):
            field.draw(line - field.margin_m + normals(line) * off, between(rng, 0.15, 0.5), tone)


def free_places(rng: np.random.Generator, field: Field, reach_m: Floats, near_m: float, far_m: float, n: int) -> Points:
    """Up to n places (n, 2) so far from the tracks."""
    tried = rng.integers(0, field.shape[0], (60 * n, 2))
    away = reach_m[tried[:, 1], tried[:, 0]]
    return np.asarray((tried[(away > near_m) & (away < far_m)][:n] + 0.5) * field.step_m - field.margin_m)
