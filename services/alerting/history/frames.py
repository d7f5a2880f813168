"""Frames of one pass over a site are one look: which scenes belong together, and what they show together.

A provider cuts a pass into frames, side by side or overlapping, or delivers it twice. Each frame is a scene that the
detector counts by itself. What they show together is a function of what is known of each: the order in which they
come, and how often, changes nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from typing import NamedTuple

from railwatch.services.alerting.history.observations import (
    Readings,
    TileReading,
    complete,
    expected_tiles,
    last_recorded,
    observe,
    remarks_of,
)
from railwatch.services.alerting.history.overlaps import Share, TrackSeen, shares
from railwatch.services.alerting.rule.judgement import WHOLE_COVERAGE, Observation
from railwatch.shared.sites import CAR_LENGTHS_M

# Of several frames that show a tile, the one that was counted last has it, as its processing is newer, unless another
# one shows more of the track by more than this share.
SHOWS_AS_MUCH = 0.1
# So many looks tell how much of a site is usually seen. Two looks at the same part differ by less than the second
# figure, a share of the track.
USUAL_LOOKS = 8
NEARLY = 0.05


class Frame(NamedTuple):
    """A scene over one site: its id, and the last recorded reading of each of its tiles."""

    scene: str
    readings: Readings

    @property
    def observed_at(self) -> datetime:
        """When the satellite saw it."""
        return last_recorded(self.readings).observed_at

    @property
    def sensor(self) -> str:
        """Which sensor took it; empty if nobody said."""
        return last_recorded(self.readings).sensor or ""


Pass = tuple[Frame, ...]


def passes(frames: Iterable[Frame], span: timedelta) -> list[Pass]:
    """The passes that scenes belong to, each in order of time.

    A pass has one sensor, and its last frame was taken at most `span` after its first. Scenes of which nobody said the
    sensor are taken to be of one.
    """
    found: list[list[Frame]] = []
    for _, of_sensor in groupby(sorted(frames, key=lambda f: (f.sensor, f.observed_at, f.scene)), lambda f: f.sensor):
        current: list[Frame] = []
        for frame in of_sensor:
            if current and frame.observed_at - current[0].observed_at > span:
                found.append(current)
                current = []
            current.append(frame)
        found.append(current)
    return [tuple(frames) for frames in found]


def usually_seen(before: Sequence[Observation]) -> float:
    """The share of a site's track that its looks show: the median of the last ones; the whole of it if they are few."""
    lately = [look.coverage for look in before[-USUAL_LOOKS:]]
    return median(lately) if len(lately) == USUAL_LOOKS else 1.0


def awaited(frames: Pass, tracks_m: Mapping[str, float], usual: float = 1.0) -> bool:
    """Whether more of a pass may come: a tile that is not counted yet, or the track that no frame of it shows.

    Args:
        frames: the pass.
        tracks_m: track length by tile of the site.
        usual: the share of the track that the site's looks show, see `usually_seen`. No more is waited for.
    """
    if not all(complete(frame.readings) for frame in frames):
        return True
    tiles = {tile for frame in frames for tile in expected_tiles(frame.readings)}
    left_out = any(length_m > 0 for tile, length_m in tracks_m.items() if tile not in tiles)
    if not left_out and not any(reading.outside for frame in frames for reading in frame.readings.values()):
        return False
    return look_of(frames, tracks_m).coverage < min(WHOLE_COVERAGE, usual - NEARLY)


