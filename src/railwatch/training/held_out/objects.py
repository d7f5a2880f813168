"""What stands beside the tracks: roads, buildings, trees, motor vehicles, containers, platforms and their roofs."""

import numpy as np

from railwatch.training.held_out.field import Colour, Field, Material, Points, along_line, normals, patch, ribbon
from railwatch.training.held_out.stock import BRIGHT, GREY, RUST, WHITE
from railwatch.training.held_out.textures import between, grain, tinted, varied

TREE: Colour = (0.055, 0.085, 0.035)


def building(field: Field, rng: np.random.Generator, centre: Points, turn: float, half: tuple[float, float]) -> None:
    """A house or a hall: flat with things upon it, or with a ridge; its roof of sheets or of tiles."""
    u, v, xy = patch(centre, turn, *half, field.step_m)
    eaves = between(rng, 3.5, 9.0)
    roofs = (
        (0.6, 0.6, 0.58),
        (0.33, 0.33, 0.34),
        (0.2, 0.2, 0.21),
        (0.26, 0.14, 0.1),
        (0.30, 0.22, 0.18),
        (0.2, 0.27, 0.3),
    )
    tone = varied(rng, roofs[int(rng.integers(len(roofs)))], 0.15)
    dirt = grain(rng, "gravel", u, v, field.step_m, 40.0)
    height = np.full_like(u, eaves)
    if rng.random() < 0.5 and half[1] < 14:
        height += (half[1] - np.abs(v)) * between(rng, 0.15, 0.6)
    sheets = np.where(np.mod(u, between(rng, 0.7, 2.0)) < 0.25, 0.9, 1.0)
    colour = tinted(tone, dirt, 0.07) * sheets.astype(np.float32)
    for _ in range(int(rng.integers(0, 7))):
        at = rng.uniform(-0.85, 0.85, 2) * half
        unit = (np.abs(u - at[0]) < between(rng, 0.5, 2.2)) & (np.abs(v - at[1]) < between(rng, 0.5, 1.8))
        height[unit] += between(rng, 0.4, 1.5)
        colour[:, unit] = np.array(varied(rng, GREY[1], 0.3), np.float32)[:, None]
    edge = (np.abs(u) > half[0] - 0.35) | (np.abs(v) > half[1] - 0.35)
    colour[:, edge] *= 0.85
    field.put(xy, height=height, colour=colour, material=Material.ROOF, owner=0)


def tree(field: Field, rng: np.random.Generator, centre: Points, radius_m: float, owner: int | None = None) -> None:
    """A crown: a heap of leaves, ragged at its edge."""
    u, v, xy = patch(centre, between(rng, 0, 6.3), radius_m, radius_m, field.step_m)
    leaves = grain(rng, "grass", u, v, field.step_m, between(rng, 8, 16))
    lobes = np.cos(np.arctan2(v, u) * int(rng.integers(3, 7)) + between(rng, 0, 6)) * 0.12
    apart = np.hypot(u, v) / radius_m / (0.85 + lobes) + 0.09 * leaves
    keep = apart < 1
    dome = np.sqrt(np.clip(1 - apart**2, 0, 1))
    height = between(rng, 1.3, 2.2) * radius_m * (0.35 + 0.65 * dome) + 0.35 * leaves
    colour = tinted(varied(rng, TREE, 0.25), leaves, 0.3, 0.05)
    field.put(xy, height=height, colour=colour, material=Material.TREE, keep=keep, owner=owner)


def road(field: Field, rng: np.random.Generator, line: Points, half_m: float) -> None:
    """A road with its markings."""
    s, d, xy = ribbon(line, -half_m, half_m, field.step_m)
    tone = varied(rng, ((0.13, 0.13, 0.135), (0.2, 0.2, 0.2), (0.32, 0.31, 0.29))[int(rng.integers(3))], 0.12)
    worn = 0.6 * np.cos(d * 4.2) + grain(rng, "gravel", s, d, field.step_m, 30.0)
    field.put(xy, height=0.0, colour=tinted(tone, worn, 0.05), material=Material.HARD)
    right = normals(line)
    for off in (-half_m + 0.25, half_m - 0.25):
        field.draw(line + right * off, 0.12, (0.55, 0.55, 0.52))
    dense = along_line(line, 1.0)
    for first in range(0, len(dense) - 4, 9):
        field.draw(dense[first : first + 4], 0.14, (0.6, 0.6, 0.57))


