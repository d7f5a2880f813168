"""What a sample of track shows: how it differs from its baseline, its own bed, and the ground beside it."""

import numpy as np
from scipy import ndimage

from railwatch.services.detector.cars.ballast import ballast_profile
from railwatch.services.detector.coarse.strips import ACROSS_M, MIDDLE, Strips
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.raster import luminance

# Samples over which features are averaged besides: 10 and 26 m.
WINDOWS = (5, 13)
# Samples over which textures and likenesses are measured.
TEXTURE = 5
LIKENESS = 9
BODY = np.abs(ACROSS_M) < 2
NEAR = np.abs(ACROSS_M) < 4


def features(strips: Strips) -> Floats:
    """(n, f): features of each sample, 0 between tracks."""
    now, before = (luminance(part.transpose(2, 0, 1)) for part in (strips.tile, strips.baseline))
    own = _off_bed(now, strips)
    was = _off_bed(before, strips)
    change = now - before
    weight = np.where(BODY, 1.0, 0.0) + np.where(ACROSS_M == 0, 1.0, 0.0)
    weight /= weight.sum()
    c, s = strips.contrast, strips.change
    d, t, b = (part @ weight / c for part in (change, own, was))
    colour = (strips.tile - strips.baseline) - change[..., None]
    hue = np.sqrt((colour**2).mean(axis=2)) @ weight / c
    left, right = ((change[:, MIDDLE + sign * 2] + change[:, MIDDLE + sign * 3]) / 2 / c for sign in (-1, 1))
    far_left, far_right = ((change[:, MIDDLE + sign * 4]) / c for sign in (-1, 1))
    side = np.clip(strips.shade, -1, 1)
    dark_side = np.where(side > 0, right, left) * np.abs(side)
    lit_side = np.where(side > 0, left, right) * np.abs(side)
    same = np.sqrt(np.clip(d * t, 0, None))
    gone = np.sqrt(np.clip(-d * b, 0, None))
    stood = np.sqrt(np.clip(t * b, 0, None))
    rough_d = _spread(change @ weight, strips) / c
    rough_t = _spread(now @ weight, strips) / c
    rough_b = _spread(before @ weight, strips) / c
    alike = _likeness(now, before, strips)
    z = np.abs(d) * c / s
    columns = [
        _log(d),
        _log(np.clip(d, 0, None)),
        _log(z / 4),
        _log(hue),
        _log(t),
        _log(np.clip(t, 0, None)),
        _log(b),
        _log(same),
        _log(gone),
        _log(stood),
        _log(np.minimum(np.abs(left), np.abs(right))),
        _log(np.maximum(np.abs(left), np.abs(right))),
        _log(np.maximum(np.abs(far_left), np.abs(far_right))),
        np.clip(np.minimum(left, right), -2, 2),
        np.clip(np.maximum(left, right), -2, 2),
        np.clip(dark_side, -2, 2),
        np.clip(lit_side, -2, 2),
        _log(rough_d),
        _log(rough_t),
        _log(rough_b),
        alike,
        np.clip(np.abs(d) - np.maximum(np.abs(left), np.abs(right)), -2, 2),
    ]
    seen = seen_samples(strips)
    here = np.stack(columns, axis=1).astype(np.float32) * seen[:, None]
    return np.concatenate([here, *(_averaged(here, seen, window) for window in WINDOWS)], axis=1)


def seen_samples(strips: Strips) -> Mask:
    """(n,), the samples whose whole corridor both pictures show."""
    return np.asarray(strips.seen[:, NEAR].all(axis=1))


def _log(values: Floats) -> Floats:
    return np.asarray(np.log1p(4 * np.abs(values)))


def _off_bed(light: Floats, strips: Strips) -> Floats:
    """Brightness less that of the track's own bed, of the same position across."""
    return np.asarray(light - ballast_profile(light[None], strips.seen, strips.layout, strips.contrast)[0])


def _averaged(values: Floats, seen: Mask, window: int) -> Floats:
    share = ndimage.uniform_filter1d(seen.astype(np.float32), window, mode="constant")
    mean = ndimage.uniform_filter1d(values, window, axis=0, mode="constant")
    return np.asarray(mean / np.maximum(share, 1e-3)[:, None] * seen[:, None], np.float32)


def _spread(values: Floats, strips: Strips) -> Floats:
    """Standard deviation along the track."""
    seen = seen_samples(strips)
    mean, square = (_averaged((values**power)[:, None], seen, TEXTURE)[:, 0] for power in (1, 2))
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)))


def _likeness(now: Floats, before: Floats, strips: Strips) -> Floats:
    """Correlation of the pictures around each sample."""
    seen = seen_samples(strips)
    parts = [now[:, NEAR], before[:, NEAR]]
    a, b = (part - _averaged(part.mean(axis=1, keepdims=True), seen, LIKENESS) for part in parts)
    ab, aa, bb = (
        _averaged((x * y).mean(axis=1, keepdims=True), seen, LIKENESS)[:, 0] for x, y in ((a, b), (a, a), (b, b))
    )
    return np.asarray(ab / np.sqrt(np.maximum(aa * bb, 1e-10)))
