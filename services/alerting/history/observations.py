"""From the tile counts of one scene over one site to one observation, the unit that alerting works on.

What is known of a scene is the last recorded count of each of its tiles. Adding a count is commutative and idempotent:
the order in which counts arrive, and how often, changes nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shapely import box

from railwatch.services.alerting.history.overlaps import TrackSeen
from railwatch.services.alerting.rule.judgement import Observation
from railwatch.shared.clock import lies_ahead
from railwatch.shared.counts import Occupied, TileCount, UtcDatetime
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent, Look
from railwatch.shared.geography import shape_from_lon_lat
from railwatch.shared.sites import Site

# A count may be this many times what the tile's tracks hold of the shortest cars.
CAPACITY_SLACK = 2.0
# From this coverage on, no other frame can add to a tile.
ALL_SEEN = 0.99
# The detector's word for a picture that ends inside the cell.
OUTSIDE = "partly-outside"


class TileReading(Look):
    """What alerting keeps of one tile's count: the look at the tile, and when it was counted.

    Attributes:
        event: id of the count event.
        recorded_at: when it was recorded. Of two counts of one tile, the one that was recorded later is valid.
        tiles_in_scene: every tile of the site that the scene covers.
        sensor: which sensor took the scene; null if nobody said.
        outside: whether the picture ends inside the tile's cell, so that another frame may show the rest.
        tracks: what the tile shows, by track. It is kept only where another frame can add to it.
        from_archive: whether it was brought from an archive.
    """

    event: str
    recorded_at: UtcDatetime
    tiles_in_scene: tuple[str, ...]
    sensor: str | None = None
    outside: bool = False
    tracks: dict[str, TrackSeen] | None = None
    from_archive: bool = False


Readings = Mapping[str, TileReading]
# Lower end, estimate and upper end.
_Estimate = tuple[float, float, float]


def tracks_by_tile(site: Site) -> dict[str, float]:
    """Length of the site's tracks inside its area, metres, by tile."""
    crs = site.cells()[0].crs
    tracks = shape_from_lon_lat(crs, site.lines.intersection(site.polygon))
    return {cell.id: float(tracks.intersection(box(*cell.bounds_m)).length) for cell in site.cells()}


def check_count(event: CountEvent, tracks_m: Mapping[str, float], shortest_car_m: float, now: datetime) -> None:
    """Refuse a count that cannot be true, before it changes a site's history.

    Args:
        event: the count.
        tracks_m: track length by tile of the event's site.
        shortest_car_m: the shortest car expected at the site.
        now: the present.

    Raises:
        UnprocessableError: `unknown-tile`, `tile-not-in-scene`, `observed-in-future` or `implausible-count`.
    """
    unknown = sorted({event.tile, *event.tiles_in_scene} - tracks_m.keys())
    if unknown:
        raise UnprocessableError("unknown-tile", f"site {event.site} has no tile {', '.join(unknown)}")
    if event.tile not in event.tiles_in_scene:
        raise UnprocessableError("tile-not-in-scene", f"tile {event.tile} is not among the tiles of its own scene")
    if lies_ahead(event.observed_at, now):
        raise UnprocessableError("observed-in-future", f"the image is dated {event.observed_at.isoformat()}")
    track_m = tracks_m[event.tile]
    capacity = CAPACITY_SLACK * (track_m / shortest_car_m + 1)
    if event.result.high is not None and event.result.high > capacity:
        raise UnprocessableError(
            "implausible-count",
            f"{event.result.count:g} cars (up to {event.result.high:g}) do not fit on {track_m:.0f} m of "
            f"track, which hold at most {capacity:.0f}",
        )
    occupied = event.result.occupied
    if occupied is not None and occupied.occupied_m > CAPACITY_SLACK * track_m:
        raise UnprocessableError(
            "implausible-count", f"{occupied.occupied_m:.0f} m of trains do not fit on {track_m:.0f} m of track"
        )


def reading(event: CountEvent) -> TileReading:
    """What to keep of a count event."""
    return TileReading(
        event=event.id,
        recorded_at=event.recorded_at,
        observed_at=event.observed_at,
        tiles_in_scene=event.tiles_in_scene,
        count=event.result.count,
        low=event.result.low,
        high=event.result.high,
        coverage=event.result.coverage,
        sensor=event.sensor,
        outside=OUTSIDE in event.result.reasons,
        tracks=_tracks(event.result),
        occupied=event.result.occupied,
        remarks=event.remarks,
        from_archive=event.archival,
    )


