"""The ground under a count: quality, registration, radiometry and visibility, in that order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from railwatch.services.detector.alignment.placing import PLACED_BY_TRACKS, placed_by_tracks
from railwatch.services.detector.alignment.radiometry import fit_radiometry
from railwatch.services.detector.alignment.registration import Match, register
from railwatch.services.detector.alignment.visibility import Visibility, featureless, visible_ground
from railwatch.services.detector.imagery.arrays import Mask
from railwatch.services.detector.imagery.quality import MAX_GSD_M, check_quality
from railwatch.services.detector.imagery.raster import Raster, harmonise, on_scale_of
from railwatch.services.detector.stages import Stages
from railwatch.services.detector.tracks.centrelines import Centreline, corridor
from railwatch.services.detector.tracks.sessions import Session
from railwatch.shared.counts import Registration
from railwatch.shared.errors import TileRejectedError

# Half of the width, in metres, of ground that cars and their shadows change. Tracks lie 4 to 5 m apart.
CORRIDOR_HALF_WIDTH_M = 4.0
# A tile that shares less of its ground than this with the baseline is of another place.
LEAST_COMMON_GROUND = 0.05
# Reasons that become `ground-hidden` where more than this share of the tile is under cloud, or looks as if it were.
CLOUD_LOOKS_LIKE = frozenset({"blurred", "wrong-place", "registration-unreliable", "shift-too-large"})
MOSTLY_HIDDEN = 0.5
# The reason of a tile that shows the baseline's ground, but fits it in several ways. It is counted without the
# baseline.
AMBIGUOUS = "registration-unreliable"
# A baseline that shows too little for this tile, though enough for coarser ones, is left aside too.
COUNTED_ALONE = frozenset({AMBIGUOUS, "baseline-gsd-too-coarse"})
# Reasons of a tile that may show nothing of the baseline's ground: another place, or this one under snow.
UNMATCHED = frozenset({AMBIGUOUS, "wrong-place"})
# If more than this share of a tile looks like cloud, and the tile still matched its baseline, it likely shows snow.
LIKELY_SNOW = 0.7
# Under cloud the tracks look like cloud nearly as much as the rest does (0.77 times as much or more in 16 rendered
# tiles). Through snow, rails and cars show (0.67 times or less in 29).
TRACKS_AS_SMOOTH = 0.7


# A baseline as delivered, or what reads it. One that is read here belongs to nobody else, and is changed in place.
Delivered = Raster | Callable[[], Raster]


@dataclass(frozen=True)
class Ground:
    """The common ground of tile and baseline, from which all later steps start.

    Attributes:
        baseline: registered onto the tile and in its radiometry; None for a single-image count.
        seen: (rows, cols), the ground that the tile shows.
        registration: how the baseline was moved; None without one.
        reasons: remarks, such as `no-baseline`.
        stages: wall time by stage. The later steps add theirs.
    """

    baseline: Raster | None
    seen: Mask
    registration: Registration | None = None
    reasons: tuple[str, ...] = ()
    stages: Stages = field(default_factory=Stages)


def prepare(
    tile: Raster,
    baseline: Delivered | None,
    centrelines: Sequence[Centreline],
    axis: Session | None = None,
    max_gsd_m: float = MAX_GSD_M,
) -> Ground:
    """Checks a tile, brings its baseline into agreement with it, and finds what can be seen.

    Args:
        tile: the tile.
        baseline: the baseline as delivered, or what reads it, if there is one.
        centrelines: the tracks as drawn.
        axis: finds the axis of a track, and so recognises a place under snow by its tracks. Without it such a tile is
            rejected.
        max_gsd_m: limit of the pixels of both.

    Raises:
        TileRejectedError: the tile cannot be counted, with the reason.
    """
    stages = Stages()
    # Rasters remember what was computed from them. These copies forget it when this function ends.
    tile = replace(tile)
    with stages.timed("visibility"):
        remarks = _remarks(tile, max_gsd_m)
    if baseline is None:
        return _without_baseline(tile, remarks, stages)

    along_tracks = corridor(centrelines, tile, CORRIDOR_HALF_WIDTH_M)
    delivered = baseline if isinstance(baseline, Raster) else baseline()
    try:
        with stages.timed("registration"):
            delivered = on_scale_of(delivered, tile, in_place=delivered is not baseline)
            _check_baseline(delivered, max_gsd_m)
            delivered = harmonise(delivered, tile)
            mine = delivered is not baseline
            match, how = _matched(tile, delivered, centrelines, along_tracks, axis, in_place=mine)
        del delivered
    except TileRejectedError as error:
        if error.reason not in COUNTED_ALONE:
            raise
        return _without_baseline(tile, (*remarks, error.reason), stages)
    with stages.timed("radiometry"):
        match = replace(match, baseline=_in_light_of(tile, match.baseline, along_tracks))
        del along_tracks
    with stages.timed("visibility"):
        visibility = visible_ground(tile, replace(match.baseline))
    return Ground(match.baseline, visibility.seen, match.registration, (*remarks, *how), stages)


def _without_baseline(tile: Raster, remarks: tuple[str, ...], stages: Stages) -> Ground:
    with stages.timed("visibility"):
        visibility = visible_ground(tile, None)
    return Ground(None, visibility.seen, None, (*remarks, "no-baseline"), stages)


def _in_light_of(tile: Raster, baseline: Raster, along_tracks: Mask) -> Raster:
    """A registered baseline in the radiometry of its tile. It is changed in place."""
    alone = visible_ground(tile, None)
    clear = tile.valid if _snow(alone, tile.valid, along_tracks) else alone.seen
    return fit_radiometry(tile, replace(baseline), along_tracks, clear).apply(baseline, in_place=True)


def _remarks(tile: Raster, max_gsd_m: float) -> tuple[str, ...]:
    with _cloud_named(tile):
        return check_quality(tile, max_gsd_m)


def _snow(alone: Visibility, valid: Mask, along_tracks: Mask) -> bool:
    """Whether it is snow that looks like cloud in a tile that matched its baseline."""
    if alone.cloud < LIKELY_SNOW:
        return False
    tracks, rest = (
        (part & ~alone.seen).sum() / max(part.sum(), 1) for part in (valid & along_tracks, valid & ~along_tracks)
    )
    return bool(tracks < TRACKS_AS_SMOOTH * rest)


def _matched(
    tile: Raster,
    on_grid: Raster,
    centrelines: Sequence[Centreline],
    along_tracks: Mask,
    axis: Session | None,
    *,
    in_place: bool,
) -> tuple[Match, tuple[str, ...]]:
    """The baseline registered onto the tile, and remarks on how. It is changed in place, if it may be."""
    if (tile.valid & on_grid.valid).mean() < LEAST_COMMON_GROUND:
        raise TileRejectedError("wrong-place")
    try:
        return register(tile, on_grid, along_tracks, in_place=in_place), ()
    except TileRejectedError as error:
        match = None
        if axis is not None and error.reason in UNMATCHED:
            match = placed_by_tracks(tile, on_grid, centrelines, axis)
        if match is None:
            with _cloud_named(tile):
                raise
        return match, (PLACED_BY_TRACKS,)


def _check_baseline(baseline: Raster, max_gsd_m: float) -> None:
    """Refuses a baseline without contrast, data or resolution: it shows nothing to compare with.

    Blur is left to registration. An empty yard without a steep edge looks blurred and is not.
    """
    try:
        check_quality(baseline, max_gsd_m)
    except TileRejectedError as error:
        if error.reason != "blurred":
            raise TileRejectedError(f"baseline-{error.reason}") from None


@contextmanager
def _cloud_named(tile: Raster) -> Iterator[None]:
    """Names cloud, or snow as deep, as the reason where it makes a tile look blurred or match nothing."""
    try:
        yield
    except TileRejectedError as error:
        if error.reason in CLOUD_LOOKS_LIKE and (featureless(tile) or visible_ground(tile, None).cloud > MOSTLY_HIDDEN):
            raise TileRejectedError("ground-hidden") from None
        raise
