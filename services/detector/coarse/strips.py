"""Tile and baseline along the tracks where pixels are as wide as a car."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.cars.levelling import levelled
from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.tracks.centrelines import Centreline, corridor
from railwatch.services.detector.tracks.pieces import Piece, owned
from railwatch.services.detector.tracks.strips import Layout, lay_out, straighten
from railwatch.shared.counts import Sun

# Length of a sample along the track, and positions across it: about half a pixel, metres.
SAMPLE_M = 2.0
ACROSS_M = np.arange(-9.0, 9.1, 1.5)
MIDDLE = len(ACROSS_M) // 2
# Ground nearer to a track than this is changed by trains and their shadows, metres.
BESIDE_M = 7.0
# Fewer pixels than this beside the tracks do not tell how much the ground changed.
FEWEST_BESIDE = 200
# One digital number of 8 bits: what the ground differs by at the least.
LEAST_CHANGE = 1 / 255


@dataclass(frozen=True)
class Strips:
    """Both pictures along the tracks, as n samples by w positions across.

    Attributes:
        layout: where the samples lie.
        tile: (n, w, bands).
        baseline: (n, w, bands), levelled to the tile.
        seen: (n, w), what both show.
        contrast: how much the tile's brightness varies along the tracks.
        change: how much the ground beside the tracks differs, as a robust standard deviation.
        shade: (n,), sine of the angle at which a shadow falls across the track, positive to its right, times its
            length for a height of one metre; 0 where the sun is not known.
        gsd_m: metres per pixel.
    """

    layout: Layout
    tile: Floats
    baseline: Floats
    seen: Mask
    contrast: float
    change: float
    shade: Doubles
    gsd_m: float


def strips_of(
    tile: Raster, ground: Ground, pieces: Sequence[Piece], lines: Sequence[Centreline], sun: Sun | None
) -> Strips:
    """The pictures along pieces of track.

    Args:
        tile: the tile.
        ground: tile and baseline in agreement, with a baseline.
        pieces: the lines inside the tile.
        lines: all lines as drawn.
        sun: its position, if known.
    """
    if ground.baseline is None:
        raise ValueError("without a baseline there is nothing to compare with")
    layout = lay_out([piece.xy_px for piece in pieces], tile.gsd_m, SAMPLE_M)
    view = Raster(tile.pixels, ground.seen, tile.transform, tile.crs, tile.gsd_m)
    (now, before), (sees, saw) = straighten([view, ground.baseline], layout, ACROSS_M)
    seen = sees & saw
    before = levelled(before, now, seen, ACROSS_M / 2)
    light = luminance(now[seen].T) if seen.any() else np.zeros(1, np.float32)
    low, high = quantile(light, [0.1, 0.9])
    shadow = shadow_px(sun, tile) if sun is not None else None
    right = np.nan_to_num(layout.right_px)
    shade = np.zeros(len(right)) if shadow is None else right @ shadow * tile.gsd_m
    return Strips(
        layout,
        now,
        before,
        seen,
        max(float(high - low) / 2, 2 * LEAST_CHANGE),
        _change(tile, ground, lines),
        np.clip(shade, -3, 3),
        tile.gsd_m,
    )


def _change(tile: Raster, ground: Ground, lines: Sequence[Centreline]) -> float:
    """How much ground beside the tracks differs between the pictures."""
    if ground.baseline is None:
        return LEAST_CHANGE
    both = ground.seen & ground.baseline.valid
    beside = both & ~corridor(lines, tile, BESIDE_M)
    where = beside if beside.sum() >= FEWEST_BESIDE else both
    if not where.any():
        return LEAST_CHANGE
    change = (tile.luminance() - ground.baseline.luminance())[where]
    return max(1.4826 * float(median(np.abs(change - median(change)))), LEAST_CHANGE)


def counted_samples(layout: Layout) -> Mask:
    """(n,), the samples of track that no longer track beside them owns."""
    return layout.on_track & owned(layout)
