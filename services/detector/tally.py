"""The count of a tile from what was found on its tracks: cars by track, intervals, and outlines for the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.cars.intervals import Calibration, of_all
from railwatch.services.detector.cars.reading import Reading
from railwatch.services.detector.cars.segmentation import Decoded, Segment
from railwatch.services.detector.imagery.arrays import Floats, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.result import Counted, why_partial
from railwatch.services.detector.tracks.extent import along_m
from railwatch.services.detector.tracks.pieces import Piece
from railwatch.services.detector.tracks.strips import PAD, SAMPLE_M, Layout
from railwatch.shared.counts import Car, CarKind, Quality, TileCount, TrackCount
from railwatch.shared.sites import Track

# Width of a car in the outlines, in metres. Bodies are 2.6 to 3.3 m wide.
DRAWN_WIDTH_M = 3.0
# Share for which the mean log-odds of a car's kind count: the network is too sure of them. Chosen on 15 scenes of the
# held-out renderer that nothing reports, where kinds given 90 % were right in 63 %.
KIND_SHARE = 0.5


@dataclass(frozen=True)
class Stretch:
    """What was found on one piece of track: its samples, and what stands there."""

    piece: Piece
    samples: slice
    decoded: Decoded

    @property
    def cars(self) -> tuple[Segment, ...]:
        """The cars in the order of the track's own direction."""
        return self.decoded.cars[::-1] if self.piece.turned else self.decoded.cars

    def on(self, car: Segment) -> slice:
        """The samples of the layout under a car, without what the tile's edge cuts off."""
        first, stop = (self.samples.start - PAD + end for end in (car.start, car.stop))
        return slice(max(first, self.samples.start), min(stop, self.samples.stop))


def tallied(
    algorithm: str,
    tile: Raster,
    drawn: Sequence[Track],
    ground: Ground,
    reading: Reading,
    calibration: Calibration,
    on_picture: float,
    in_sight: float,
) -> Counted:
    """The count of a tile from what was found on its tracks.

    Args:
        algorithm: name and version of the method.
        tile: the tile.
        drawn: the site's tracks.
        ground: the tile and baseline in agreement.
        reading: what was found.
        calibration: how far intervals reach.
        on_picture: share of the cell's track that lies on the tile, without margins.
        in_sight: share of that track that was seen.
    """
    layout = reading.layout
    stretches = [
        Stretch(piece, layout.track(number), decoded)
        for number, (piece, decoded) in enumerate(zip(reading.placing.pieces, reading.decoded, strict=True))
    ]
    by_id = {track.id: track for track in drawn}
    tracks: list[TrackCount] = []
    outlines: list[tuple[str, int, Points]] = []
    for name in dict.fromkeys(stretch.piece.track for stretch in stretches):
        parts = [stretch for stretch in stretches if stretch.piece.track == name]
        corners = [_corners(layout, part.samples, car.start, car.stop) for part in parts for car in part.cars]
        outlines += [(name, number, shape) for number, shape in enumerate(corners, start=1)]
        tracks.append(_track(by_id[name], parts, corners, tile, reading, calibration))
    count = float(len(outlines))
    posterior = of_all(stretch.decoded.posterior for stretch in stretches)
    low, high = calibration.interval(count, posterior)
    coverage = on_picture * in_sight
    partial = why_partial(on_picture, in_sight)
    tile_count = TileCount(
        count=count,
        low=low,
        high=high,
        coverage=round(coverage, 4),
        quality=Quality.PARTIAL if partial else Quality.OK,
        reasons=(*ground.reasons, *partial),
        registration=ground.registration,
        tracks=tuple(tracks),
        timings_ms=ground.stages.ms,
        algorithm=algorithm,
    )
    return Counted(tile_count, ground.baseline, ground.seen, tuple(outlines), reading=reading, posterior=posterior)


