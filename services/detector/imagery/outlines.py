"""The ground under the outlines of cars."""

from collections.abc import Iterable

import numpy as np
from skimage.draw import polygon

from railwatch.services.detector.imagery.arrays import Mask, Points


def covered(outlines_px: Iterable[Points], shape: tuple[int, ...]) -> Mask:
    """(rows, cols), true under outlines, which are corners (k, 2) each, in pixel coordinates."""
    mask = np.zeros(shape, dtype=bool)
    for corners in outlines_px:
        # As `skimage.draw.polygon2mask`, which makes a mask of the whole picture for each polygon.
        mask[polygon(corners[:, 1], corners[:, 0], shape)] = True
    return mask
