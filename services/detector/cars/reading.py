"""Readings of the tracks: where their lines are taken to lie, and what the evidence along them says stands there.

Now and then, as in shade on black ballast, the axes of tracks cannot be told from what lies between them, and all lines
go aside together. Read along such lines, the evidence is full of doubt. Then they are laid elsewhere and read again,
and a reading is taken that leaves far less doubt and no fewer cars: beside the tracks there is no doubt either, but
nothing to be found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.cars import evidence
from railwatch.services.detector.cars.intervals import of_all
from railwatch.services.detector.cars.segmentation import Decoded, decode
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.bridges import bridged
from railwatch.services.detector.tracks.pieces import Piece, owned
from railwatch.services.detector.tracks.refinement import refinements
from railwatch.services.detector.tracks.strips import Layout, lay_out
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Cell

Mask = NDArray[np.bool_]

# Doubt, in nats a cell, from which on lines are laid elsewhere, how often, and the share of it that is far less: set on
# rendered yards, where lines beside their tracks were in twice the doubt of those on them, or more (docs/accuracy.md).
IN_DOUBT = 0.1
OTHER_READINGS = 2
FAR_LESS = 0.6


@dataclass(frozen=True)
class Reading:
    """What was read along one placing of the lines.

    Attributes:
        pieces: the lines.
        layout: their cells.
        ours: (n,), the cells of track that count.
        seen: (n,), those that could be seen.
        bridge: whether a bridge hides cells that count.
        decoded: what stands on each piece.
    """

    pieces: tuple[Piece, ...]
    layout: Layout
    ours: Mask
    seen: Mask
    bridge: bool
    decoded: tuple[Decoded, ...]

    @property
    def coverage(self) -> float:
        """Share of the cells that count that was seen."""
        return float((self.seen & self.ours).sum() / max(self.ours.sum(), 1))

    @property
    def doubt(self) -> float:
        """Nats per cell."""
        return of_all(track.posterior for track in self.decoded).doubt_per_cell

    @property
    def cars(self) -> int:
        """How many were found."""
        return sum(len(track.cars) for track in self.decoded)


def readings(
    drawn: Sequence[Piece],
    tile: Raster,
    ground: Ground,
    models: evidence.Models,
    sun: Sun | None,
    cell: Cell | None,
) -> Iterator[Reading]:
    """Readings along the lines where they most likely lie, and then elsewhere in turn.

    Args:
        drawn: the tracks as drawn, inside the tile.
        tile: the tile.
        ground: what the readings stand on; each reading adds to its stages.
        models: what the evidence is weighed with.
        sun: where it stood, if known.
        cell: only what lies in it counts; all of the tile without one.
    """
    model = models.single if ground.baseline is None else models.pair
    placings = refinements(drawn, tile, ground.baseline, ground.seen, models.axis)
    while True:
        with ground.stages.timed("tracks"):
            pieces = next(placings, None)
            if pieces is None:
                return
            layout = lay_out([piece.xy_px for piece in pieces], tile.gsd_m)
            ours = layout.on_track & owned(layout)
            if cell is not None:
                ours &= _inside(cell, layout, tile)
            under_bridge = bridged(tile, ground.seen, layout)
            if ground.baseline is not None and under_bridge.any():
                # A bridge stays; an even patch of snow does not.
                under_bridge &= bridged(ground.baseline, ground.baseline.valid, layout)
        with ground.stages.timed("strips"):
            figures, seen = evidence.measure(tile, ground.baseline, ground.seen, layout, sun)
            seen &= ~under_bridge
        with ground.stages.timed("evidence"):
            logits = evidence.weigh(model.network, figures, with_baseline=ground.baseline is not None)
            along = evidence.by_track(logits, seen, ours, layout)
        with ground.stages.timed("segmentation"):
            decoded = decode(along, model.grammar)
        yield Reading(pieces, layout, ours, seen, bool((under_bridge & ours).any()), decoded)


def clearest(placings: Iterator[Reading]) -> Reading:
    """The first reading, unless it is in doubt and another leaves far less of it and no fewer cars."""
    first = next(placings)
    if first.doubt < IN_DOUBT:
        return first
    others = [reading for reading in islice(placings, OTHER_READINGS) if reading.cars >= first.cars]
    best = min([first, *others], key=lambda reading: reading.doubt)
    return best if best.doubt < FAR_LESS * first.doubt else first


def _inside(cell: Cell, layout: Layout, tile: Raster) -> Mask:
    """(n,), which cells of track lie in a cell of the site."""
    lonlat = tile.to_lonlat(layout.xy_px[layout.on_track])
    inside = np.zeros(len(layout.xy_px), dtype=bool)
    inside[layout.on_track] = cell.contains(*lonlat.T)
    return inside
