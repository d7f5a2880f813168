"""Metres of track under trains in a tile whose pixels are too coarse to count cars."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.coarse.occupancy import Model, Occupancy, occupancy
from railwatch.services.detector.coarse.planes import seen_samples, view_of
from railwatch.services.detector.coarse.strips import SAMPLE_M, counted_samples, strips_of
from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.pieces import Piece
from railwatch.services.detector.tracks.strips import Layout
from railwatch.shared.counts import Occupied, Sun
from railwatch.shared.sites import Cell

# A stretch is drawn where a train is more likely than not.
DRAWN_FROM = 0.5


@dataclass(frozen=True)
class Measured:
    """What was measured along the pieces of track.

    Attributes:
        pieces: the lines.
        layout: their samples.
        ours: (n,), the samples that count.
        seen: (n,), those that could be seen.
        occupancy: what stands there.
        model: the model that was used.
    """

    pieces: tuple[Piece, ...]
    layout: Layout
    ours: Mask
    seen: Mask
    occupancy: Occupancy
    model: Model

    @property
    def coverage(self) -> float:
        """Share of the samples that count that was seen."""
        return float((self.seen & self.ours).sum() / max(self.ours.sum(), 1))

    def of_tracks(self) -> dict[str, list[slice]]:
        """The samples of each track, by its id."""
        found: dict[str, list[slice]] = {}
        for number, piece in enumerate(self.pieces):
            found.setdefault(piece.track, []).append(self.layout.track(number))
        return found

    def metres(self, samples: Sequence[slice], car_lengths_m: tuple[float, float]) -> Occupied:
        """Metres of track under trains on some samples, of those that count and were seen.

        Args:
            samples: which.
            car_lengths_m: the shortest and the longest car to expect.
        """
        counts = np.zeros(len(self.ours), dtype=bool)
        for part in samples:
            counts[part] = True
        counts &= self.ours & self.seen
        p = self.occupancy.probability[counts]
        mean, seen = SAMPLE_M * float(p.sum()), SAMPLE_M * float(counts.sum())
        doubt = SAMPLE_M * float(4 * (p * (1 - p)).sum())
        variance = SAMPLE_M**2 * float(self.occupancy.spread[counts].sum())
        low, high = self.model.reach.interval(mean, variance, doubt, seen)
        return Occupied.between(low, mean, high, car_lengths_m)

    def stretches(self) -> list[tuple[str, Points]]:
        """Track and middle line (k, 2), in pixels, of each stretch where a train is more likely than not."""
        found = []
        under = (self.occupancy.probability > DRAWN_FROM) & self.ours & self.seen
        for number, piece in enumerate(self.pieces):
            samples = self.layout.track(number)
            edges = np.flatnonzero(np.diff(np.concatenate([[False], under[samples], [False]]).astype(int)))
            for start, stop in edges.reshape(-1, 2):
                found.append((piece.track, self.layout.xy_px[samples][start:stop]))
        return found


def measure(
    tile: Raster,
    ground: Ground,
    pieces: tuple[Piece, ...],
    lines: Sequence[Centreline],
    sun: Sun | None,
    cell: Cell | None,
    model: Model,
) -> Measured:
    """Measures along the lines as they were drawn.

    Args:
        tile: the tile.
        ground: tile and baseline in agreement, with a baseline.
        pieces: the lines inside the tile.
        lines: all lines.
        sun: its position, if known.
        cell: what counts; the whole tile without one.
        model: the model.
    """
    with ground.stages.timed("strips"):
        strips = strips_of(tile, ground, pieces, lines, sun)
    with ground.stages.timed("evidence"):
        log_odds = model.log_odds(view_of(strips), strips.layout)
    seen = seen_samples(strips)
    with ground.stages.timed("segmentation"):
        found = occupancy(log_odds, seen, strips.layout, model.chain)
    ours = counted_samples(strips.layout)
    if cell is not None:
        on = strips.layout.on_track
        lon, lat = tile.to_lonlat(strips.layout.xy_px[on]).T
        ours[on] &= cell.contains(lon, lat)
    return Measured(pieces, strips.layout, ours, seen, found, model)
