"""What a sample of track shows to the network: both pictures about it, their difference, and where other tracks lie."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from railwatch.services.detector.cars.ballast import ballast_profile
from railwatch.services.detector.coarse.strips import ACROSS_M, Strips
from railwatch.services.detector.imagery.arrays import Doubles, Floats, Mask
from railwatch.services.detector.imagery.raster import luminance
from railwatch.services.detector.tracks.strips import Layout

PLANES = 9
# The plane that turns its sign where left and right are exchanged.
SHADE_PLANE = 6
# The part of the strip that must be seen, metres to either side.
NEAR = np.abs(ACROSS_M) < 4
# Half the width of a track as it is drawn into its plane, metres, and how far away one is looked for.
TRACK_M, LOOKED_FOR_M = 1.2, 6.0
# Pixels in the middle of the range, metres.
USUAL_GSD_M = 2.5


@dataclass(frozen=True)
class View:
    """Tile and baseline along n samples of track, at w positions across it.

    Attributes:
        tile: (n, w), brightness less that of the track's own bed.
        baseline: (n, w), the same of the baseline.
        change: (n, w), brightness of the tile less that of the baseline.
        hue: (n, w), how far the colours differ.
        beside: (n, w), 1 on the axis of another track, 0 far from all.
        seen: (n, w), what both pictures show.
        shade: (n,), as in `Strips`.
        contrast: as in `Strips`.
        noise: how much the ground beside the tracks differs.
        gsd_m: metres per pixel.
    """

    tile: Floats
    baseline: Floats
    change: Floats
    hue: Floats
    beside: Floats
    seen: Mask
    shade: Doubles
    contrast: float
    noise: float
    gsd_m: float

    def planes(self) -> Floats:
        """(PLANES, n, w), 0 where nothing was seen."""
        planes = np.zeros((PLANES, *self.seen.shape), np.float32)
        planes[:3] = np.arcsinh(2 / self.contrast * np.stack([self.tile, self.baseline, self.change]))
        planes[3] = np.arcsinh(self.change / (2 * self.noise)) / 2
        planes[4] = np.arcsinh(2 / self.contrast * self.hue)
        planes[5] = self.beside
        planes[SHADE_PLANE] = np.clip(self.shade, -2, 2)[:, None]
        planes[7] = 2 * np.log(self.gsd_m / USUAL_GSD_M)
        planes[8] = 1
        return planes * self.seen


def view_of(strips: Strips) -> View:
    """The view that strips give."""
    now, before = (luminance(part.transpose(2, 0, 1)) for part in (strips.tile, strips.baseline))
    change = now - before
    colour = strips.tile - strips.baseline - change[..., None]
    return View(
        _off_bed(now, strips),
        _off_bed(before, strips),
        change,
        np.sqrt((colour**2).mean(axis=2)),
        _beside(strips.layout, strips.gsd_m),
        strips.seen,
        strips.shade,
        strips.contrast,
        strips.change,
        strips.gsd_m,
    )


def seen_samples(strips: Strips) -> Mask:
    """(n,), the samples whose whole corridor both pictures show."""
    return np.asarray(strips.seen[:, NEAR].all(axis=1))


def _off_bed(light: Floats, strips: Strips) -> Floats:
    """Brightness less that of the track's own bed, of the same position across."""
    return np.asarray(light - ballast_profile(light[None], strips.seen, strips.layout, strips.contrast)[0])


def _beside(layout: Layout, gsd_m: float) -> Floats:
    """(n, w), where the axes of other tracks lie: pixels as wide as a car mix neighbours."""
    beside = np.zeros((len(layout.xy_px), len(ACROSS_M)), np.float32)
    for number in range(len(layout.starts)):
        samples = layout.track(number)
        others = layout.on_track.copy()
        others[samples] = False
        if not others.any():
            continue
        places = layout.xy_px[samples][:, None] + ACROSS_M[:, None] / gsd_m * layout.right_px[samples][:, None]
        tree = KDTree(layout.xy_px[others])
        apart_px, _ = tree.query(places.reshape(-1, 2), distance_upper_bound=LOOKED_FOR_M / gsd_m)
        beside[samples] = np.exp(-((apart_px * gsd_m / TRACK_M) ** 2) / 2).reshape(places.shape[:2])
    return beside