def motor(field: Field, rng: np.random.Generator, centre: Points, turn: float, *, lorry: bool) -> None:
    """A motor car, or a lorry with its trailer."""
    half = (between(rng, 3.5, 8.3), 1.27) if lorry else (between(rng, 1.9, 2.4), 0.9)
    u, _, xy = patch(centre, turn, *half, field.step_m)
    tone = varied(rng, (*WHITE, *GREY, *BRIGHT, (0.03, 0.03, 0.03))[int(rng.integers(15))], 0.2)
    if lorry:
        tone = varied(rng, (*WHITE, *GREY[:2], *BRIGHT[:2])[int(rng.integers(8))], 0.15)
        height = np.where(u > half[0] - 2.2, 2.9, 3.7)
        glass = np.abs(u - half[0] + 2.5) < 0.3
    else:
        height = np.where(np.abs(u + 0.2) < half[0] * 0.55, 1.45, 0.9)
        glass = np.abs(np.abs(u + 0.2) - half[0] * 0.6) < 0.35
    colour = np.stack([np.where(glass, 0.04, value) for value in tone]).astype(np.float32)
    field.put(xy, height=height, colour=colour, material=Material.CAR)


def stack(field: Field, rng: np.random.Generator, centre: Points, turn: float) -> None:
    """Containers in rows, one or two high, or stacks of timber."""
    forward = np.array([np.cos(turn), np.sin(turn)])
    right = np.array([-forward[1], forward[0]])
    long = 6.06 if rng.random() < 0.4 else 12.19
    for row in range(int(rng.integers(1, 4))):
        for place in range(int(rng.integers(1, 7))):
            if rng.random() < 0.2:
                continue
            at = centre + right * (row * 2.7) + forward * (place * (long + 0.35))
            u, _, xy = patch(at, turn, long / 2, 1.22, field.step_m)
            tone = varied(rng, (*BRIGHT, *RUST, *GREY, *WHITE)[int(rng.integers(18))], 0.2)
            colour = np.stack([np.where(np.mod(u, 0.8) < 0.15, value * 0.8, value) for value in tone])
            field.put(
                xy, height=2.6 * float(rng.integers(1, 3)), colour=colour.astype(np.float32), material=Material.CAR
            )


def platform(field: Field, rng: np.random.Generator, line: Points, low_m: float, high_m: float) -> None:
    """A paved platform with a pale edge."""
    s, d, xy = ribbon(line, low_m, high_m, field.step_m)
    paving = grain(rng, "brick", s, d, field.step_m, between(rng, 14, 30))
    colour = tinted(varied(rng, (0.36, 0.35, 0.33), 0.15), paving, 0.05)
    edge = np.minimum(np.abs(d - low_m), np.abs(d - high_m))
    colour[:, (edge > 0.4) & (edge < 0.6)] = 0.6
    field.put(xy, height=between(rng, 0.5, 1.1), colour=colour, material=Material.HARD)


def canopy(field: Field, rng: np.random.Generator, line: Points, low_m: float, high_m: float) -> None:
    """A roof over a platform, which may reach over the cars beside it."""
    s, d, xy = ribbon(line, low_m, high_m, field.step_m)
    tone = varied(rng, ((0.32, 0.32, 0.33), (0.5, 0.5, 0.49), (0.2, 0.19, 0.18))[int(rng.integers(3))], 0.15)
    colour = tinted(tone, np.where(np.mod(s, 5.0) < 0.3, -2.0, 0.0).astype(np.float32), 0.12)
    field.put(xy, height=4.6 - 0.05 * np.abs(d - low_m), colour=colour, material=Material.ROOF, owner=0)


def overbridge(field: Field, rng: np.random.Generator, line: Points, half_m: float) -> None:
    """A road on a bridge over the tracks, with parapets; it hides what stands below."""
    s, d, xy = ribbon(line, -half_m, half_m, field.step_m)
    tone = varied(rng, ((0.14, 0.14, 0.145), (0.34, 0.33, 0.31))[int(rng.integers(2))], 0.15)
    colour = tinted(tone, grain(rng, "gravel", s, d, field.step_m, 30.0), 0.06)
    parapet = np.abs(d) > half_m - 0.4
    colour[:, parapet] = 0.42
    field.put(xy, height=np.where(parapet, 7.3, 6.4), colour=colour, material=Material.HARD, owner=0)
