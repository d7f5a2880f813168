"""What `railwatch count` counts on: the tracks of a file, or of a site."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from railwatch.cli.terminal import complain
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.sites import CAR_LENGTHS_M, Track, TrackLines, clipped, read_site, read_tracks

if TYPE_CHECKING:
    from railwatch.services.detector.imagery.raster import Raster

# Metres. A track close to the tile belongs to a neighbouring tile. A track farther away than this is a mistake.
FAR_AWAY_M = 5000.0
# Metres over the buffers. No freight car is shorter.
SHORTEST_CAR_M = 8.0


def what_to_count_on(tracks: Path | None, site: Path | None) -> tuple[TrackLines, tuple[float, float]]:
    """The tracks that a file of tracks or a site's file names, and the lengths of cars to expect."""
    if site is not None and tracks is None:
        read = read_site(site)
        _tell(read.remarks)
        inside = clipped(read.site.tracks, read.site.polygon, SHORTEST_CAR_M)
        return TrackLines(inside), read.site.car_lengths_m
    if tracks is not None and site is None:
        lines = read_tracks(tracks)
        _tell(lines.remarks)
        if lines.proposed:
            complain(f"{len(lines.proposed)} proposed tracks are not counted until somebody confirms them")
        if not lines.tracks:
            raise UnprocessableError("bad-tracks", f"{tracks}: no track in it is confirmed")
        for track in () if lines.exported else lines.tracks:
            if track.length_m < SHORTEST_CAR_M:
                problem = f"track {track.id} is {track.length_m:.1f} m long, shorter than any railcar"
                raise UnprocessableError("bad-tracks", problem)
        return lines, CAR_LENGTHS_M
    raise typer.BadParameter("give either a file of tracks or a site's file", param_hint="--tracks or --site")


def tracks_on(tile: "Raster", lines: TrackLines) -> Sequence[Track]:
    """The tracks to count on. The names of drawn tracks that do not cross the tile are written to stderr.

    Of an export, they are the parts on the tile: what it shows beyond is no part of the place.

    Raises:
        UnprocessableError: no track crosses the tile, or a drawn track is so far away that it must be a mistake.
    """
    from railwatch.services.detector.tracks.centrelines import distance_m, ground_of

    away = {track.id: distance_m(track, tile) for track in lines.tracks}
    outside = [track_id for track_id, metres in away.items() if metres > 0]
    if lines.exported:
        inside = clipped(lines.tracks, ground_of(tile), SHORTEST_CAR_M) if len(outside) < len(away) else ()
        if not inside:
            nearest = min(away.values())
            raise UnprocessableError("bad-tracks", f"no track crosses the tile; the nearest is {_far(nearest)}")
        return inside
    for track_id in outside:
        if away[track_id] > FAR_AWAY_M or len(outside) == len(away):
            raise UnprocessableError("bad-tracks", f"track {track_id} is outside the tile, {_far(away[track_id])}")
    if outside:
        complain(f"outside the tile, and not counted: track {', '.join(outside)}")
    return lines.tracks


def _far(metres: float) -> str:
    if metres == float("inf"):
        return "where its CRS does not reach"
    return f"{metres / 1000:.0f} km away" if metres > 2000 else f"{metres:.0f} m away"


def _tell(remarks: Sequence[str]) -> None:
    for remark in remarks:
        complain(remark)
