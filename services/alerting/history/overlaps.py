"""Frames of one pass over one stretch of track: which frame counts where, so that each car counts once.

A frame sees cars whole within its picture and cut at its edge. Where two frames overlap, one of them has the track up
to a border, and the other one has it from there on. The border is put where no car's centre is near on either picture:
the two place a car some metres apart, and a car whose centre lies near the border would count twice or not at all. For
the same reason cars are not matched by their positions alone: in a string of coupled cars, that would need two pictures
that agree to less than half a car.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.counts import Frozen

Owners = NDArray[np.int64]
Seen = NDArray[np.bool_]

# A border lies at most this far inside of the edge of a frame, in metres: where cars are whole, of two lengths of the
# longest car.
REACH_M = 60
# A border is far enough from a car's centre at this distance, in metres: half of the longest car.
CLEAR_M = 15.0


class TrackSeen(Frozen):
    """What a frame shows of one track.

    Attributes:
        seen_m: stretches that were seen, metres from the track's first vertex.
        cars_m: where the centres of its cars stand.
    """

    seen_m: tuple[tuple[float, float], ...]
    cars_m: tuple[float, ...] = ()


@dataclass(frozen=True)
class Share:
    """What one of several frames counts.

    Attributes:
        counted: which of its cars count, by their number on their track; on several tracks, one after the other.
        all_cars: how many it shows.
        length_m: length of track that it counts on.
        seen_m: length of track that it shows.
    """

    counted: tuple[int, ...] = ()
    all_cars: int = 0
    length_m: float = 0.0
    seen_m: float = 0.0

    @property
    def cars(self) -> int:
        """How many of its cars count."""
        return len(self.counted)

    def __add__(self, other: "Share") -> "Share":
        return Share(
            self.counted + other.counted,
            self.all_cars + other.all_cars,
            self.length_m + other.length_m,
            self.seen_m + other.seen_m,
        )


def shares(frames: Sequence[TrackSeen], nearest_m: float) -> list[Share]:
    """What each frame counts on one track.

    Args:
        frames: what each shows of the track. Earlier ones have the track where several see it, but for their edges.
        nearest_m: two cars cannot stand nearer to each other, centre to centre, in metres.
    """
    ends = [end for frame in frames for stretch in frame.seen_m for end in stretch] or [0.0]
    first = int(np.floor(min(ends)))
    metres = first + 0.5 + np.arange(int(np.ceil(max(ends))) - first)
    seen = np.array([np.any([(a <= metres) & (metres < b) for a, b in (*f.seen_m, (0, 0))], axis=0) for f in frames])
    if not seen.any():
        return [Share(all_cars=len(frame.cars_m)) for frame in frames]
    owners = _owners(seen, [np.array(frame.cars_m) - first for frame in frames])
    counted = _counted(frames, seen, owners, first, nearest_m)
    return [
        Share(cars, len(frame.cars_m), float((owners == number).sum()), float(seen[number].sum()))
        for number, (frame, cars) in enumerate(zip(frames, counted, strict=True))
    ]


def _owners(seen: Seen, cars: Sequence[NDArray[np.float64]]) -> Owners:
    """The frame that has each metre of track, shape (n,); -1 where none sees it. `seen` is (frames, n)."""
    owners = np.where(seen.any(axis=0), seen.argmax(axis=0), -1)
    for border in (np.flatnonzero(np.diff(owners)) + 1).tolist():
        one, other = int(owners[border - 1]), int(owners[border])
        if min(one, other) < 0 or one == other:
            continue
        both = seen[one] & seen[other]
        start = end = border
        while start > max(border - REACH_M, 0) and both[start - 1] and owners[start - 1] == one:
            start -= 1
        while end < min(border + REACH_M, len(owners)) and both[end] and owners[end] == other:
            end += 1
        places = np.arange(start, end + 1)
        centres = np.concatenate([cars[one], cars[other]])
        clear = np.abs(places[:, None] - centres).min(axis=1, initial=CLEAR_M)
        middle = np.abs(places - (start + end) / 2)
        best = int(places[np.lexsort((middle, -clear))[0]])
        owners[start:best], owners[best:end] = one, other
    return owners


def _counted(
    frames: Sequence[TrackSeen], seen: Seen, owners: Owners, first: int, nearest_m: float
) -> list[tuple[int, ...]]:
    """Which cars of each frame count: those on its own track, but no car twice."""
    mine = sorted(
        (at, number, car)
        for number, frame in enumerate(frames)
        for car, at in enumerate(frame.cars_m)
        if seen[number].any() and owners[_nearest(seen[number], at - first)] == number
    )
    counted: list[list[int]] = [[] for _ in frames]
    last: tuple[float, int] | None = None
    for at, number, car in mine:
        if last is not None and last[1] != number and at - last[0] < nearest_m:
            continue
        counted[number].append(car)
        last = at, number
    return [tuple(sorted(cars)) for cars in counted]


def _nearest(seen: NDArray[np.bool_], at: float) -> int:
    """The metre of track nearest to a place, of those that a frame sees."""
    places = np.flatnonzero(seen)
    return int(places[np.abs(places + 0.5 - at).argmin()])
