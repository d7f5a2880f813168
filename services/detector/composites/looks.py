"""Good looks: those that may become a baseline, alone or merged with others."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from railwatch.shared.counts import (
    BaselineMeasure,
    BlobRef,
    Frozen,
    MergedLook,
    Quality,
    Sun,
    TileCount,
    UtcDatetime,
)
from railwatch.shared.sites import Cell
from railwatch.shared.sun import sun_position

# A good look shows nearly all of the track, in a light without very long shadows.
LEAST_COVERAGE = 0.95
LEAST_SUN_DEG = 15.0
# Remarks that say nothing against a look. Others do: snow in which only the tracks are recognised, saturated ground, a
# baseline that does not match.
HARMLESS = frozenset({"bridge", "baseline-partial"})
# Fewer looks than this are no composite.
FEWEST_LOOKS = 3
# The last so many good looks of a tile are kept for its composite. More make it no better, and hide what changed.
MOST_LOOKS = 12
# Decimals of a degree that are kept of a car's place: 0.1 m.
PLACES = 6


class StandingCar(NamedTuple):
    """A car that was counted: its track, the longitude and latitude of its centre, and its length."""

    track: str
    lon: float
    lat: float
    length_m: float


class GoodLook(Frozen):
    """A look that can go into a composite.

    Attributes:
        scene: the scene it comes from.
        observed_at: when the satellite saw it.
        image: the picture.
        cars: what the detector found standing in it.
    """

    scene: str
    observed_at: UtcDatetime
    image: BlobRef
    cars: tuple[StandingCar, ...]


@dataclass(frozen=True)
class Renewal:
    """A composite, and how it compares with the baseline that there is.

    Attributes:
        method: how it was merged, a part of its id.
        file: the composite as a GeoTIFF.
        looks: what it was merged from.
        grid: the look that gives its grid and light, the newest.
        measured: its figures.
        before: those of the current baseline.
        better: why it is better, as `why_better` says; None if it is not.
    """

    method: str
    file: bytes
    looks: tuple[MergedLook, ...]
    grid: GoodLook
    measured: BaselineMeasure
    before: BaselineMeasure
    better: str | None


def is_good(count: TileCount, sun: Sun) -> bool:
    """Whether a look is clear, whole and in good light, and matched its baseline or was counted for want of one."""
    reasons = set(count.reasons) - HARMLESS
    return (
        count.quality is Quality.OK
        and (not reasons if count.registration else reasons == {"no-baseline"})
        and count.coverage >= LEAST_COVERAGE
        and sun.elevation_deg >= LEAST_SUN_DEG
    )


def is_due(kept: Collection[str], considered: Collection[str]) -> bool:
    """Whether enough of the kept looks are new: half as many as were considered the last time.

    Args:
        kept: checksums of the good looks of a tile.
        considered: checksums of the looks that the last attempt had; empty before the first.
    """
    new = len(set(kept) - set(considered))
    return new >= max(1, len(considered) // 2 if considered else FEWEST_LOOKS)


def good_look(scene: str, observed_at: datetime, image: BlobRef, count: TileCount) -> GoodLook:
    """What is remembered of a good look."""
    cars = (
        StandingCar(track.track, round(car.lon, PLACES), round(car.lat, PLACES), round(car.length_m, 1))
        for track in count.tracks
        for car in track.cars
    )
    return GoodLook(scene=scene, observed_at=observed_at, image=image, cars=tuple(cars))


def in_order(look: GoodLook) -> tuple[datetime, str]:
    """Sorts looks by time; by checksum where that is the same."""
    return look.observed_at, look.image.sha256


def sun_over_cell(cell: Cell, observed_at: datetime) -> Sun:
    """The sun over the middle of a cell."""
    middle = cell.polygon.centroid
    return sun_position(observed_at, middle.x, middle.y)
