"""Where the axis of a track lies across a line: what a small network sees in the pictures across it.

The axis is sought at knots, every few metres along each line. The network (`railwatch.training.axis`) is the same at
every place across a line, and sees 31 m to either side along it: rails, sleepers and bed, or the cars that hide them
and the shadow that they throw.
"""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.imagery.arrays import Floats, Integers
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.across import ACROSS_M, REACH_M, ROW_M, STEP_M, Section, planes_of, section_of
from railwatch.services.detector.tracks.sessions import Session, load_session
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout, straighten

Number = TypeVar("Number", bound=np.floating[Any])

AXES_FILE = Path(__file__).with_name("model") / "axes.onnx"
# The positions across the line where an axis may lie.
OFFSETS_M = np.arange(-REACH_M, REACH_M + STEP_M / 2, STEP_M)
# Samples of track from one knot to the next.
KNOT_SAMPLES = round(5.0 / SAMPLE_M)
# Samples of track to a row of the planes, and rows to one of the network's answer.
EVERY = round(ROW_M / SAMPLE_M)
ROWS = 4
# Rows that are computed at a time, and how many to either side of one the network sees.
BLOCK, SEEN_ROWS = 2048, 64
# How many columns to either side of a place the network sees. The planes reach a little further.
SEEN_COLUMNS = 14
SEEN = slice((len(ACROSS_M) - len(OFFSETS_M)) // 2 - SEEN_COLUMNS, (len(ACROSS_M) + len(OFFSETS_M)) // 2 + SEEN_COLUMNS)
# The baseline alone tells of an axis where it shows more than this share of what lies across the line.
SHOWN = 0.5
# Largest log-odds that one knot may give.
MOST_EVIDENCE = 6.0


def load_axes() -> Session:
    """The network that finds axes."""
    return load_session(AXES_FILE)


def axis_scores(layout: Layout, tile: Raster, baseline: Raster | None, network: Session) -> Floats:
    """(knots, offsets): log-odds that the axis of a track lies `OFFSETS_M` beside the line at each knot.

    With a baseline they are the mean of three views: both pictures, the tile alone, and the baseline alone where it
    shows the track. A pair unlike those learned from misleads the first of them.
    """
    pictures = [tile] if baseline is None else [tile, baseline]
    # One after the other, so that the brightness of only one is in memory.
    now, *before = (_section(picture, layout) for picture in pictures)
    odds = _odds(now, None, layout.gsd_m, network)
    if before:
        both = _odds(now, before[0], layout.gsd_m, network)
        alone = _odds(before[0], None, layout.gsd_m, network)
        tells = (before[0].seen[::ROWS].mean(axis=1) > SHOWN)[:, None]
        odds = (odds + both + tells * alone) / (2 + tells)
    rows = np.minimum(np.rint(knots_of(layout) / (EVERY * ROWS)).astype(np.int64), len(odds) - 1)
    return np.asarray(odds[rows])


def _section(picture: Raster, layout: Layout) -> Section:
    (strip,), (known,) = straighten([picture.grey()], layout, ACROSS_M, EVERY, positions=(-0.5, 0.5))
    return section_of(strip[..., 0], known)


def _odds(tile: Section, baseline: Section | None, gsd_m: float, network: Session) -> Floats:
    """(rows / 4, offsets), log-odds of one view."""
    planes = planes_of(tile, baseline, gsd_m)[..., SEEN]
    odds = np.concatenate([_block(planes, first, network) for first in range(0, planes.shape[1], BLOCK)])
    return np.clip(odds, -MOST_EVIDENCE, MOST_EVIDENCE, out=odds)


def _block(planes: Floats, first: int, network: Session) -> Floats:
    """(rows / 4, offsets), log-odds for one block of rows, computed with what lies around it."""
    before = min(first, SEEN_ROWS)
    odds = network(planes=planes[:, first - before : first + BLOCK + SEEN_ROWS])
    return np.asarray(odds[before // ROWS :][: BLOCK // ROWS])


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
