"""Features of each sample of track: numbers that do not depend on the scene's brightness.

Every feature is a difference, in units of the scene's own contrast. The tile is compared with the baseline's pixels,
with the baseline's ballast and with its own ballast. The baseline is compared with its own ballast, which shows the
cars that stood there then. Without a baseline, only the tile's own ballast remains.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from railwatch.services.detector.cars.ballast import ballast_profile
from railwatch.services.detector.imagery.arrays import Floats, Integers, Mask, Points
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import luminance
from railwatch.services.detector.tracks.strips import ACROSS_M, CHUNK, Layout

# Zones across the track, symmetric about it, by their outer edges in metres: between the rails, the rails, the body's
# edge (cars are 2.6 to 3.3 m wide), shadow and gap to the next track.
EDGES_M = (0.3, 0.55, 0.95, 1.3, 1.6, 2.1, 2.9, 4.05)
ZONES = 2 * len(EDGES_M) - 1
# Half of the width of a body, and of the ground that is compared around it, in metres.
INSIDE_M = 1.45
AROUND_M = 2.1
# Windows along the track, in samples, over which the pattern of rails and sleepers is compared: 1.5 and 5.5 m.
WINDOWS = (3, 11)
# Shadow is given as metres on the ground, of a body so high, and cut off at this length.
BODY_HEIGHT_M = 3.0
LONGEST_SHADOW_M = 9.0


@dataclass(frozen=True)
class Strip:
    """One picture along all tracks: luminance and two colour differences, and where it could be seen.

    Attributes:
        values: (3, n, w), luminance, red minus green, blue minus green.
        seen: (n, w).
        dark: luminance of the picture's deepest shade.
    """

    values: Floats
    seen: Mask
    dark: float


def strip_of(values: Floats, seen: Mask, dark: float) -> Strip:
    """From bands (n, w, 1 | 3) to luminance and colour differences. One band has no colour."""
    bands = values.transpose(2, 0, 1)
    channels = np.zeros((3, *seen.shape), np.float32)
    channels[0] = luminance(bands)
    if len(bands) == 3:
        red, green, blue = bands
        np.subtract(red, green, out=channels[1])
        np.subtract(blue, green, out=channels[2])
    return Strip(channels, seen, dark)


def features_of(
    tile: Strip, baseline: Strip | None, levelled: Strip | None, layout: Layout, shadow_m: Points | None
) -> Floats:
    """Features of every sample, (n, f).

    Args:
        tile: the tile along the tracks.
        baseline: the baseline, registered, or None.
        levelled: the baseline in the radiometry of the tile's tracks, or None.
        layout: the tracks.
        shadow_m: (2,), pixel-frame shadow (x, y) in metres per metre of height, or None where the sun is unknown.
    """
    seen = tile.seen if baseline is None else tile.seen & baseline.seen
    scale = contrast_unit(levelled.values if levelled else tile.values, tile.dark, seen)
    contrast, likeness = _against_ballast(tile, layout, scale, seen)
    columns = [contrast, _texture(tile.values[0] / scale), likeness, _light(layout, shadow_m)]
    if baseline is not None and levelled is not None:
        unit = contrast_unit(baseline.values, baseline.dark, baseline.seen)
        contrast, likeness_then = _against_ballast(baseline, layout, unit, seen)
        likeness = _likeness(tile.values[0], baseline.values[0], scale)
        columns += [
            _contrast(tile.values, levelled.values, scale, seen),
            _contrast(tile.values, ballast_profile(levelled.values, baseline.seen, layout, scale), scale, seen),
            contrast,
            _texture(baseline.values[0] / unit),
            likeness,
            likeness_then,
            _agreement(tile, levelled, likeness, scale, seen),
        ]
    return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Structure:
    """How the features depend on each other and on the direction of the track.

    Attributes:
        order: (f,), the features of a strip whose left and right are swapped, as places in the features of the strip.
        across: (f,), the signs they take with it.
        along: (f,), the signs they take where the strip is run from its other end.
        groups: the features that come from one comparison of one pair of pictures, group by group.
    """

    order: Integers
    across: Floats
    along: Floats
    groups: tuple[tuple[int, ...], ...] = ()


@lru_cache
def structure(*, with_baseline: bool) -> Structure:
    """The structure of what `features_of` gives."""
    contrast = [*range(ZONES)[::-1], ZONES + 2, ZONES + 1, ZONES]
    texture, likeness, light = [0, 1, 2, 3], [0, 1], [0, 1, 2, 3]
    parts = [contrast, texture, likeness, light]
    if with_baseline:
        parts += [contrast, contrast, contrast, texture, likeness, likeness, likeness]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    order = [start + place for start, part in zip(starts[:-1], parts, strict=True) for place in part]
    across, along = np.ones(len(order), np.float32), np.ones(len(order), np.float32)
    sun = int(starts[3])
    across[sun], along[sun + 1] = -1, -1
    groups = [tuple(range(start, start + len(part))) for start, part in zip(starts[:-1].tolist(), parts, strict=True)]
    return Structure(np.array(order), across, along, tuple(group for number, group in enumerate(groups) if number != 3))


def _averages(*parts: Mask) -> Floats:
    """(w, parts): a product with it gives the mean over each part across the track."""
    return np.column_stack([part / part.sum() for part in parts]).astype(np.float32)


def _zones() -> Floats:
    outer = np.concatenate([[-edge for edge in EDGES_M[::-1]], EDGES_M])
    number = np.searchsorted(outer, ACROSS_M, side="left") - 1
    return _averages(*(np.clip(number, 0, ZONES - 1) == zone for zone in range(ZONES)))


INSIDE = np.abs(ACROSS_M) <= INSIDE_M
AROUND = np.abs(ACROSS_M) <= AROUND_M
AROUND_PART = slice(int(AROUND.argmax()), int(AROUND.argmax() + AROUND.sum()))
ZONE_TABLE = _zones()
THIRD_TABLE = _averages(ACROSS_M < -INSIDE_M, INSIDE, ACROSS_M > INSIDE_M)
PART_TABLE = _averages(INSIDE, AROUND & ~INSIDE)


def _against_ballast(strip: Strip, layout: Layout, unit: float, seen: Mask) -> tuple[Floats, Floats]:
    """Contrast and likeness of a strip to its own ballast."""
    own = ballast_profile(strip.values, strip.seen, layout, unit)
    return _contrast(strip.values, own, unit, seen), _likeness(strip.values[0], own[0], unit)


def _contrast(values: Floats, expected: Floats, unit: float, seen: Mask) -> Floats:
    """(n, ZONES + 3): difference of luminance by zone, and of colour to the left, inside and to the right."""
    features = np.empty((len(seen), ZONES + 3), np.float32)
    for first in range(0, len(seen), CHUNK):
        chunk = slice(first, first + CHUNK)
        light, red, blue = (values[:, chunk] - expected[:, chunk]) * (seen[chunk] / np.float32(unit))
        features[chunk, :ZONES] = light @ ZONE_TABLE
        features[chunk, ZONES:] = np.sqrt(red * red + blue * blue) @ THIRD_TABLE
    return squashed(features)


def _texture(light: Floats) -> Floats:
    """(n, 4): steps along and across, inside the body's width and beside it."""
    along = np.abs(np.diff(light, axis=0, prepend=light[:1])) @ PART_TABLE
    along += np.concatenate([along[1:], along[-1:]])
    across = np.abs(np.diff(light, axis=1)) @ (PART_TABLE[1:] + PART_TABLE[:-1])
    return squashed(2 * np.concatenate([along, across], axis=1))


