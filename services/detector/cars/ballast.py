"""What a track looks like where nothing stands on it: its own profile across, robust against what stands there."""

from itertools import pairwise

import numpy as np

from railwatch.services.detector.imagery.arrays import Floats, Integers, Mask, Points
from railwatch.services.detector.imagery.quantiles import median
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout

# Samples in a section of a track. Ballast changes over tens of metres along a track. A section is shorter than that,
# and longer than a car.
SECTION = round(30.0 / SAMPLE_M)
# Samples for which the profile that a track or section is drawn towards counts: as if seen over 10 m more.
PRIOR = round(10.0 / SAMPLE_M)
ITERATIONS = 2
# The common profile is the median of about this many samples, evenly spread.
ENOUGH = 4000


def ballast_profile(values: Floats, seen: Mask, layout: Layout, scale: float) -> Floats:
    """The profile across of each track's bed, at each sample.

    A weighted mean over sections of the track. Samples far from the picture's common profile (its median over all
    tracks) get little weight, after Cauchy. So a train that fills a section leaves the common profile in place.

    Args:
        values: (channels, n, w), the strips; the first channel is luminance.
        seen: (n, w).
        layout: the tracks.
        scale: luminance difference that counts as large.

    Returns:
        (channels, n, w), 0 between tracks.
    """
    profile = np.zeros_like(values)
    whole = seen.mean(axis=1) > 0.9
    if not whole.any():
        return profile
    known = np.flatnonzero(whole)
    common = median(values[:, known[:: max(1, len(known) // ENOUGH)]], axis=1)
    for number in range(len(layout.starts)):
        samples = layout.track(number)
        length = samples.stop - samples.start
        of_track = _shrunk(values[:, samples], whole[samples], common, scale)
        edges = np.rint(np.linspace(samples.start, samples.stop, max(1, round(length / SECTION)) + 1))
        sections = [slice(*ends) for ends in pairwise(edges.astype(int))]
        of_section = np.stack([_shrunk(values[:, part], whole[part], of_track, 0.7 * scale) for part in sections])
        middles = (edges[:-1] + edges[1:] - 1) / 2
        profile[:, samples] = _interpolated(of_section, middles, np.arange(samples.start, samples.stop)).swapaxes(0, 1)
    return profile


def _shrunk(values: Floats, whole: Mask, prior: Floats, scale: float) -> Floats:
    """(channels, w): the weighted mean of one stretch, drawn towards `prior`."""
    width = values.shape[2]
    inner = slice(width // 5, -(width // 5))
    estimate, near = prior, scale / 2
    for _ in range(ITERATIONS):
        off = values[:, :, inner] - estimate[:, None, inner]
        distance = np.einsum("cnw,cnw->n", off, off) / np.float32(off.shape[2] * near**2)
        weight = whole / (1 + distance * distance)
        estimate = (weight @ values + PRIOR * prior) / (weight.sum() + PRIOR)
    return estimate


def _interpolated(profiles: Floats, at: Points, samples: Integers) -> Floats:
    """Profiles (k, ...) that hold at places (k,), at each of the samples; constant beyond the outermost places."""
    if len(profiles) == 1:
        return profiles
    left = np.clip(np.searchsorted(at, samples) - 1, 0, len(at) - 2)
    share = np.clip((samples - at[left]) / (at[left + 1] - at[left]), 0, 1).astype(np.float32)[:, None, None]
    between = np.diff(profiles, axis=0)[left]
    between *= share
    between += profiles[left]
    return between
