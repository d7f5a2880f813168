"""What a site lacks, or what may be wrong with it, although a service would take it: one sentence each."""

from collections.abc import Iterator, Sequence

import shapely
from shapely import STRtree

from railwatch.shared.geography import shape_from_lon_lat
from railwatch.shared.sites import CAR_LENGTHS_M, Site, SiteRead, Track
from railwatch.shared.sites.model import grid_crs

# Metres. Tracks of one yard lie 4 m apart and more; two lines that are closer for a car's length are one track.
TOO_CLOSE_M = 2.0
# Shares of a line that lies close to another, or outside the area, that are worth a word.
MUCH = 0.3
# Metres. A longer track is more than a yard's, most often a line on which trains pass.
VERY_LONG_M = 5_000.0


def what_is_missing(read: SiteRead) -> Iterator[str]:
    """What an operator may want to add or to mend."""
    site = read.site
    if not site.events:
        yield "It has no `events`: an alert cannot say what a rise may be related to."
    if site.car_lengths_m == CAR_LENGTHS_M:
        yield (
            "It has no `car_lengths_m` of its own: two short cars may be taken for a long one, and metres "
            "under trains become a wide range of cars."
        )
    for track in site.tracks:
        if track.main:
            yield f"The main line {track.id} is counted, with the trains that pass; `count_main: false` leaves it out."
        if track.length_m > VERY_LONG_M:
            yield f"The track {track.id} is {track.length_m / 1000:.1f} km long: is it a line on which trains pass?"
    crs = grid_crs(site.area)
    ground = shape_from_lon_lat(crs, site.polygon)
    lines = [shape_from_lon_lat(crs, track.line) for track in site.tracks]
    for track, line in zip(site.tracks, lines, strict=True):
        outside = line.difference(ground).length / line.length
        if outside > MUCH:
            yield f"{outside:.0%} of the track {track.id} lie outside the area and are not counted."
    yield from _drawn_twice(site.tracks, lines)


def _drawn_twice(tracks: Sequence[Track], lines: Sequence[shapely.LineString]) -> Iterator[str]:
    pairs = STRtree(lines).query(lines, predicate="dwithin", distance=TOO_CLOSE_M).T
    for one, other in sorted((int(one), int(other)) for one, other in pairs):
        if one < other:
            beside = lines[one].intersection(lines[other].buffer(TOO_CLOSE_M, cap_style="flat"))
            if beside.length > MUCH * min(lines[one].length, lines[other].length):
                yield f"The tracks {tracks[one].id} and {tracks[other].id} lie on each other: is one drawn twice?"


def totals(site: Site) -> str:
    """A site in a few words."""
    numbers = {"track": len(site.tracks), "cell": len(site.cells())}
    tracks, cells = (f"{number} {what}{'' if number == 1 else 's'}" for what, number in numbers.items())
    return f"{tracks}, {site.track_length_m / 1000:.1f} km, {cells}"
