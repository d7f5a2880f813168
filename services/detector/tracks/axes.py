"""Where the axis of a track lies across a line: what a small network finds in sections across it.

The axis is sought at knots, every few metres along each line. At each knot the network is given sections of the
pictures across the line. They do not show which is brighter, rails, sleepers or ballast. So the network has to go by
the 1.5 m between the rails and by the likeness of a track's two sides.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Integers
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.network import Network
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout, straighten

Number = TypeVar("Number", bound=np.floating[Any])

# How far a drawn line may lie beside its track, in metres.
REACH_M = 3.0
# Distance between positions across the line, in metres; the positions where an axis may lie; and those of a section.
STEP_M = 0.25
OFFSETS_M = np.arange(-REACH_M, REACH_M + STEP_M / 2, STEP_M)
ACROSS_M = np.arange(-REACH_M - 4.0, REACH_M + 4.0 + STEP_M / 2, STEP_M)
# Samples of track from one knot to the next.
KNOT_SAMPLES = round(5.0 / SAMPLE_M)
# Sections are made from every second sample.
SECTION_EVERY = 2
# Sections are averaged over 10 m of track, which follows a bend, and over 40 m, in which only parallel things remain.
NEAR, FAR = (round(length_m / (SECTION_EVERY * SAMPLE_M)) + 1 for length_m in (10.0, 40.0))
# Empty positions between the sections of two knots on the network's axis, so that one does not influence the other.
KNOT_PAD = 31
# Both sides of a track are compared as far as the end of the sleepers and the shoulder of the ballast.
SIDE_STEPS = round(2.5 / STEP_M)
# Largest log-odds that one knot may give.
MOST_EVIDENCE = 6.0

# Channels of a section: level and roughness along the track and fine structure across, of the tile and the baseline,
# near (0 to 5) and far (7 to 12); how far the two differ (6); 1 where there is a picture (13); and the likeness of both
# sides, near and far (14 to 17).
CHANNELS = 18
TILE, BASELINE, DIFFERENCE, PRESENT = [0, 1, 2, 7, 8, 9, 14, 16], [3, 4, 5, 10, 11, 12, 15, 17], 6, 13
# Channels whose sign says which is brighter, of the tile and of the baseline.
SIGNED = ((0, 2, 7, 9), (3, 5, 10, 12))


def axis_scores(layout: Layout, tile: Raster, baseline: Raster | None, network: Network) -> Floats:
    """(knots, offsets): log-odds that the axis of a track lies `OFFSETS_M` beside the line at each knot."""
    sections = sections_across(layout, tile, baseline)
    if baseline is None:
        # The network takes the mean for what is hidden from it.
        hidden = [*BASELINE, DIFFERENCE]
        sections[:, : len(ACROSS_M), hidden] = network.mean[hidden]
    logits = network(sections.reshape(-1, CHANNELS))
    axis = (logits[:, 1] - logits[:, 0]).reshape(sections.shape[:2])[:, : len(ACROSS_M)]
    margin = (len(ACROSS_M) - len(OFFSETS_M)) // 2
    return np.asarray(np.clip(axis[:, margin:-margin], -MOST_EVIDENCE, MOST_EVIDENCE))


def sections_across(layout: Layout, tile: Raster, baseline: Raster | None) -> Floats:
    """What the network is given: (knots, across + `KNOT_PAD`, `CHANNELS`), one knot after the other.

    Without a baseline its channels are 0.
    """
    pictures = [tile] if baseline is None else [tile, baseline]
    strips, _ = straighten([picture.grey() for picture in pictures], layout, ACROSS_M, SECTION_EVERY)
    at = np.minimum(np.rint(knots_of(layout) / SECTION_EVERY).astype(np.int64), len(strips[0]) - 1)
    sections = np.zeros((len(at), len(ACROSS_M) + KNOT_PAD, CHANNELS), np.float32)
    picture = sections[:, : len(ACROSS_M)]
    for strip, channels in zip(strips, (TILE, BASELINE), strict=False):
        near, far = (_section(strip[..., 0], window, at) for window in (NEAR, FAR))
        picture[..., channels] = np.concatenate([near[..., :3], far[..., :3], near[..., 3:], far[..., 3:]], axis=2)
    picture[..., DIFFERENCE] = np.abs(picture[..., TILE[0]] - picture[..., BASELINE[0]])
    picture[..., PRESENT] = 1
    return sections


def knots_along(samples: int) -> Integers:
    """The knots of a track with this many samples."""
    knots = max(2, round(samples / KNOT_SAMPLES) + 1)
    return np.round(np.linspace(0, samples - 1, knots)).astype(np.int64)


def knots_of(layout: Layout) -> Integers:
    """The knots of all tracks, as samples of the layout."""
    each = [start + knots_along(int(length)) for start, length in zip(layout.starts, layout.lengths, strict=True)]
    return np.asarray(np.concatenate(each), dtype=np.int64)


def by_piece(values: NDArray[Number], layout: Layout) -> list[NDArray[Number]]:
    """Splits values of all knots into those of each piece."""
    ends = np.cumsum([len(knots_along(int(length))) for length in layout.lengths])[:-1]
    return np.split(values, ends)


def _section(strip: Floats, window: int, at: Integers) -> Floats:
    """(knots, across, 4): level along the track, its roughness, fine structure across, likeness of both sides."""
    mean, square = (_around(values, window, at) for values in (strip, strip**2))
    rough = np.sqrt(np.maximum(square - mean**2, 0))
    level, rough = (
        (part - part.mean(axis=1, keepdims=True)) / (part.std(axis=1, keepdims=True) + 1e-3) for part in (mean, rough)
    )
    fine = level - ndimage.gaussian_filter1d(level, 1.5 / STEP_M, axis=1, mode="nearest")
    strength = ndimage.gaussian_filter1d(fine**2, 2.0 / STEP_M, axis=1, mode="nearest")
    return np.stack([level, rough, fine / (np.sqrt(strength) + 0.03), _likeness(level)], axis=2).astype(np.float32)


def _around(values: Floats, window: int, at: Integers) -> Floats:
    """(knots, across): means over a window along the track around each knot. Beyond the ends the values are 0."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = at - window // 2
    total = sums[np.minimum(first + window, len(values))] - sums[np.maximum(first, 0)]
    return np.asarray(total / window, dtype=np.float32)


def _likeness(level: Floats) -> Floats:
    """(knots, across): 1 where the left side mirrors the right side, -1 where it is its negative."""
    width = level.shape[1]
    padded = np.pad(level, ((0, 0), (SIDE_STEPS, SIDE_STEPS)), mode="edge")
    total, product, power = level.copy(), np.zeros_like(level), np.zeros_like(level)
    for step in range(1, SIDE_STEPS + 1):
        left, right = (padded[:, SIDE_STEPS + side :][:, :width] for side in (-step, step))
        total += left + right
        product += left * right
        power += 0.5 * (left**2 + right**2)
    mean = total / (2 * SIDE_STEPS + 1)
    common = SIDE_STEPS * mean**2 - mean * (total - level)
    return np.asarray((product + common) / (power + common + 1e-3), dtype=np.float32)
