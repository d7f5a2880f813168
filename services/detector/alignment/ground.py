"""The ground under a count: quality, registration, radiometry and visibility, in that order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from railwatch.services.detector.alignment.placing import PLACED_BY_TRACKS, placed_by_tracks
from railwatch.services.detector.alignment.radiometry import fit_radiometry
from railwatch.services.detector.alignment.registration import Match, register
from railwatch.services.detector.alignment.visibility import Mask, Visibility, featureless, visible_ground
from railwatch.services.detector.imagery.quality import check_quality
from railwatch.services.detector.imagery.raster import Raster, harmonise
from railwatch.services.detector.imagery.rejection import TileRejectedError
from railwatch.services.detector.stages import Stages
from railwatch.services.detector.tracks.centrelines import Centreline, corridor
from railwatch.services.detector.tracks.network import Network
from railwatch.shared.counts import Registration

# Half of the ground that cars and their shadows change: tracks lie 4 to 5 m apart.
CORRIDOR_HALF_WIDTH_M = 4.0
# A tile that shares less of its ground than this with the baseline is not of the same place.
LEAST_COMMON_GROUND = 0.05
# What a tile may be rejected for where more than this of it is under cloud, or white and smooth as if.
CLOUD_LOOKS_LIKE = frozenset({"blurred", "wrong-place", "registration-unreliable", "shift-too-large"})
MOSTLY_HIDDEN = 0.5
# What registration says of a tile that shows none of the baseline's ground: another place, or this one under snow.
UNMATCHED = frozenset({"registration-unreliable", "wrong-place"})
# Where more than this of a tile looks like cloud and still matched its baseline, it is likely snow: unless the tracks
# are nearly as white and smooth as the rest, as under cloud (0.77 times as much at the least in 16 rendered tiles);
# through snow, rails and cars show (0.67 times at the most in 29).
LIKELY_SNOW = 0.7
TRACKS_AS_SMOOTH = 0.7


@dataclass(frozen=True)
class Ground:
    """What the later steps stand on.

    Attributes:
        baseline: registered onto the tile and in its radiometry; None for a single-image count.
        seen: bool (rows, cols), what of the ground the tile shows.
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
    tile: Raster, baseline: Raster | None, centrelines: Sequence[Centreline], axis: Network | None = None
) -> Ground:
    """Checks a tile, brings its baseline into agreement with it, and finds what can be seen.

    Args:
        tile: the tile.
        baseline: the baseline as delivered, if there is one.
        centrelines: the tracks as drawn.
        axis: finds the axis of a track, and so a place under snow by its tracks; without one such a tile is rejected.

    Raises:
        TileRejectedError: the tile cannot be counted, with the reason.
    """
    stages = Stages()
    # What is computed of whole pictures here is not needed later, and goes with these.
    tile = replace(tile)
    with stages.timed("visibility" if baseline is None else "registration"), _told_from_cloud(tile):
        remarks = check_quality(tile)
    if baseline is None:
        with stages.timed("visibility"):
            visibility = visible_ground(tile, None)
        return Ground(None, visibility.seen, None, (*remarks, "no-baseline"), stages)

    with stages.timed("registration"):
        along_tracks = corridor(centrelines, tile, CORRIDOR_HALF_WIDTH_M)
        match, how = _matched(tile, replace(baseline), centrelines, along_tracks, axis)
    with stages.timed("radiometry"):
        look = visible_ground(tile, None)
        clear = tile.valid if _snow(look, tile.valid, along_tracks) else look.seen
        fit = fit_radiometry(tile, replace(match.baseline), along_tracks, clear)
        match = replace(match, baseline=fit.apply(match.baseline))
    with stages.timed("visibility"):
        visibility = visible_ground(tile, replace(match.baseline))
    return Ground(match.baseline, visibility.seen, match.registration, (*remarks, *how), stages)


def _snow(look: Visibility, valid: Mask, along_tracks: Mask) -> bool:
    """Whether it is snow that looks like cloud in a tile that matched its baseline."""
    if look.cloud < LIKELY_SNOW:
        return False
    tracks, rest = (
        (part & ~look.seen).sum() / max(part.sum(), 1) for part in (valid & along_tracks, valid & ~along_tracks)
    )
    return bool(tracks < TRACKS_AS_SMOOTH * rest)


def _matched(
    tile: Raster, baseline: Raster, centrelines: Sequence[Centreline], along_tracks: Mask, axis: Network | None
) -> tuple[Match, tuple[str, ...]]:
    """The baseline registered onto the tile, and remarks on how."""
    _check_baseline(baseline)
    on_grid = harmonise(baseline, tile)
    if (tile.valid & on_grid.valid).mean() < LEAST_COMMON_GROUND:
        raise TileRejectedError("wrong-place")
    try:
        return register(tile, on_grid, along_tracks), ()
    except TileRejectedError as error:
        match = None
        if axis is not None and error.reason in UNMATCHED:
            match = placed_by_tracks(tile, on_grid, centrelines, axis)
        if match is None:
            with _told_from_cloud(tile):
                raise
        return match, (PLACED_BY_TRACKS,)


def _check_baseline(baseline: Raster) -> None:
    """A baseline without contrast, data or resolution shows nothing to compare with.

    Blur is left to registration: an empty yard without a steep edge looks as if it were blurred.
    """
    try:
        check_quality(baseline)
    except TileRejectedError as error:
        if error.reason != "blurred":
            raise TileRejectedError(f"baseline-{error.reason}") from None


@contextmanager
def _told_from_cloud(tile: Raster) -> Iterator[None]:
    """Names cloud, or snow as deep, as the reason where it is why a tile looks blurred or matches nothing."""
    try:
        yield
    except TileRejectedError as error:
        if error.reason in CLOUD_LOOKS_LIKE and (featureless(tile) or visible_ground(tile, None).cloud > MOSTLY_HIDDEN):
            raise TileRejectedError("ground-hidden") from None
        raise
