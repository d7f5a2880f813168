"""What is seen and what is true along the tracks of a pair with coarse pixels."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from railwatch.services.detector.alignment.ground import prepare
from railwatch.services.detector.coarse.planes import View, seen_samples, view_of
from railwatch.services.detector.coarse.strips import SAMPLE_M, counted_samples, strips_of
from railwatch.services.detector.imagery.quality import MAX_MEASURED_GSD_M
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.tracks.pieces import clip
from railwatch.services.detector.tracks.strips import Layout
from railwatch.shared.errors import TileRejectedError
from railwatch.training.coarse.scenes import Coarse


@dataclass(frozen=True)
class Sample:
    """One pair along its tracks.

    Attributes:
        view: of n samples.
        under: (n,), 1 under a train, 0 elsewhere.
        counts: (n,), the samples that count and were seen.
        seen: (n,).
        layout: the tracks.
    """

    view: View
    under: NDArray[np.int8]
    counts: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    layout: Layout

    @property
    def tracks(self) -> list[slice]:
        """The samples of each piece of track."""
        return [self.layout.track(number) for number in range(len(self.layout.starts))]

    @property
    def occupied_m(self) -> float:
        """The truth."""
        return SAMPLE_M * float(self.under[self.counts].sum())


def sample_of(scene: Coarse) -> Sample | None:
    """The sample of a scene; None where its tile is rejected, or does not match its baseline."""
    lines = project(scene.tracks, scene.tile)
    pieces = clip(lines, scene.tile.shape, scene.tile.gsd_m)
    try:
        ground = prepare(scene.tile, scene.baseline, lines, max_gsd_m=MAX_MEASURED_GSD_M)
    except TileRejectedError:
        return None
    if ground.baseline is None or not pieces:
        return None
    strips = strips_of(scene.tile, ground, pieces, lines, scene.sun)
    layout, seen = strips.layout, seen_samples(strips)
    drawn = {line.id: shapely.LineString(line.xy_px) for line in lines}
    under = np.zeros(len(seen), np.int8)
    for number, piece in enumerate(pieces):
        samples = layout.track(number)
        places = shapely.points(layout.xy_px[samples])
        at_m = shapely.line_locate_point(drawn[piece.track], places) * scene.tile.gsd_m
        for start, stop in scene.trains.get(piece.track, ()):
            under[samples] |= ((at_m >= start) & (at_m <= stop)).astype(np.int8)
    return Sample(view_of(strips), under, counted_samples(layout) & seen, seen, layout)
