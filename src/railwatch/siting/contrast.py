"""The contrast of pictures that people look at. Ingest's page needs it without the detector's arithmetic."""

import numpy as np
from numpy.typing import NDArray

# Percentiles of a band that are drawn black and white.
DARK, BRIGHT = 1.0, 99.5


def stretched(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(rows, cols, 3), in good contrast. What has no pixel is dark grey."""
    seen = values[:, valid & np.isfinite(values).all(axis=0)]
    dark, bright = np.percentile(seen, [DARK, BRIGHT]) if seen.size else (0.0, 1.0)
    light = np.clip((np.nan_to_num(values) - dark) / max(float(bright - dark), 1e-6), 0, 1) ** 0.8
    return np.where(valid[..., None], (255 * light).astype(np.uint8).transpose(1, 2, 0), np.uint8(60))