def _likeness(first: Floats, second: Floats, scale: float) -> Floats:
    """(n, len(WINDOWS)): correlation of two strips across the track and over a window along it."""
    a, b = first[:, AROUND_PART] / scale, second[:, AROUND_PART] / scale
    width = a.shape[1]
    products = [np.einsum("nw,nw->n", one, other) / width for one, other in ((a, a), (b, b), (a, b))]
    moments = np.stack([a.mean(axis=1), b.mean(axis=1), *products])
    features = []
    for window in WINDOWS:
        mean_a, mean_b, aa, bb, ab = ndimage.uniform_filter1d(moments, window)
        spread = np.sqrt(np.maximum(aa - mean_a**2, 0) * np.maximum(bb - mean_b**2, 0))
        features.append((ab - mean_a * mean_b) / (spread + 0.02))
    return np.column_stack(features).astype(np.float32)


def _light(layout: Layout, shadow_m: Points | None) -> Floats:
    """(n, 4): shadow across and along, both known or not, sampling distance."""
    features = np.zeros((len(layout.xy_px), 4), np.float32)
    if shadow_m is not None:
        right = np.nan_to_num(layout.right_px)
        cast = shadow_m * min(BODY_HEIGHT_M, LONGEST_SHADOW_M / max(float(np.hypot(*shadow_m)), 1e-6))
        features[:, 0] = right @ cast / BODY_HEIGHT_M
        features[:, 1] = (right[:, 1] * cast[0] - right[:, 0] * cast[1]) / BODY_HEIGHT_M
        features[:, 2] = 1
    features[:, 3] = layout.gsd_m
    return features


def _agreement(tile: Strip, levelled: Strip, likeness: Floats, scale: float, seen: Mask) -> Floats:
    """(n, 2): how far the baseline can be trusted in this scene: how alike it is, and how much of it changed."""
    features = np.zeros((len(seen), 2), np.float32)
    if seen.any():
        features[:, 0] = median(likeness[seen.mean(axis=1) > 0.5, 1]) if (seen.mean(axis=1) > 0.5).any() else 0
        change = np.abs(tile.values[0] - levelled.values[0])[seen]
        features[:, 1] = np.arcsinh(quantile(change[:: max(1, len(change) // 40_000)], 0.3) / scale)
    return features


def contrast_unit(values: Floats, dark: float, seen: Mask) -> float:
    """A quarter of the difference between the deepest shade and the common brightness of the tracks."""
    middle = float(median(values[0][seen])) if seen.any() else 1.0
    return max(0.25 * (middle - dark), 0.01)


def squashed(values: Floats) -> Floats:
    """Linear near 0, logarithmic far out."""
    return np.asarray(np.arcsinh(values), dtype=np.float32)
