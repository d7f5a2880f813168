"""The result of a count, and how it comes about where no car is counted: the tile is rejected, or was measured."""

from dataclasses import dataclass

from railwatch.services.detector.alignment.ground import Ground
from railwatch.services.detector.cars.intervals import Posterior
from railwatch.services.detector.cars.reading import Reading
from railwatch.services.detector.coarse.measuring import Measured
from railwatch.services.detector.coarse.strips import SAMPLE_M as COARSE_SAMPLE_M
from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.counts import Quality, Sun, TileCount, TrackCount

# With at least this share of the cell's track in sight, the count stands for the whole cell.
WHOLE_COVERAGE = 0.95
# The last reason of a tile that was measured and not counted.
METRES_ONLY = "metres-only"


@dataclass(frozen=True)
class Counted:
    """A count, and what its pictures need.

    Attributes:
        count: the count.
        baseline: the baseline, registered and in the tile's radiometry; None without one, or where it does not match.
        seen: (rows, cols), what could be seen; None where the tile is rejected before that is known.
        outlines: track, number within it, and corners (4, 2) in pixels of each counted car, in the order of the count.
        sun: the position of the sun that was assumed; None where it is not known.
        reading: what was read along its tracks; None where the tile is rejected.
        posterior: what the evidence says of the number of cars; None where the tile is rejected.
        stretches: track and middle line (k, 2), in pixels, of each stretch under a train that was measured.
    """

    count: TileCount
    baseline: Raster | None = None
    seen: Mask | None = None
    outlines: tuple[tuple[str, int, Points], ...] = ()
    sun: Sun | None = None
    reading: Reading | None = None
    posterior: Posterior | None = None
    stretches: tuple[tuple[str, Points], ...] = ()


def in_metres(
    algorithm: str, ground: Ground, measured: Measured, car_lengths_m: tuple[float, float], on_picture: float
) -> Counted:
    """What was measured on a tile that is too coarse to count. The count is null, and so a reader of counts rejects it.

    Args:
        algorithm: name and version of the method.
        ground: tile and baseline in agreement.
        measured: what was measured.
        car_lengths_m: the shortest and the longest car to expect.
        on_picture: share of the cell's track that lies on the tile.
    """
    by_track = measured.of_tracks()
    tracks = []
    for name, samples in by_track.items():
        occupied = measured.metres(samples, car_lengths_m)
        length_m = COARSE_SAMPLE_M * float(sum(measured.ours[part].sum() for part in samples))
        track = TrackCount(
            track=name,
            count=None,
            low=None,
            high=None,
            length_m=length_m,
            occupied_m=occupied.occupied_m,
            occupied=occupied if any((measured.ours & measured.seen)[part].any() for part in samples) else None,
        )
        tracks.append(track)
    partial = why_partial(on_picture, measured.coverage)
    count = rejected(algorithm, (*ground.reasons, *partial, METRES_ONLY), ground, on_picture * measured.coverage)
    whole = measured.metres([part for samples in by_track.values() for part in samples], car_lengths_m)
    count = count.model_copy(update={"occupied": whole, "tracks": tuple(tracks)})
    return Counted(count, ground.baseline, ground.seen, stretches=tuple(measured.stretches()))


def why_partial(on_picture: float, seen: float) -> tuple[str, ...]:
    """Why a count is not of the whole cell: what the picture leaves out, and what is hidden on it; empty if it is."""
    if on_picture * seen >= WHOLE_COVERAGE:
        return ()
    shares = {"partly-outside": on_picture, "partly-hidden": seen}
    return tuple(why for why, share in shares.items() if share < WHOLE_COVERAGE) or (
        min(shares, key=shares.__getitem__),
    )


def rejected(
    algorithm: str,
    reasons: tuple[str, ...],
    ground: Ground | None = None,
    coverage: float = 0.0,
) -> TileCount:
    """The count of a tile that cannot be counted, with the reason."""
    return TileCount(
        count=None,
        low=None,
        high=None,
        coverage=round(coverage, 4),
        quality=Quality.REJECTED,
        reasons=reasons,
        registration=ground.registration if ground else None,
        timings_ms=ground.stages.ms if ground else {},
        algorithm=algorithm,
    )