def _tracks(result: TileCount) -> dict[str, TrackSeen] | None:
    if result.coverage >= ALL_SEEN:
        return None
    return {
        track.track: TrackSeen(
            seen_m=track.seen_m, cars_m=tuple(car.along_m for car in track.cars if car.along_m is not None)
        )
        for track in result.tracks
        if track.seen_m
    } or None


def _recency(reading: TileReading) -> tuple[datetime, str]:
    return reading.recorded_at, reading.event


def merge(readings: Readings, tile: str, new: TileReading) -> dict[str, TileReading]:
    """The readings with one more count of a tile. The last recorded one is valid."""
    held = readings.get(tile)
    if held is not None and _recency(held) >= _recency(new):
        return dict(readings)
    return {**readings, tile: new}


def last_recorded(readings: Readings) -> TileReading:
    """The reading that was recorded last. It says what holds for all of the scene."""
    return max(readings.values(), key=_recency)


def expected_tiles(readings: Readings) -> tuple[str, ...]:
    """The tiles that the scene covers, as its last recorded count says."""
    return last_recorded(readings).tiles_in_scene


def complete(readings: Readings) -> bool:
    """Whether every tile of the scene has been counted."""
    return readings.keys() >= set(expected_tiles(readings))


def observe(
    scene: str, readings: Readings, tracks_m: Mapping[str, float], car_lengths_m: tuple[float, float]
) -> Observation:
    """Sum the tiles of a scene.

    The tiles' errors are taken as independent. The interval of the sum follows from theirs by the method of variance
    estimates recovery: the distances of the ends from the counts add in squares, separately for each side. The interval
    is about the track that was seen. The coverage says how much that was: the tiles' coverage, weighted by track
    length, over all of the site's track.

    Where pixels are too coarse to count, metres of track under trains are summed in the same way. Tiles of a scene that
    were counted and others that were measured are not summed: the kind that shows more track is the observation.

    Args:
        scene: id of the scene.
        readings: the last recorded reading of each tile, at least one.
        tracks_m: track length by tile of the site.
        car_lengths_m: the shortest and the longest car expected at the site.

    References:
        Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
        Statistics in Medicine 27, 1693-1702.
    """
    tiles = {tile: readings[tile] for tile in expected_tiles(readings) if tile in readings}
    site_m = sum(tracks_m.values())
    by_kind: tuple[list[_Estimate], list[_Estimate]] = ([], [])
    seen_m = [0.0, 0.0]
    for tile, r in tiles.items():
        if r.occupied is not None:
            measured, estimate = 1, (r.occupied.low_m, r.occupied.occupied_m, r.occupied.high_m)
        elif r.count is not None and r.low is not None and r.high is not None:
            measured, estimate = 0, (r.low, r.count, r.high)
        else:
            continue
        by_kind[measured].append(estimate)
        seen_m[measured] += r.coverage * tracks_m.get(tile, 0.0)
    kind = int(seen_m[1] > seen_m[0] or not by_kind[0])
    low, middle, high = _sum(by_kind[kind]) if by_kind[kind] else (None, None, None)
    occupied = None
    if kind and low is not None and middle is not None and high is not None:
        occupied = Occupied.between(low, middle, high, car_lengths_m)
        low = middle = high = None
    return Observation(
        scene=scene,
        observed_at=last_recorded(readings).observed_at,
        count=middle,
        low=low,
        high=high,
        occupied=occupied,
        coverage=min(1.0, seen_m[kind] / site_m) if site_m else 0.0,
        missing_tiles=tuple(tile for tile in expected_tiles(readings) if tile not in readings),
        from_archive=all(reading.from_archive for reading in readings.values()),
        counted_at=max(reading.recorded_at for reading in readings.values()),
        remarks=remarks_of([readings]),
    )


def remarks_of(scenes: Iterable[Readings]) -> tuple[str, ...]:
    """The remarks on some scenes, each once."""
    readings = [readings[tile] for readings in scenes for tile in sorted(readings)]
    return tuple(dict.fromkeys(remark for reading in readings for remark in reading.remarks))


def _sum(estimates: Sequence[_Estimate]) -> _Estimate:
    middle = math.fsum(estimate for _, estimate, _ in estimates)
    below = math.sqrt(math.fsum((estimate - low) ** 2 for low, estimate, _ in estimates))
    above = math.sqrt(math.fsum((high - estimate) ** 2 for _, estimate, high in estimates))
    return max(0.0, middle - below), middle, middle + above
