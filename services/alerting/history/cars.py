"""The cars of a look: of each frame those that count, so that a car that several frames show is there once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from railwatch.services.alerting.history.frames import Pass, in_order
from railwatch.services.alerting.history.observations import expected_tiles
from railwatch.services.alerting.history.overlaps import TrackSeen, shares
from railwatch.shared.counts import Car
from railwatch.shared.events import CountEvent


class CountedCar(NamedTuple):
    """One car of a look.

    Attributes:
        event: the count that found it.
        number: its number among all cars of that count, from 0.
        track: the track's id.
        car: the car.
    """

    event: CountEvent
    number: int
    track: str
    car: Car


def cars_of(
    frames: Pass, counts: Mapping[str, Mapping[str, CountEvent]], shortest_car_m: float
) -> Iterator[CountedCar]:
    """The cars of a look, tile by tile. Tiles without a count have none.

    Args:
        frames: the look's pass.
        counts: the counts behind it, by scene and tile.
        shortest_car_m: the shortest car expected at the site.
    """
    tiles = dict.fromkeys(tile for frame in frames for tile in expected_tiles(frame.readings))
    for tile in tiles:
        views = [
            (frame.scene, frame.readings[tile])
            for frame in frames
            if tile in expected_tiles(frame.readings) and tile in frame.readings
        ]
        ordered = in_order([view for view in views if view[1].count is not None])
        events = [counts[scene][tile] for scene, _ in ordered]
        sharing = [(event, view.tracks) for event, (_, view) in zip(events, ordered, strict=True) if view.tracks]
        if len(sharing) < 2 or not ordered[0][1].tracks:
            yield from (car for event in events[:1] for car in _all(event))
        else:
            yield from _shared(sharing, shortest_car_m)


def _all(event: CountEvent) -> Iterator[CountedCar]:
    number = 0
    for track in event.result.tracks:
        for car in track.cars:
            yield CountedCar(event, number, track.track, car)
            number += 1


def _shared(
    frames: Sequence[tuple[CountEvent, Mapping[str, TrackSeen]]], shortest_car_m: float
) -> Iterator[CountedCar]:
    by_track = [_placed(event) for event, _ in frames]
    for track in sorted({name for _, tracks in frames for name in tracks}):
        seen = [tracks.get(track, TrackSeen(seen_m=())) for _, tracks in frames]
        found = zip(by_track, shares(seen, shortest_car_m / 2), strict=True)
        yield from sorted((cars[track][number] for cars, part in found for number in part.counted), key=_along_m)


def _along_m(found: CountedCar) -> float:
    return found.car.along_m or 0.0


def _placed(event: CountEvent) -> dict[str, list[CountedCar]]:
    """The cars of a count whose place on their track is known, by track."""
    placed: dict[str, list[CountedCar]] = {}
    for found in _all(event):
        if found.car.along_m is not None:
            placed.setdefault(found.track, []).append(found)
    return placed