def look_of(
    frames: Pass, tracks_m: Mapping[str, float], car_lengths_m: tuple[float, float] = CAR_LENGTHS_M
) -> Observation:
    """What the frames of a pass show of a site together. Each car counts once.

    The time of the look is that of its first frame.

    Args:
        frames: the pass, in order of time.
        tracks_m: track length by tile of the site.
        car_lengths_m: the shortest and the longest car expected at the site.
    """
    if len(frames) == 1:
        return observe(frames[0].scene, frames[0].readings, tracks_m, car_lengths_m)
    tiles = tuple(dict.fromkeys(tile for frame in frames for tile in expected_tiles(frame.readings)))
    joined: dict[str, TileReading] = {}
    missing: set[str] = set()
    shown: set[str] = set()
    for tile in tiles:
        expecting = [frame for frame in frames if tile in expected_tiles(frame.readings)]
        counted = [frame for frame in expecting if tile in frame.readings]
        if counted:
            reading, scenes = _joined([(frame.scene, frame.readings[tile]) for frame in counted], car_lengths_m[0])
            joined[tile] = reading.model_copy(update={"tiles_in_scene": tiles})
            shown |= scenes
        if len(counted) < len(expecting) and (not counted or joined[tile].coverage < WHOLE_COVERAGE):
            missing.add(tile)
    names = tuple(frame.scene for frame in frames if frame.scene in shown) or tuple(frame.scene for frame in frames)
    seen = observe(names[0], joined, tracks_m, car_lengths_m)
    return seen.model_copy(
        update={
            "observed_at": frames[0].observed_at,
            "last_frame_at": frames[-1].observed_at,
            "frames": names,
            "left_out": tuple(frame.scene for frame in frames if frame.scene not in names),
            "missing_tiles": tuple(tile for tile in tiles if tile in missing),
            "remarks": remarks_of(frame.readings for frame in frames),
            "from_archive": all(reading.from_archive for frame in frames for reading in frame.readings.values()),
        }
    )


def _joined(views: Sequence[tuple[str, TileReading]], shortest_car_m: float) -> tuple[TileReading, set[str]]:
    """What several frames show of one tile together, and the scenes that have a part in it."""
    ordered = in_order([view for view in views if view[1].count is not None])
    if not ordered:
        measured = [view for view in views if view[1].occupied is not None]
        if not measured:
            return last_recorded(dict(views)), set()
        # Metres of several frames overlap and cannot be summed: those of the frame that shows the most are taken.
        scene, reading = max(measured, key=lambda view: view[1].coverage)
        return reading, {scene}
    best, first = ordered[0]
    together = [(scene, reading, reading.tracks) for scene, reading in ordered if reading.tracks]
    if len(together) < 2 or not first.tracks:
        return first, {best}
    names = sorted({name for _, _, tracks in together for name in tracks})
    parts = [Share() for _ in together]
    for name in names:
        of_track = shares([tracks.get(name, TrackSeen(seen_m=())) for _, _, tracks in together], shortest_car_m / 2)
        parts = [part + share for part, share in zip(parts, of_track, strict=True)]
    having = [
        (scene, reading, part) for (scene, reading, _), part in zip(together, parts, strict=True) if part.length_m
    ]
    return _summed(first, [(reading, part) for _, reading, part in having]), {scene for scene, _, _ in having}


def _summed(first: TileReading, having: Sequence[tuple[TileReading, Share]]) -> TileReading:
    """The count of a tile on which each frame has its share.

    A frame's error shrinks with the root of its share: as much as if the errors along the track were independent. They
    are not, and so the interval is rather too wide than too narrow.
    """
    count = below = above = seen = 0.0
    for reading, part in having:
        if reading.count is None or reading.low is None or reading.high is None:
            continue
        seen += reading.coverage * part.length_m / part.seen_m
        cars = reading.count * part.cars / part.all_cars if part.all_cars else reading.count
        share = max(part.length_m / part.seen_m, cars / reading.count if reading.count else 0.0)
        count += cars
        below += (reading.count - reading.low) ** 2 * share
        above += (reading.high - reading.count) ** 2 * share
    return first.model_copy(
        update={
            "count": count,
            "low": max(0.0, count - math.sqrt(below)),
            "high": count + math.sqrt(above),
            "coverage": min(1.0, seen),
            "recorded_at": max(reading.recorded_at for reading, _ in having),
        }
    )


def in_order(views: Iterable[tuple[str, TileReading]]) -> list[tuple[str, TileReading]]:
    """Frames of one tile, the one first that has the track where several see it; see `SHOWS_AS_MUCH`."""
    left, ordered = list(views), []
    while left:
        most = max(reading.coverage for _, reading in left)
        as_much = [view for view in left if view[1].coverage >= most - SHOWS_AS_MUCH]
        ordered.append(max(as_much, key=lambda view: (view[1].recorded_at, view[1].coverage, view[0])))
        left.remove(ordered[-1])
    return ordered
