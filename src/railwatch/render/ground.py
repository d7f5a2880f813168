"""The ground of a yard, before anything stands on it: ballast, sleepers, rails, dirt, weeds, grass and roads."""

from dataclasses import dataclass

import numpy as np
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
from railwatch.render.track_bed import sleeper_wave, track_fields
from railwatch.render.yard import RenderedTrack

# Small changes of the ground from look to look: drying, dust, wear.
SINCE_LAST = 0.02


@dataclass(frozen=True)
class Road:
    """A road or path: `points_m` (n, 2), its width and its colour."""

    points_m: Points
    width_m: float
    colour: Colour


@dataclass(frozen=True)
class GroundStyle:
    """How the ground looks.

    Attributes:
        ballast: key of `palette.BALLAST`, of the track beds.
        patches: key of `palette.BALLAST`, of renewed or spoilt stretches.
        patch_share: share of the bed with patches.
        between: what is between the tracks: ballast like the bed, dirt, or grass.
        bed_half_width_m: of a track's own bed.
        dirt: colour of bare soil.
        grass_share: share of open ground under grass.
        weeds: share of the bed under weeds.
        concrete_sleepers: whether sleepers are concrete; otherwise they are wood.
        sleeper_contrast: 0 (buried) to 1.
        polished: share of tracks with bright rails.
        oil: strength of the dark stripe between the rails.
        rust: strength of the brown ribbon of brake dust and rust under the rails.
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
    rust: float = 0.4
    roughness: float = 1.0
    fields: float = 0.3
    softness: float = 0.6
    rail_contrast: float = 0.6


DEFAULT_GROUND = GroundStyle()
# Factor on the ballast's reflectance under brake dust and rust, by band: darker and browner.
RUST_TONE = (0.78, 0.62, 0.50, 0.85)


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
    frame: Frame, tracks: tuple[RenderedTrack, ...], style: GroundStyle, roads: tuple[Road, ...], seed: int, bands: int
) -> Ground:
    """Make the ground of a yard; the same seed makes the same ground."""
    rng = np.random.default_rng(seed)
    shape, step = frame.shape, frame.step_m
    broad = fractal_noise(rng, shape, step, 150, 2.8)
    mottle = fractal_noise(rng, shape, step, 12, 2.0)
    grain = white_noise(rng, shape, 0.10 / step)
    across, along, index, rail, rail_shade = track_fields(frame, tracks)
    near = np.abs(across)
    per_track = [rng.normal(0, 1, len(tracks) + 1).astype(np.float32) for _ in range(4)]
    per_track[0][-1] = 0

    yard = 1 - ramp(_distance_to_tracks(frame, near) + 1.2 * broad, 4.0, 6.5)
    own_bed = 1 - ramp(near + 0.25 * mottle, style.bed_half_width_m - 0.4, style.bed_half_width_m + 0.5)
    bed = np.maximum(own_bed, yard) if style.between == "ballast" else own_bed
    spoilt = broad * 0.7 + 0.45 * mottle + 0.5 * per_track[1][index]
    spoilt = bed * ramp(spoilt, *_share_to_ramp(style.patch_share, style.softness))
    between_rails = np.clip((1.28 - near) / step + 0.5, 0, 1)
    buried = np.clip(style.sleeper_contrast + 0.2 * per_track[3][index] + 0.2 * mottle, 0, 1)
    sleepers = between_rails * buried * sleeper_wave(along, float(rng.choice([0.6, 0.6, 0.65, 0.55])), step)
    stain = between_rails * (0.8 * style.oil) * np.clip(0.6 + 0.4 * per_track[1][index] + 0.3 * mottle, 0, 1)
    sleeper = palette.CONCRETE_SLEEPER if style.concrete_sleepers else palette.WOODEN_SLEEPER

    parcels = style.fields * _parcels(frame, rng, broad)
    plants = ramp(broad + 0.5 * mottle, *_share_to_ramp(style.grass_share, style.softness))
    plants = np.clip(plants + 0.6 * parcels, 0, 1) * (1 - bed)
    if style.between == "dirt":
        plants *= 1 - yard
    if style.between == "grass":
        plants = np.maximum(plants, yard * (1 - own_bed) * ramp(mottle, -1.2, 0.4))
    weeds = mottle + 0.35 * broad + 0.4 * per_track[2][index] + 0.3 * grain
    plants = np.maximum(plants, 0.8 * bed * ramp(weeds, *_share_to_ramp(style.weeds, 0.5 * style.softness)))

    bare = np.empty((bands, *shape), np.float32)
    bare[:] = tint(palette.vary(rng, style.dirt, 0.1), bands)
    _coat(bare, ramp(mottle + 0.6 * broad, -0.8, 1.4), palette.vary(rng, style.dirt, 0.3))
    bare *= np.exp(0.35 * parcels * (1 - yard))
    _coat(bare, bed, palette.vary(rng, palette.BALLAST[style.ballast], 0.12))
    _coat(bare, spoilt, palette.vary(rng, palette.BALLAST[style.patches], 0.12))
    bare *= np.exp(0.10 * per_track[0])[index]
    _coat(bare, sleepers, palette.vary(rng, sleeper, 0.15))
    _coat(bare, stain, palette.vary(rng, palette.OIL, 0.4))
    rusty = style.rust * (1 - ramp(near + 0.1 * mottle, 0.85, 1.45))
    for layer, tone in zip(bare, RUST_TONE[:bands], strict=True):
        layer *= 1 + rusty * (tone - 1)
    for road in roads:
        on_road = _strip(frame, road)
        _coat(bare, on_road, road.colour)
        plants *= 1 - on_road
    bare *= 1 + style.roughness * (0.07 * mottle + 0.09 * grain)
    shine = (rng.random(len(tracks) + 1) < style.polished).astype(np.float32)
    shine = np.clip(shine * rng.uniform(0.3, 1, len(shine)) + rng.uniform(0, 0.12, len(shine)), 0, 1).astype(np.float32)
    return Ground(
        frame,
        np.clip(bare, 0.02, 0.9, out=bare),
        plants.astype(np.float32),
        mottle,
        across,
        rail,
        style.rail_contrast * rail_shade,
        shine[index],
    )


def dress(
    ground: Ground, greenness: float, moisture: float, rng: np.random.Generator, sheltered: Array | None = None
) -> Array:
    """The ground on one day, (bands, rows, cols).

    Args:
        ground: its layers.
        greenness: 0 for winter straw to 1 for June.
        moisture: 0 dry to 1 soaked; wet soil reflects about half (Lobell and Asner, 2002).
        rng: source of chance: where it is wet today.
        sheltered: (rows, cols), share of each cell that a departed car kept dry.
    """
    leaf = palette.vary(rng, palette.blend(palette.DRY_GRASS, palette.GREEN_GRASS, greenness), 0.12)
    dark = 0.5 * moisture * (0.6 + 0.4 * np.tanh(ground.mottle + float(rng.normal(0, 0.5))))
    if sheltered is not None:
        dark = dark * (1 - sheltered)
    since = np.roll(ground.mottle, rng.integers(ground.mottle.shape), axis=(0, 1))
    wet = (1 - ground.rail_shade) * (1 - dark) * (1 + SINCE_LAST * since)
    texture = 1 + 0.25 * ground.mottle
    where = ground.rail > 0.02
    rail, shine = ground.rail[where], ground.shine[where] * float(rng.uniform(0.3, 1.0))
    dressed = np.empty_like(ground.bare)
    for band, layer in enumerate(dressed):
        np.multiply(ground.bare[band] + ground.plants * (leaf[band] * texture - ground.bare[band]), wet, out=layer)
        head = palette.RUST[band] + shine * (palette.BRIGHT_RAIL[band] - palette.RUST[band])
        layer[where] += rail * (head - layer[where])
    return np.clip(dressed, 0.01, 0.95, out=dressed)


def _coat(layers: Array, share: Array, colour: Colour) -> None:
    """Lay a colour over a share of each cell, in place."""
    for layer, reflectance in zip(layers, colour, strict=False):
        layer += share * (reflectance - layer)


def _parcels(frame: Frame, rng: np.random.Generator, broad: Array) -> Array:
    """Fields and plots: a value of unit variance for each, their borders a little crooked."""
    x, y = coordinates(frame, (slice(0, frame.shape[0]), slice(0, frame.shape[1])))
    turn = float(rng.uniform(0, np.pi))
    length, width = float(rng.uniform(40, 160)), float(rng.uniform(20, 70))
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    u = np.floor((x * cos + y * sin + 1.5 * broad) / length).astype(np.int16)
    v = np.floor((y * cos - x * sin + 1.5 * broad) / width).astype(np.int16)
    values = rng.standard_normal(64, dtype=np.float32)
    return np.asarray(values[(u * 7 + v * 13) % 64], np.float32)


def _share_to_ramp(share: float, softness: float) -> tuple[float, float]:
    """Ramp limits, `softness` apart on either side, that let about `share` of unit noise through."""
    middle = float(-ndtri(np.clip(share, 0.002, 0.998)))
    return middle - softness, middle + softness


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