def _track(
    track: Track,
    parts: list[Stretch],
    corners: list[Points],
    tile: Raster,
    reading: Reading,
    calibration: Calibration,
) -> TrackCount:
    found = [car for part in parts for car in part.cars]
    centres_px = np.array([shape.mean(axis=0) for shape in corners]).reshape(-1, 2)
    places = zip(tile.to_lonlat(centres_px).tolist(), along_m(track, tile, centres_px).tolist(), strict=True)
    kinds = [_kind(reading.kinds, part.on(car)) for part in parts for car in part.cars]
    cars = tuple(
        Car(
            lon=lon,
            lat=lat,
            length_m=(car.stop - car.start) * SAMPLE_M,
            probability=round(car.probability, 3),
            along_m=round(at, 1),
            kind=kind,
            kind_probability=likely,
        )
        for car, ((lon, lat), at), (kind, likely) in zip(found, places, kinds, strict=True)
    )
    samples = [int(reading.ours[part.samples].sum()) for part in parts]
    visible = any((reading.ours & reading.seen)[part.samples].any() for part in parts)
    low, high = calibration.interval(len(cars), of_all(part.decoded.posterior for part in parts))
    lengths = [part.samples.stop - part.samples.start for part in parts]
    shift_m = np.average([part.piece.shift_m for part in parts], weights=lengths)
    return TrackCount(
        track=track.id,
        count=float(len(cars)) if visible else None,
        low=low if visible else None,
        high=high if visible else None,
        length_m=sum(samples) * SAMPLE_M,
        occupied_m=sum(car.length_m for car in cars),
        shift_m=round(float(shift_m), 2),
        cars=cars,
        seen_m=_seen_m(track, parts, tile, reading),
    )


def _seen_m(track: Track, parts: list[Stretch], tile: Raster, reading: Reading) -> tuple[tuple[float, float], ...]:
    """See `TrackCount.seen_m`: the runs of samples in the cell that were seen."""
    counts = reading.inside & reading.seen
    ends: list[tuple[float, float]] = []
    for part in parts:
        steps = np.diff(np.concatenate([[False], counts[part.samples], [False]]).astype(np.int8))
        runs = np.column_stack([np.flatnonzero(steps > 0), np.flatnonzero(steps < 0) - 1]) + part.samples.start
        at = along_m(track, tile, reading.layout.xy_px[runs.ravel()]).reshape(-1, 2)
        ends += [(round(max(a - SAMPLE_M / 2, 0.0), 1), round(b + SAMPLE_M / 2, 1)) for a, b in np.sort(at).tolist()]
    return tuple(sorted(ends))


def _kind(logits: Floats | None, samples: slice) -> tuple[CarKind | None, float | None]:
    """The kind of a car that is likelier than all others together, and how likely it is."""
    if logits is None:
        return None, None
    mean = KIND_SHARE * logits[samples].mean(axis=0)
    chances = np.exp(mean - mean.max())
    chances /= chances.sum()
    best = int(chances.argmax())
    if chances[best] <= 0.5:
        return None, None
    return tuple(CarKind)[best], round(float(chances[best]), 3)


def _corners(layout: Layout, samples: slice, start: int, stop: int) -> Points:
    """Corners (4, 2) in pixels of a car given in padded samples. A car cut by the tile's edge reaches beyond it."""
    ends = np.array([start, stop - 1]) - PAD + samples.start
    at = np.clip(ends, samples.start, samples.stop - 1)
    right = layout.right_px[at]
    forward = np.column_stack([right[:, 1], -right[:, 0]])
    beyond = (ends - at)[:, None] + np.array([[-0.5], [0.5]])
    axis = layout.xy_px[at] + beyond * forward * (SAMPLE_M / layout.gsd_m)
    side = right * (DRAWN_WIDTH_M / 2 / layout.gsd_m)
    return np.array([axis[0] + side[0], axis[1] + side[1], axis[1] - side[1], axis[0] - side[0]])
