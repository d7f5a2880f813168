"""What an afternoon's work gives: the peer that the detector is measured against.

Phase correlation, histogram matching, structural similarity, Otsu's threshold, and regions near the tracks that are
about as large as a car; longer ones count as several.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.exposure import match_histograms
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops
from skimage.metrics import structural_similarity
from skimage.registration import phase_cross_correlation

from railwatch.services.detector.imagery.raster import Raster, harmonise
from railwatch.services.detector.tracks.centrelines import Centreline, corridor

CAR_M = 14.5
LEAST_M2 = 12.0


def count_cars(tile: Raster, baseline: Raster, lines: tuple[Centreline, ...]) -> NDArray[np.float64]:
    """The middles of the cars found, (n, 2), pixels."""
    after = tile.luminance()
    before = harmonise(baseline, tile).luminance()
    shift, _, _ = phase_cross_correlation(after, before, upsample_factor=10)
    before = match_histograms(ndimage.shift(before, shift, mode="nearest"), after)
    _, similarity = structural_similarity(after, before, win_size=7, data_range=1.0, full=True)
    change = 1 - similarity
    changed = (change > threshold_otsu(change)) & corridor(lines, tile, 2.0)
    middles: list[NDArray[np.float64]] = []
    for region in regionprops(label(ndimage.binary_closing(changed, iterations=2))):
        if region.area * tile.gsd_m**2 < LEAST_M2:
            continue
        cars = max(1, round(region.axis_major_length * tile.gsd_m / CAR_M))
        along = np.array([np.sin(region.orientation), np.cos(region.orientation)])
        steps = (np.arange(cars) - (cars - 1) / 2) * CAR_M / tile.gsd_m
        middles += list(np.array(region.centroid)[::-1] + steps[:, None] * along)
    return np.array(middles).reshape(-1, 2)
