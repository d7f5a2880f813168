"""Fill: pixels that a provider wrote where there is no ground, and often did not declare.

Fill is recognised by its value or by its look. Some values are never measured, such as -9999. And no ground has exactly
one value along the picture's border and over an area behind it. Black needs only to lie along the border. Lossy
compression leaves near-black between black fill and the ground; it is fill, too.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Mask, Raw

# Values that stand for missing data by custom. No sensor measures them.
NEVER_MEASURED = (-999, -9999, -99999, -32767, -32768)
# No brightness is as far from zero; the largest float32 and 1e20 are fill.
ABSURD = 1e19
# Fill touches the picture's border along at least so many pixels; black ground may touch it along a few.
MIN_FILL_PX = 16
# An area of one value that is not black is fill if a square of this side fits into it.
MIN_SQUARE_PX = 16
# White may be saturated snow. It is fill if a square of this side fits into it.
MIN_WHITE_SQUARE_PX = 48
# After lossy compression black fill may be so bright, of 255. Near the ground it may be as bright as the second figure:
# within so many pixels, because compression works on blocks of up to 16.
NEARLY_BLACK = 8
DARK = 24
LOSSY_PX = 16
# A border with more different runs of one value than this is no border of fill.
MOST_VALUES = 8


def fill(raw: Raw) -> Mask:
    """Where (rows, cols) a picture's bands (bands, rows, cols), as stored, show fill and not ground."""
    found = _never_measured(raw)
    for value in _along_border(raw):
        equal = np.asarray((raw == value[:, None, None]).all(axis=0))
        # A picture of one tone is left to the check of its contrast.
        if not (value.any() and equal.all()):
            found |= _areas(equal, raw, value)
    return found


def _never_measured(raw: Raw) -> Mask:
    """Pixels that have such a value in any band."""
    if raw.dtype.kind == "u":
        return np.zeros(raw.shape[1:], dtype=bool)
    odd = np.isin(raw, np.array(NEVER_MEASURED, np.float64))
    if raw.dtype.kind == "f":
        odd |= ~(np.abs(raw) < ABSURD)
    else:
        odd |= raw == np.iinfo(raw.dtype).min
    return np.asarray(odd.any(axis=0))


def _along_border(raw: Raw) -> list[Raw]:
    """Values (bands,) that the border may have as fill: black, and those of its longest runs of one value."""
    runs = []
    for side in (raw[:, 0], raw[:, -1], raw[:, :, 0], raw[:, :, -1]):
        ends = np.flatnonzero(np.r_[True, (side[:, 1:] != side[:, :-1]).any(axis=0), True])
        runs += [(stop - start, tuple(side[:, start])) for start, stop in pairwise(ends)]
    long = sorted((run for run in runs if run[0] >= MIN_FILL_PX), key=lambda run: -run[0])
    black = (raw.dtype.type(0),) * len(raw)
    values = list(dict.fromkeys([black, *(value for _, value in long)]))
    return [np.array(value, raw.dtype) for value in values[:MOST_VALUES]]


def _areas(equal: Mask, raw: Raw, value: Raw) -> Mask:
    """The areas of one value that are fill: they lie along the border, and are large enough unless they are black."""
    labels, areas = ndimage.label(equal)
    along_border_px = np.zeros(areas + 1, dtype=np.int64)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        along_border_px += np.bincount(side, minlength=areas + 1)
    is_fill = along_border_px >= MIN_FILL_PX
    is_fill[0] = False  # another value
    if not is_fill.any():
        return np.zeros_like(equal)
    black = not value.any()
    if not black:
        white = bool((value >= raw.max(axis=(1, 2))).all())
        is_fill &= _holds_square(labels, MIN_WHITE_SQUARE_PX if white else MIN_SQUARE_PX)
    found = np.asarray(is_fill[labels])
    if black and raw.dtype == np.uint8 and found.any():
        found |= _blurred(is_fill & _holds_square(labels, MIN_SQUARE_PX), labels, raw.max(axis=0))
    return found


def _blurred(is_fill: Mask, labels: NDArray[np.int32], brightest: Raw) -> Mask:
    """Areas of black with what lossy compression made of their edge, if they end sharply, at much brighter ground."""
    nearly = ndimage.binary_propagation(is_fill[labels], mask=brightest <= NEARLY_BLACK)
    grown = ndimage.binary_dilation(nearly, iterations=LOSSY_PX, mask=brightest <= DARK)
    beyond = brightest[ndimage.binary_dilation(grown, iterations=2) & ~grown]
    sharp = beyond.size > 0 and np.median(beyond) > 2 * DARK
    return np.asarray(grown if sharp else np.zeros_like(grown))


def _holds_square(labels: NDArray[np.int32], side_px: int) -> Mask:
    """(areas + 1,), which areas hold a square of this side."""
    holds = np.zeros(int(labels.max()) + 1, dtype=bool)
    inside = ndimage.minimum_filter((labels > 0).view(np.uint8), side_px, mode="constant") > 0
    holds[labels[inside]] = True
    return holds
