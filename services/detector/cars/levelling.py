"""The baseline's strips in the radiometry of the tile's strips."""

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Mask, Points
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import luminance
from railwatch.services.detector.tracks.strips import ACROSS_M

# Number of pixels that are enough for the histogram, and of its bins.
ENOUGH = 40_000
BINS = 256
# Half of the width of the bed that is compared, in metres. Sleepers are 2.4 to 2.7 m long; the shoulders are left out.
BED_M = 1.5
SMOOTHING_BINS = 6.0
# A peak of the histogram counts if it is at least this share of the highest.
PEAK_SHARE = 0.5
# The share of pixels nearest to the peak that is taken as unchanged bed.
UNCHANGED = 0.3
MOST_GAIN = 2.0


def levelled(baseline: Floats, tile: Floats, seen: Mask, across_m: Points = ACROSS_M) -> Floats:
    """The baseline's strips under a gain and offset per band that hold on the bed of the tracks.

    The fit on the ground beside the tracks does not always hold between the rails: grass turns, snow is swept. Bed that
    did not change differs from the baseline by the same amount everywhere, and the rest differs by anything. So the
    mode of the difference is that of the bed. Shadow makes a second mode; of modes alike in height, the brighter one is
    the bed in the sun. Around it, the gain is the slope of tile over baseline. Where they have nothing in common it is
    0, and the baseline becomes an even bed.

    Args:
        baseline: (n, w, bands).
        tile: (n, w, bands).
        seen: (n, w), where both have data.
        across_m: (w,), distances from the centreline.
    """
    within = seen & (np.abs(across_m) < BED_M)
    if np.count_nonzero(within) < BINS:
        return baseline
    places = np.flatnonzero(within)
    places = places[:: max(1, len(places) // ENOUGH)]
    before, after = (values.transpose(2, 0, 1).reshape(values.shape[2], -1)[:, places] for values in (baseline, tile))
    change = luminance(after - before)
    distance = np.abs(change - _bed_mode(change))
    bed = distance <= quantile(distance, UNCHANGED)
    before, after = before[:, bed], after[:, bed]
    middle_before, middle_after = median(before), median(after)
    off_before, off_after = before - middle_before[:, None], after - middle_after[:, None]
    spread = (off_before**2).mean(axis=1) + 1e-8
    gain = np.clip((off_before * off_after).mean(axis=1) / spread, 0, MOST_GAIN)
    level: Floats = baseline - middle_before
    level *= gain
    level += middle_after
    return level


def _bed_mode(change: Floats) -> float:
    """The brightest of the high peaks of a smoothed histogram."""
    low, high = quantile(change, [0.01, 0.99])
    counts, edges = np.histogram(change, BINS, (float(low) - 1e-4, float(high) + 1e-4))
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), SMOOTHING_BINS)
    peaks = (smooth == ndimage.maximum_filter1d(smooth, 5)) & (smooth >= PEAK_SHARE * smooth.max())
    last = int(np.flatnonzero(peaks)[-1])
    return float(edges[last] + edges[last + 1]) / 2
