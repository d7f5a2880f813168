"""How good a baseline is for the looks of today, and whether another one is better."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from railwatch.services.detector.alignment.ground import CORRIDOR_HALF_WIDTH_M
from railwatch.services.detector.alignment.registration import register
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median
from railwatch.services.detector.imagery.raster import Raster, harmonise, on_scale_of
from railwatch.services.detector.imagery.structure import COARSE, block_all, common_structure
from railwatch.services.detector.tracks.centrelines import corridor, project
from railwatch.services.detector.tracks.extent import share_on_picture
from railwatch.shared.counts import BaselineMeasure
from railwatch.shared.errors import TileRejectedError
from railwatch.shared.sites import Cell, Track

# Half of the width of ground, in metres, that counts as the track: the sleepers.
TRACK_HALF_WIDTH_M = 1.5
# A baseline is better if the product of its figures is larger by this share. A smaller gain is not worth that counts
# before and after are made against different pictures.
LEAST_GAIN = 0.03
# Ground is compared over this distance, in metres. It has changed where its structure agrees with the look by at most
# the second figure in the old baseline, and by at least the third in the new one.
WINDOW_M = 9.0
NOT_THE_SAME, THE_SAME = 0.15, 0.45
# A new building or a relaid track changes at least so much ground in one piece. Wagons and lorries are smaller.
CHANGED_M2 = 350.0


@dataclass(frozen=True)
class Fits:
    """How a baseline fits one look.

    Attributes:
        agreement: how much of the structure of both runs the same way: about 0 by chance, at most 1.
        local: the same around each coarse block (rows, cols) of the look's picture; NaN where nothing can be compared.
        block_m: side of such a block.
    """

    agreement: float
    local: Floats
    block_m: float


def fits(baseline: Raster, look: Raster, tracks: Iterable[Track]) -> Fits | None:
    """How a baseline fits a look; None where it cannot be registered to it."""
    along_tracks = corridor(project(tracks, look), look, CORRIDOR_HALF_WIDTH_M)
    try:
        moved = register(look, harmonise(on_scale_of(baseline, look), look), along_tracks).baseline
    except TileRejectedError:
        return None
    side = COARSE * look.blocks.side_px
    usable = block_all(look.valid & moved.valid, side)
    forth, back = common_structure(look.blocks, moved.blocks), common_structure(moved.blocks, look.blocks)
    common, there = ((forth[part] + back[part]) * usable for part in (0, 1))
    window = max(3, round(WINDOW_M / (side * look.gsd_m)))
    around = ndimage.uniform_filter(there, window)
    local = ndimage.uniform_filter(common, window) / np.maximum(around, 1e-9)
    textured = usable & (around > median(around[usable]) / 2 if usable.any() else usable)
    return Fits(
        float(common.sum() / max(float(there.sum()), 1e-9)),
        np.where(textured, local, np.float32(np.nan)),
        side * look.gsd_m,
    )


def coverage(baseline: Raster, tracks: Sequence[Track], cell: Cell) -> float:
    """The share of the cell's track that a baseline shows, 0 to 1. What is not ground must not be valid in it."""
    on_track = corridor(project(tracks, baseline), baseline, TRACK_HALF_WIDTH_M)
    shown = float(baseline.valid[on_track].mean()) if on_track.any() else 0.0
    return share_on_picture(tracks, baseline, cell) * shown


def measure(found: Sequence[Fits | None], covered: float) -> BaselineMeasure:
    """The figures of a baseline from how it fits some looks, and from its coverage."""
    fitting = [fit for fit in found if fit is not None]
    return BaselineMeasure(
        registered=round(len(fitting) / max(len(found), 1), 3),
        agreement=round(max(float(np.mean([fit.agreement for fit in fitting])) if fitting else 0.0, 0.0), 3),
        coverage=round(covered, 3),
    )


def changed_m2(old: Fits | None, new: Fits | None) -> float:
    """Area of the largest piece of ground that a look shows as the new baseline does, and not as the old one does."""
    if old is None or new is None:
        return 0.0
    changed: Mask = (old.local < NOT_THE_SAME) & (new.local > THE_SAME)
    labels, count = ndimage.label(changed)
    return float(np.bincount(labels.ravel())[1:].max()) * new.block_m**2 if count else 0.0


def why_better(new: BaselineMeasure, old: BaselineMeasure, changed: float) -> str | None:
    """Why a baseline is better than another: `ground-changed`, `more-ground` or `closer-match`; None if it is not."""
    if changed >= CHANGED_M2 and new.coverage >= (1 - LEAST_GAIN) * old.coverage:
        return "ground-changed"
    if _score(new) <= (1 + LEAST_GAIN) * _score(old):
        return None
    gains = {
        "closer-match": new.registered * new.agreement / max(old.registered * old.agreement, 1e-9),
        "more-ground": new.coverage / max(old.coverage, 1e-9),
    }
    return max(gains, key=gains.__getitem__)


def _score(measured: BaselineMeasure) -> float:
    return measured.registered * measured.agreement * measured.coverage
