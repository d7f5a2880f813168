"""The ground under a count: quality, registration, radiometry and visibility, in that order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from services.detector.centrelines import Centreline, corridor
from services.detector.quality import check_quality
from services.detector.radiometry import fit_radiometry
from services.detector.raster import Raster, harmonise
from services.detector.registration import Match, register
from services.detector.rejection import TileRejectedError
from services.detector.visibility import Mask, featureless, visible_ground
from shared.counts import Registration

# Half of the ground that cars and their shadows change: tracks lie 4 to 5 m apart.
CORRIDOR_HALF_WIDTH_M = 4.0


@dataclass(frozen=True)
class Ground:
    """What the later steps stand on.

    Attributes:
        baseline: registered onto the tile and in its radiometry; None for a single-image count.
        seen: bool (rows, cols), what of the ground the tile shows.
        registration: how the baseline was moved; None without one.
        reasons: remarks, such as `no-baseline`.
        timings_ms: wall time by stage.
    """

    baseline: Raster | None
    seen: Mask
    registration: Registration | None = None
    reasons: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)


def prepare(tile: Raster, baseline: Raster | None, centrelines: Sequence[Centreline]) -> Ground:
    """Checks a tile, brings its baseline into agreement with it, and finds what can be seen.

    Raises:
        TileRejectedError: the tile cannot be counted, with the reason.
    """
    timings: dict[str, float] = {}
    started = perf_counter()
    remarks = check_quality(tile)
    if baseline is None:
        visibility = visible_ground(tile, None)
        timings["visibility"] = _milliseconds(started)
        return Ground(None, visibility.seen, None, (*remarks, "no-baseline"), timings)

    along_tracks = corridor(centrelines, tile, CORRIDOR_HALF_WIDTH_M)
    match = _register(tile, harmonise(baseline, tile), along_tracks)
    timings["registration"] = _milliseconds(started)

    started = perf_counter()
    in_tiles_light = fit_radiometry(tile, match.baseline, along_tracks).apply(match.baseline)
    timings["radiometry"] = _milliseconds(started)

    started = perf_counter()
    visibility = visible_ground(tile, in_tiles_light)
    timings["visibility"] = _milliseconds(started)
    return Ground(in_tiles_light, visibility.seen, match.registration, remarks, timings)


def _register(tile: Raster, baseline: Raster, along_tracks: Mask) -> Match:
    """Registration, and `cloud` as the reason where there was nothing to register."""
    if (tile.valid & baseline.valid).mean() < 0.05:
        raise TileRejectedError("wrong-place")
    try:
        return register(tile, baseline, along_tracks)
    except TileRejectedError:
        if featureless(tile):
            raise TileRejectedError("cloud") from None
        raise


def _milliseconds(since: float) -> float:
    return round((perf_counter() - since) * 1000, 1)
