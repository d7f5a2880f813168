"""Wide strips: both pictures along the tracks, finely enough and far enough out for a network that looks at pixels.

A wide strip reaches 6 m to either side, past the next track's edge, in steps of a quarter metre both ways. The strips
from which features are computed, half a metre along and 4 m to either side, are its inner part: two rows to a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from railwatch.services.detector.cars.ballast import ballast_profile
from railwatch.services.detector.cars.features import Strip, contrast_unit, strip_of
from railwatch.services.detector.cars.levelling import levelled
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import HALF_WIDTH_M, STEP_M, Layout, straighten

WIDE_HALF_WIDTH_M = 6.0
WIDE_ACROSS_M = np.arange(-WIDE_HALF_WIDTH_M, WIDE_HALF_WIDTH_M + STEP_M / 2, STEP_M)
WIDTH = len(WIDE_ACROSS_M)
# Rows of a wide strip to a sample of track.
ROWS = 2
EDGE = round((WIDE_HALF_WIDTH_M - HALF_WIDTH_M) / STEP_M)
# Tile and baseline are compared over so many samples each way: 1.25 m.
COMPARED = 5
# What the channels are: how many, and those that need a baseline.
CHANNELS = 13
WITH_BASELINE = (4, 5, 6, 7, 8, 12)


@dataclass(frozen=True)
class Pair:
    """Tile and baseline as wide strips.

    Attributes:
        tile: the tile.
        baseline: the baseline, registered, or None.
        levelled: the baseline in the radiometry of the tile's tracks, or None.
    """

    tile: Strip
    baseline: Strip | None = None
    levelled: Strip | None = None


def straighten_wide(pictures: Sequence[Raster], layout: Layout) -> tuple[list[Floats], list[Mask]]:
    """Pictures of one grid along the tracks.

    Args:
        pictures: what to sample.
        layout: the tracks, n samples.

    Returns:
        For each picture values (2 n, w, bands), 0 where it has none, and where it has (2 n, w).
    """
    forward = np.column_stack([layout.right_px[:, 1], -layout.right_px[:, 0]]) * (STEP_M / 2 / layout.gsd_m)
    xy = np.stack([layout.xy_px - forward, layout.xy_px + forward], axis=1).reshape(-1, 2)
    fine = Layout(
        layout.starts * ROWS, layout.lengths * ROWS, xy, np.repeat(layout.right_px, ROWS, axis=0), layout.gsd_m
    )
    return straighten(pictures, fine, WIDE_ACROSS_M, positions=(0.0,))


def pair_of(tile: tuple[Floats, Mask, float], baseline: tuple[Floats, Mask, float] | None) -> Pair:
    """Strips from what was sampled: bands (2 n, w, 1 | 3), where they are known (2 n, w), and the deepest shade."""
    if baseline is None:
        return Pair(strip_of(*tile))
    values, known, dark = baseline
    level = levelled(values, tile[0], known & tile[1], WIDE_ACROSS_M)
    now = strip_of(*tile)
    del tile, baseline
    before = strip_of(values, known, dark)
    del values
    return Pair(now, before, strip_of(level, known, dark))


def narrowed(strip: Strip) -> Strip:
    """The strip from which features are computed: one row for each sample, and only the inner part."""
    inner = slice(EDGE, WIDTH - EDGE)
    values = 0.5 * (strip.values[:, 0::ROWS, inner] + strip.values[:, 1::ROWS, inner])
    return Strip(values, strip.seen[0::ROWS, inner] & strip.seen[1::ROWS, inner], strip.dark)


@dataclass(frozen=True)
class Channels:
    """What the network sees, made for one part of the tracks at a time: all of it at once would take much memory.

    Light is in units of the scene's own contrast, linear near 0 and logarithmic far out.

    Attributes:
        pair: the strips, of n samples.
        gsd_m: metres per pixel.
        unit: of the light of the tile.
        unit_before: of the light of the baseline.
        middle: (3,), the commonest values within the width of a body.
        own: (n, w), luminance of the tile's own ballast.
        own_before: (n, w), luminance of the baseline's own ballast, or None.
    """

    pair: Pair
    gsd_m: float
    unit: np.float32
    unit_before: np.float32
    middle: Floats
    own: Floats
    own_before: Floats | None

    def of(self, samples: slice) -> Floats:
        """(CHANNELS, 2 k, w), the channels of k samples. Without a baseline, its channels are 0."""
        rows = slice(samples.start * ROWS, samples.stop * ROWS)
        tile, seen = self.pair.tile.values[:, rows], self.pair.tile.seen[rows]
        planes = np.zeros((CHANNELS, *seen.shape), np.float32)
        planes[:3] = (tile - self.middle[:, None, None]) / self.unit
        planes[3] = (tile[0] - np.repeat(self.own[samples], ROWS, axis=0)) / self.unit
        baseline, level = self.pair.baseline, self.pair.levelled
        if baseline is not None and level is not None and self.own_before is not None:
            seen = seen & baseline.seen[rows]
            before, levelled_before = baseline.values[0, rows], level.values[:, rows]
            change, red, blue = (tile - levelled_before) / self.unit
            planes[4], planes[5] = change, np.sqrt(red * red + blue * blue)
            planes[6] = (before - np.repeat(self.own_before[samples], ROWS, axis=0)) / self.unit_before
            planes[7] = (levelled_before[0] - self.middle[0]) / self.unit
            planes[8] = _alike(tile[0] / self.unit, before / self.unit_before)
            planes[12] = 1
        _squash(planes[:8])
        planes[9] = 1
        planes[10] = np.abs(WIDE_ACROSS_M) / WIDE_HALF_WIDTH_M
        planes[11] = self.gsd_m
        planes *= seen
        return planes


def channels_of(pair: Pair, layout: Layout) -> Channels:
    """The channels of wide strips along n samples."""
    tile, baseline = pair.tile, pair.baseline
    seen = tile.seen if baseline is None else tile.seen & baseline.seen
    unit = contrast_unit((pair.levelled or tile).values, tile.dark, seen)
    unit_before = 1.0 if baseline is None else contrast_unit(baseline.values, baseline.dark, baseline.seen)
    return Channels(
        pair,
        layout.gsd_m,
        np.float32(unit),
        np.float32(unit_before),
        _middle(tile.values, seen),
        _own(tile, layout, unit),
        None if baseline is None else _own(baseline, layout, unit_before),
    )


def _squash(values: Floats) -> None:
    """The inverse hyperbolic sine in place, by way of the logarithm, for which numpy has vector instructions."""
    size = np.abs(values)
    np.copysign(np.log(size + np.sqrt(size * size + 1)), values, out=values)


def _middle(values: Floats, seen: Mask) -> Floats:
    """(3,), the commonest values (3, n, w) within the width of a body."""
    inner = slice(WIDTH // 2 - 8, WIDTH // 2 + 9)
    known = np.stack([channel[seen[:, inner]] for channel in values[:, :, inner]])
    return median(known) if known.size else np.zeros(3, np.float32)


def _own(strip: Strip, layout: Layout, unit: float) -> Floats:
    """(n, w), luminance of the strip's own ballast."""
    values = 0.5 * (strip.values[:, 0::ROWS] + strip.values[:, 1::ROWS])
    profile = ballast_profile(values, strip.seen[0::ROWS] & strip.seen[1::ROWS], layout, unit)
    return np.array(profile[0])


def _alike(first: Floats, second: Floats) -> Floats:
    """(2 n, w), correlation around each sample."""
    moments = np.stack([first, second, first * first, second * second, first * second])
    a, b, aa, bb, ab = ndimage.uniform_filter(moments, (0, COMPARED, COMPARED), mode="nearest")
    spread = np.sqrt(np.maximum(aa - a * a, 0) * np.maximum(bb - b * b, 0))
    return np.asarray((ab - a * b) / (spread + np.float32(0.02)), dtype=np.float32)
