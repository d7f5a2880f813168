"""The ground of a yard, before anything stands on it: ballast, sleepers, rails, dirt, weeds, grass and roads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtri

from railwatch.render import palette
from railwatch.render.canvas import (
    Array,
    Colour,
    Frame,
    Points,
    coordinates,
    fractal_noise,
    is_empty,
    ramp,
    tint,
    white_noise,
    window,
)
from railwatch.render.yard import Track, distances, resample

FAR_M = 99.0
CHUNK_M = 12.0
TRACK_REACH_M = 3.4


@dataclass(frozen=True)
class Road:
    """A strip of made ground: `points_m` (n, 2), its width and its colour."""

    points_m: Points
    width_m: float
    colour: Colour


@dataclass(frozen=True)
class GroundStyle:
    """How the ground looks.

    Attributes:
        ballast: key of `palette.BALLAST`, of the track beds.
        patches: key of `palette.BALLAST`, of renewed or spoilt stretches.
        patch_share: how much of the bed is such.
        between: what lies between the tracks: as the bed, dirt, or grass.
        bed_half_width_m: of a track's own bed.
        dirt: colour of bare soil.
        grass_share: share of open ground under grass.
        weeds: share of the bed under weeds.
        concrete_sleepers: or wooden ones.
        sleeper_contrast: 0 (buried) to 1.
        polished: share of tracks with bright rails.
        oil: strength of the dark stripe between the rails.
        roughness: strength of the mottle.
        fields: strength of the differences between parcels of the open ground.
        softness: width of the edges between grass, dirt and spoilt ballast, in sigmas of the mottle.
        rail_contrast: strength of the dark beside the railheads.
    """

    ballast: str = "granite"
    patches: str = "brown"
    patch_share: float = 0.2
    between: str = "ballast"
    bed_half_width_m: float = 2.2
    dirt: Colour = palette.DIRT[0]
    grass_share: float = 0.5
    weeds: float = 0.1
    concrete_sleepers: bool = False
    sleeper_contrast: float = 0.7
    polished: float = 0.3
    oil: float = 0.3
    roughness: float = 1.0
    fields: float = 0.3
    softness: float = 0.6
    rail_contrast: float = 0.6


DEFAULT_GROUND = GroundStyle()


@dataclass(frozen=True)
class Ground:
    """The ground's layers on the fine grid, (rows, cols) each.

    Attributes:
        frame: the grid.
        bare: (bands, rows, cols), reflectance without plants and rails.
        plants: share of each cell under grass or weeds.
        mottle: unit noise that plants, snow and moisture follow.
        across_m: signed distance from the nearest track's centreline, `FAR_M` beyond a few metres.
        rail: share of each cell that is railhead.
        rail_shade: strength of the dark beside the rails: foot, fastenings and their shade.
        shine: 0 for a rusty railhead, 1 for a polished one.
    """

    frame: Frame
    bare: Array
    plants: Array
    mottle: Array
    across_m: Array
    rail: Array
    rail_shade: Array
    shine: Array


def lay_ground(
    frame: Frame, tracks: tuple[Track, ...], style: GroundStyle, roads: tuple[Road, ...], seed: int, bands: int
) -> Ground:
    """Make the ground of a yard; the same seed makes the same ground."""
    rng = np.random.default_rng(seed)
    shape, step = frame.shape, frame.step_m
    broad = fractal_noise(rng, shape, step, 150, 2.8)
    mottle = fractal_noise(rng, shape, step, 12, 2.0)
    grain = white_noise(rng, shape, 0.10 / step)
    across, along, index, rail, rail_shade = _track_fields(frame, tracks)
    near = np.abs(across)
    per_track = [rng.normal(0, 1, len(tracks) + 1).astype(np.float32) for _ in range(4)]
    per_track[0][-1] = 0

    dirt = tint(palette.vary(rng, style.dirt, 0.1), bands)
    other = tint(palette.vary(rng, style.dirt, 0.3), bands)
    bare = dirt + ramp(mottle + 0.6 * broad, -0.8, 1.4) * (other - dirt)

    to_track = _distance_to_tracks(frame, near)
    yard = 1 - ramp(to_track + 1.2 * broad, 4.0, 6.5)
    open_grass = ramp(broad + 0.5 * mottle, *_share_to_ramp(style.grass_share, style.softness))
    bed_colour = palette.vary(rng, palette.BALLAST[style.ballast], 0.12)
    bed = tint(bed_colour, bands) * np.exp(0.10 * per_track[0][index])[None]
    patch = tint(palette.vary(rng, palette.BALLAST[style.patches], 0.12), bands)
    patched = ramp(
        broad * 0.7 + 0.45 * mottle + 0.5 * per_track[1][index], *_share_to_ramp(style.patch_share, style.softness)
    )
    bed = bed + patched * (patch - bed)
    own_bed = 1 - ramp(near + 0.25 * mottle, style.bed_half_width_m - 0.4, style.bed_half_width_m + 0.5)
    parcels = _parcels(frame, rng, broad) * style.fields
    bare = bare * np.exp(0.35 * parcels * (1 - yard))
    open_grass = np.clip(open_grass + 0.6 * parcels, 0, 1)
    cover = np.maximum(own_bed, yard * (style.between == "ballast"))
    plants = open_grass * (1 - cover) * (1 - yard * (style.between == "dirt"))
    if style.between == "grass":
        plants = np.maximum(plants, yard * (1 - own_bed) * ramp(mottle, -1.2, 0.4))
    weeds = ramp(
        mottle + 0.35 * broad + 0.4 * per_track[2][index] + 0.3 * grain,
        *_share_to_ramp(style.weeds, 0.5 * style.softness),
    )
    plants = np.maximum(plants, weeds * cover * 0.8)
    bare = bare + cover * (bed - bare)

    sleeper = palette.CONCRETE_SLEEPER if style.concrete_sleepers else palette.WOODEN_SLEEPER
    wood = tint(palette.vary(rng, sleeper, 0.15), bands)
    spacing = float(rng.choice([0.6, 0.6, 0.65, 0.55]))
    between_rails = np.clip((1.28 - near) / step + 0.5, 0, 1)
    visible = np.clip(style.sleeper_contrast + 0.2 * per_track[3][index] + 0.2 * mottle, 0, 1)
    share = between_rails * visible * _sleepers(along, spacing, step)
    bare = bare + share * (wood - bare)
    stain = between_rails * style.oil * np.clip(0.6 + 0.4 * per_track[1][index] + 0.3 * mottle, 0, 1)
    bare = bare + stain * 0.8 * (tint(palette.vary(rng, palette.OIL, 0.4), bands) - bare)
    rusty = np.clip(1.15 - near, 0, 0.5) * 0.5
    bare = bare * (1 - rusty) + rusty * bare * (tint(palette.RUST, bands) / 0.12)

    for road in roads:
        on_road = _strip(frame, road)
        bare = bare + on_road * (tint(road.colour, bands) * (1 + 0.05 * mottle) - bare)
        plants *= 1 - on_road
    bare *= 1 + style.roughness * (0.07 * mottle + 0.09 * grain)
    shine = (rng.random(len(tracks) + 1) < style.polished).astype(np.float32)
    shine = np.clip(shine * rng.uniform(0.3, 1, len(shine)) + rng.uniform(0, 0.12, len(shine)), 0, 1).astype(np.float32)
    return Ground(
        frame,
        np.clip(bare, 0.02, 0.9).astype(np.float32),
        plants.astype(np.float32),
        mottle,
        across,
        rail,
        style.rail_contrast * rail_shade,
        shine[index],
    )


def dress(ground: Ground, greenness: float, moisture: float, rng: np.random.Generator) -> Array:
    """The ground on one day, (bands, rows, cols).

    Args:
        ground: its layers.
        greenness: 0 for winter straw to 1 for June.
        moisture: 0 dry to 1 soaked; wet soil reflects about half (Lobell and Asner, 2002).
        rng: where it is wet today.
    """
    bands = ground.bare.shape[0]
    leaf = tint(palette.vary(rng, palette.blend(palette.DRY_GRASS, palette.GREEN_GRASS, greenness), 0.12), bands)
    dressed = ground.bare + ground.plants * (leaf * (1 + 0.25 * ground.mottle) - ground.bare)
    if moisture > 0:
        patchy = 0.6 + 0.4 * np.tanh(ground.mottle + rng.normal(0, 0.5))
        dressed = dressed * (1 - np.float32(0.5 * moisture) * patchy)
    dressed = dressed * (1 - ground.rail_shade)
    where = ground.rail > 0.02
    rust, bright = tint(palette.RUST, bands)[:, :, 0], tint(palette.BRIGHT_RAIL, bands)[:, :, 0]
    glint = float(rng.uniform(0.3, 1.0))
    head = rust + ground.shine[where] * glint * (bright - rust)
    dressed[:, where] += ground.rail[where] * (head - dressed[:, where])
    return np.clip(dressed, 0.01, 0.95).astype(np.float32)


def _parcels(frame: Frame, rng: np.random.Generator, broad: Array) -> Array:
    """Fields and plots: a value of unit variance for each, their borders a little crooked."""
    x, y = coordinates(frame, (slice(0, frame.shape[0]), slice(0, frame.shape[1])))
    turn = float(rng.uniform(0, np.pi))
    length, width = float(rng.uniform(40, 160)), float(rng.uniform(20, 70))
    u = np.floor((x * np.cos(turn) + y * np.sin(turn) + 1.5 * broad) / length).astype(int)
    v = np.floor((y * np.cos(turn) - x * np.sin(turn) + 1.5 * broad) / width).astype(int)
    values = rng.standard_normal(64, dtype=np.float32)
    return np.asarray(values[(u * 7 + v * 13) % 64], np.float32)


def _share_to_ramp(share: float, softness: float) -> tuple[float, float]:
    """Ramp limits, `softness` apart on either side, that let about `share` of unit noise through."""
    middle = float(-ndtri(np.clip(share, 0.002, 0.998)))
    return middle - softness, middle + softness


def _sleepers(along: Array, spacing_m: float, step_m: float) -> Array:
    """A square wave of sleepers 0.26 m wide, as its first harmonics that the grid can carry."""
    duty = 0.26 / spacing_m
    wave = np.full(along.shape, duty, np.float32)
    for harmonic in (1, 2, 3):
        if harmonic * step_m / spacing_m < 0.5:
            strength = 2 * np.sin(np.pi * harmonic * duty) / (np.pi * harmonic) * np.sinc(harmonic * step_m / spacing_m)
            wave += np.float32(strength) * np.cos(np.float32(2 * np.pi * harmonic / spacing_m) * along)
    return np.clip(wave, 0, 1)


def _track_fields(frame: Frame, tracks: tuple[Track, ...]) -> tuple[Array, Array, NDArray[np.int16], Array, Array]:
    across = np.full(frame.shape, FAR_M, np.float32)
    along = np.zeros(frame.shape, np.float32)
    index = np.full(frame.shape, len(tracks), np.int16)
    rail = np.zeros(frame.shape, np.float32)
    shade = np.zeros(frame.shape, np.float32)
    head, foot, step = 0.07, 0.30, frame.step_m
    for number, track in enumerate(tracks):
        points = resample(track.points_m, CHUNK_M)
        at = distances(points)
        for start, end, begin in zip(points[:-1], points[1:], at[:-1], strict=True):
            where = window(frame, np.array([start, end]), TRACK_REACH_M)
            if is_empty(where):
                continue
            direction = (end - start) / np.hypot(*(end - start))
            x, y = coordinates(frame, where)
            x, y = x - np.float32(start[0]), y - np.float32(start[1])
            u = (x * direction[0] + y * direction[1]).astype(np.float32)
            v = (y * direction[0] - x * direction[1]).astype(np.float32)
            here = (u >= -step) & (u < np.hypot(*(end - start)) + step) & (np.abs(v) < TRACK_REACH_M)
            off = np.abs(np.abs(v) - np.float32(track.gauge_m / 2 + 0.035))
            rail[where] = np.maximum(rail[where], here * _bar(off, head, step))
            shade[where] = np.maximum(shade[where], here * _bar(off, foot, step))
            nearer = here & (np.abs(v) < np.abs(across[where]))
            across[where] = np.where(nearer, v, across[where])
            along[where] = np.where(nearer, u + np.float32(begin), along[where])
            index[where] = np.where(nearer, number, index[where])
    return across, along, index, rail, shade


def _bar(off: Array, width_m: float, step_m: float) -> Array:
    """Share of a cell covered by a bar of the given width whose axis is `off` metres away."""
    overlap = np.minimum(off + step_m / 2, width_m / 2) - np.maximum(off - step_m / 2, -width_m / 2)
    return np.asarray(np.clip(overlap / step_m, 0, 1), np.float32)


def _distance_to_tracks(frame: Frame, near: Array) -> Array:
    """Distance to the nearest track, found on a grid four times coarser."""
    coarse = near[::4, ::4]
    distance = ndimage.distance_transform_edt(coarse > 4 * frame.step_m + 0.5) * 4 * frame.step_m
    zoomed = np.kron(distance.astype(np.float32), np.ones((4, 4), np.float32))[: near.shape[0], : near.shape[1]]
    return np.asarray(ndimage.uniform_filter(zoomed, 5), np.float32)


def _strip(frame: Frame, road: Road) -> Array:
    """1 on a road, 0 beside it."""
    cover = np.zeros(frame.shape, np.float32)
    for start, end in zip(road.points_m[:-1], road.points_m[1:], strict=True):
        where = window(frame, np.array([start, end]), road.width_m)
        if is_empty(where):
            continue
        x, y = coordinates(frame, where)
        axis = end - start
        share = np.clip(((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / (axis @ axis), 0, 1)
        off = np.hypot(x - start[0] - share * axis[0], y - start[1] - share * axis[1])
        inside = np.clip((road.width_m / 2 - off) / frame.step_m + 0.5, 0, 1)
        cover[where] = np.maximum(cover[where], inside)
    return cover
