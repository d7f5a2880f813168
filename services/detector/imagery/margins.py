"""Margins: missing data along the border of a file. They are not a part of the picture, which ends where they begin.

A provider may pad a frame to the size of the whole scene. It shows the same as the frame alone, and must give the same
count. Missing data amid the picture are another thing: they hide ground. So do the clouds of a provider's mask, even
along the border: the pixels under the mask still hold a picture.
"""

from dataclasses import replace

import numpy as np
from affine import Affine
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Mask
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.stored import cut

# A picture is not cut to fewer pixels on a side than a file must have.
LEAST_SIDE_PX = 32


def trimmed(raster: Raster) -> Raster:
    """A picture without the rows and columns along its border that hold no data. No pixel is resampled."""
    rows, cols = (_reach(np.asarray(raster.pictured.any(axis=axis))) for axis in (1, 0))
    if (rows.stop - rows.start, cols.stop - cols.start) == raster.shape:
        return raster
    return replace(
        raster,
        pixels=cut(raster.pixels, rows, cols),
        valid=np.ascontiguousarray(raster.valid[rows, cols]),
        masked=None if raster.masked is None else np.ascontiguousarray(raster.masked[rows, cols]),
        transform=raster.transform @ Affine.translation(cols.start, rows.start),
    )


def within_margins(pictured: Mask) -> Mask:
    """Where (rows, cols) the picture is, with the holes in it, if these pixels (rows, cols) hold it."""
    if pictured.all():
        return pictured
    parts, _ = ndimage.label(~pictured)
    border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return np.asarray(~np.isin(parts, np.unique(border[border > 0])))


def _reach(holds_data: Mask) -> slice:
    """From the first to the last row, or column, that holds data; all of them if too few do."""
    held = np.flatnonzero(holds_data)
    if not len(held) or held[-1] + 1 - held[0] < LEAST_SIDE_PX:
        return slice(0, len(holds_data))
    return slice(int(held[0]), int(held[-1]) + 1)
