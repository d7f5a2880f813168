"""From the tile counts of one scene over one site to one observation, the unit that alerting works on.

What is known of a scene is the last recorded count of each of its tiles. Adding a count is commutative and idempotent:
the order in which counts arrive, and how often, changes nothing.
"""

import math
from collections.abc import Mapping
from datetime import datetime

from shapely import box

from railwatch.services.alerting.history.overlaps import TrackSeen
from railwatch.services.alerting.rule.judgement import Observation
from railwatch.shared.clock import lies_ahead
from railwatch.shared.counts import TileCount, UtcDatetime
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
    """

    event: str
    recorded_at: UtcDatetime
    tiles_in_scene: tuple[str, ...]
    sensor: str | None = None
    outside: bool = False
    tracks: dict[str, TrackSeen] | None = None


Readings = Mapping[str, TileReading]


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
    capacity = CAPACITY_SLACK * (tracks_m[event.tile] / shortest_car_m + 1)
    if event.result.high is not None and event.result.high > capacity:
        raise UnprocessableError(
            "implausible-count",
            f"{event.result.count:g} cars (up to {event.result.high:g}) do not fit on {tracks_m[event.tile]:.0f} m of "
            f"track, which hold at most {capacity:.0f}",
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


def observe(scene: str, readings: Readings, tracks_m: Mapping[str, float]) -> Observation:
    """Sum the tiles of a scene.

    The tiles' errors are taken as independent. The interval of the sum follows from theirs by the method of variance
    estimates recovery: the distances of the ends from the counts add in squares, separately for each side. The interval
    is about the track that was seen. The coverage says how much that was: the tiles' coverage, weighted by track
    length, over all of the site's track.

    Args:
        scene: id of the scene.
        readings: the last recorded reading of each tile, at least one.
        tracks_m: track length by tile of the site.

    References:
        Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
        Statistics in Medicine 27, 1693-1702.
    """
    tiles = {tile: readings[tile] for tile in expected_tiles(readings) if tile in readings}
    site_m = sum(tracks_m.values())
    seen_m = sum(r.coverage * tracks_m.get(tile, 0.0) for tile, r in tiles.items() if r.count is not None)
    counted = [
        (reading.count, reading.low, reading.high)
        for reading in tiles.values()
        if reading.count is not None and reading.low is not None and reading.high is not None
    ]
    count = low = high = None
    if counted:
        count = math.fsum(c for c, _, _ in counted)
        low = max(0.0, count - math.sqrt(math.fsum((c - lo) ** 2 for c, lo, _ in counted)))
        high = count + math.sqrt(math.fsum((hi - c) ** 2 for c, _, hi in counted))
    return Observation(
        scene=scene,
        observed_at=last_recorded(readings).observed_at,
        count=count,
        low=low,
        high=high,
        coverage=min(1.0, seen_m / site_m) if site_m else 0.0,
        missing_tiles=tuple(tile for tile in expected_tiles(readings) if tile not in readings),
        counted_at=max(reading.recorded_at for reading in readings.values()),
    )
