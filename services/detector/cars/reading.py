"""A reading of the tracks: the cars that the evidence shows along lines that are taken to lie somewhere."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.cars import evidence
from railwatch.services.detector.cars.fleet import fleet_of
from railwatch.services.detector.cars.intervals import of_all
from railwatch.services.detector.cars.lengths import length_prior
from railwatch.services.detector.cars.looking import Weighed, look, weighed
from railwatch.services.detector.cars.scores import Evidence, Weights
from railwatch.services.detector.cars.segmentation import Decoded, decode
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.bridges import bridged
from railwatch.services.detector.tracks.refinement import Placing
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Cell

# A baseline that is moved leaves a few metres without it at the tile's edge. A longer stretch of samples without it is
# read from the tile alone: 15 m, more than any shift. So are samples as near to such a stretch, whose evidence depends
# on it.
BARE_SAMPLES = round(15.0 / SAMPLE_M)
# From this share of the track without baseline on, cars and interval are those of a tile alone.
MOSTLY_BARE = 0.05
# From this chance of other lengths on, the cars of the baseline are asked as well: either tail of a 90 % interval.
IN_DOUBT = 0.05


@dataclass(frozen=True)
class Reading:
    """What was read along one placing of the lines.

    Attributes:
        placing: the lines, and their layout of n samples.
        inside: (n,), the samples of track in the cell.
        ours: (n,), those of them that count: where two lines run together, the samples of one.
        seen: (n,), the samples that could be seen.
        bridge: whether a bridge hides samples that count.
        decoded: what stands on each piece.
        weighed: the evidence that was decoded.
        bare: share of the samples that count and were seen that the baseline does not show. They were read without it.
    """

    placing: Placing
    inside: Mask
    ours: Mask
    seen: Mask
    bridge: bool
    decoded: tuple[Decoded, ...]
    weighed: Weighed
    bare: float = 0.0

    @property
    def layout(self) -> Layout:
        """Where the samples lie."""
        return self.placing.layout

    @property
    def coverage(self) -> float:
        """Share of the samples that count that was seen."""
        return float((self.seen & self.ours).sum() / max(self.ours.sum(), 1))

    def share(self, mask: Mask) -> float:
        """Share of the samples that count that lie where a mask (rows, cols) is true."""
        x, y = np.rint(self.layout.xy_px[self.ours]).astype(int).T
        rows, cols = mask.shape
        return float(mask[np.clip(y, 0, rows - 1), np.clip(x, 0, cols - 1)].mean()) if len(x) else 0.0

    @property
    def entropy(self) -> float:
        """Of the evidence between track and train, nats per sample."""
        return of_all(track.posterior for track in self.decoded).entropy_per_sample

    @property
    def cars(self) -> int:
        """How many were found."""
        return sum(len(track.cars) for track in self.decoded)

    @property
    def kinds(self) -> Floats | None:
        """(n, kinds), logits of what kind of car stands on each sample, if one does; None where they are not told."""
        return self.weighed.kinds


@dataclass(frozen=True)
class Reader:
    """Reads the tracks of one tile along any placing of their lines. Each reading adds to the ground's stages.

    Attributes:
        tile: the tile.
        ground: the tile and baseline in agreement.
        models: give the evidence.
        sun: its position, if known.
        cell: only what lies in it counts; all of the tile without one.
        expected_m: the shortest and the longest car to expect at the site; any railcar without it.
    """

    tile: Raster
    ground: Ground
    models: evidence.Models
    sun: Sun | None
    cell: Cell | None
    expected_m: tuple[float, float] | None = None

    def read(self, placing: Placing) -> Reading:
        """What stands along these lines."""
        tile, ground, models, layout = self.tile, self.ground, self.models, placing.layout
        with ground.stages.timed("tracks"):
            inside = layout.on_track if self.cell is None else _inside(self.cell, layout, tile)
            ours = placing.owned & inside
            under_bridge = bridged(tile, ground.seen, layout)
            if ground.baseline is not None and under_bridge.any():
                # A bridge stays; an even patch of snow does not.
                under_bridge &= bridged(ground.baseline, ground.baseline.valid, layout)
        with ground.stages.timed("strips"):
            looked = look(tile, ground.baseline, ground.seen, layout, self.sun)
            seen = looked.seen & ~under_bridge
        with ground.stages.timed("evidence"):
            weighted = weighed(models, looked)
            bare = _without(ground.baseline, layout)
            if bare.any():
                alone = weighed(models, look(tile, None, ground.seen, layout, self.sun))
                weighted = weighted.with_part(alone, bare)
            counts = ours & seen
            bare_share = float((bare & counts).sum() / max(counts.sum(), 1))
        bridge = bool((under_bridge & ours).any())
        reading = Reading(placing, inside, ours, seen, bridge, (), weighted, bare_share)
        return replace(reading, decoded=self._decoded(reading))

    def doubted(self, reading: Reading) -> Reading:
        """A reading of a pair whose evidence is half that of the tile alone; what they differ by is doubt.

        A pair unlike those learned from takes cars that stood on both dates for ground, and ground that has changed
        for cars.
        """
        alone = replace(self, ground=replace(self.ground, baseline=None)).read(reading.placing)
        both = replace(reading, weighed=reading.weighed.mean_with(alone.weighed))
        decoded = (
            replace(ours, posterior=replace(ours.posterior, apart=other.posterior.mean - ours.posterior.mean))
            for ours, other in zip(self._decoded(both), alone.decoded, strict=True)
        )
        return replace(both, decoded=tuple(decoded))

    def of_its_fleet(self, reading: Reading) -> Reading:
        """A reading whose cars have the lengths that the scene's own cars tell, and their doubt.

        Where these leave it open, the cars that stand in the baseline tell as well. Where no car was found, none tells
        anything.
        """
        if not reading.cars:
            return reading
        along, weights = self._along(reading), self._weights(reading)
        with self.ground.stages.timed("segmentation"):
            fleet = fleet_of(along, weights, self.expected_m)
        if fleet.chance > IN_DOUBT and self.ground.baseline is not None:
            before = self._before(self.ground.baseline, reading)
            with self.ground.stages.timed("segmentation"):
                fleet = fleet_of(along, weights, before=before)
        with self.ground.stages.timed("segmentation"):
            decoded = decode(along, weights, fleet.prior)
            others = decoded if fleet.other is None else decode(along, weights, fleet.other)
        doubt = float(np.sqrt(fleet.chance * (1 - fleet.chance)))
        decoded = tuple(
            replace(
                track,
                posterior=replace(
                    track.posterior,
                    apart=before.posterior.apart,
                    fleet=doubt * (other.posterior.mean - track.posterior.mean),
                ),
            )
            for track, other, before in zip(decoded, others, reading.decoded, strict=True)
        )
        return replace(reading, decoded=decoded)

    def _before(self, baseline: Raster, reading: Reading) -> tuple[Evidence, Weights]:
        """What the baseline shows by itself on the track that counts, and the weights for it."""
        layout = reading.layout
        with self.ground.stages.timed("strips"):
            looked = look(baseline, None, baseline.valid, layout, None)
        with self.ground.stages.timed("evidence"):
            logits = weighed(self.models, looked).logits
        return evidence.by_track(logits, looked.seen, reading.ours, layout), self.models.single.weights

    def _decoded(self, reading: Reading) -> tuple[Decoded, ...]:
        with self.ground.stages.timed("segmentation"):
            return decode(self._along(reading), self._weights(reading), length_prior(self.expected_m))

    def _along(self, reading: Reading) -> Evidence:
        logits, disagreement = reading.weighed.logits, reading.weighed.disagreement
        return evidence.by_track(logits, reading.seen, reading.ours, reading.layout, disagreement)

    def _weights(self, reading: Reading) -> Weights:
        return model_for(self.models, self.ground, reading.bare).weights


def model_for(models: evidence.Models, ground: Ground, bare: float) -> evidence.Model:
    """The model whose weights and calibration hold where the baseline does not show some share of the track."""
    return models.single if ground.baseline is None or bare > MOSTLY_BARE else models.pair


def _without(baseline: Raster | None, layout: Layout) -> Mask:
    """(n,), samples of track that a baseline does not show, in stretches; none of them if there is no baseline."""
    if baseline is None or baseline.valid.all():
        return np.zeros(len(layout.xy_px), dtype=bool)
    on = layout.on_track
    x, y = np.rint(np.nan_to_num(layout.xy_px)).astype(int).T
    rows, cols = baseline.shape
    unknown = on & ~baseline.valid[np.clip(y, 0, rows - 1), np.clip(x, 0, cols - 1)]
    stretches = ndimage.binary_opening(unknown, np.ones(BARE_SAMPLES + 1))
    return np.asarray(on & ndimage.binary_dilation(stretches, iterations=BARE_SAMPLES))


def _inside(cell: Cell, layout: Layout, tile: Raster) -> Mask:
    """(n,), which samples of track lie in a cell of the site."""
    inside = layout.on_track
    inside[inside] = cell.contains(*tile.to_lonlat(layout.xy_px[inside]).T)
    return inside
