"""What the detector says about one tile. Counting, events and the command line share these values."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar in UTC") from None


# An instant in UTC. Whatever offset it was given in, it is written in one way, so that ids derived from it are stable.
UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Frozen(BaseModel):
    """An immutable value. Unknown fields are ignored, so that a reader of v1 accepts the fields of a later version."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Quality(StrEnum):
    """How far a count can be trusted."""

    OK = "ok"
    PARTIAL = "partial"
    REJECTED = "rejected"


class Sun(Frozen):
    """Where the sun stood. Azimuth clockwise from true north, elevation above the horizon, as STAC's `view:sun_*`."""

    azimuth_deg: float = Field(ge=0, le=360)
    elevation_deg: float = Field(ge=-90, le=90)


class Registration(Frozen):
    """The similarity transform that moves the baseline onto the tile, and how reliable it is.

    Attributes:
        dx_px: shift to the right, in tile pixels, at the tile's centre.
        dy_px: shift down, in tile pixels, at the tile's centre.
        rotation_deg: rotation, counter-clockwise on the picture.
        reliability: 0 (chance) to 1 (certain).
    """

    dx_px: float
    dy_px: float
    rotation_deg: float
    reliability: float = Field(ge=0, le=1)


class CarKind(StrEnum):
    """What a railcar looks like from above."""

    COVERED = "covered"
    OPEN = "open"
    TANK = "tank"
    FLAT = "flat"
    CONTAINER = "container"
    LOCOMOTIVE = "locomotive"
    COACH = "coach"


# Between two coupled cars, metres.
COUPLING_M = 1.2


class Occupied(Frozen):
    """Track under trains, couplings included, as it is measured where pixels are too coarse to show single cars.

    Attributes:
        occupied_m: estimated metres of track under trains.
        low_m: lower end of the 90 % interval.
        high_m: upper end of the 90 % interval.
        cars_low: railcars on `low_m` if all are the longest that the site expects.
        cars_high: railcars on `high_m` if all are the shortest.
    """

    occupied_m: float = Field(ge=0)
    low_m: float = Field(ge=0)
    high_m: float = Field(ge=0)
    cars_low: float = Field(ge=0)
    cars_high: float = Field(ge=0)

    @model_validator(mode="after")
    def _ends_agree(self) -> "Occupied":
        if not self.low_m <= self.occupied_m <= self.high_m or self.cars_low > self.cars_high:
            raise ValueError("`low_m` <= `occupied_m` <= `high_m` and `cars_low` <= `cars_high` must hold")
        return self

    @classmethod
    def between(cls, low_m: float, occupied_m: float, high_m: float, car_lengths_m: tuple[float, float]) -> "Occupied":
        """Metres as they are reported, and the range of cars that they may be.

        Args:
            low_m: lower end of the 90 % interval.
            occupied_m: the estimate.
            high_m: upper end.
            car_lengths_m: the shortest and the longest car to expect.
        """
        shortest, longest = car_lengths_m
        return cls(
            occupied_m=round(occupied_m, 1),
            low_m=round(low_m, 1),
            high_m=round(high_m, 1),
            cars_low=round(low_m / (longest + COUPLING_M), 1),
            cars_high=round(high_m / (shortest + COUPLING_M), 1),
        )


class Car(Frozen):
    """One railcar that was counted.

    Attributes:
        lon: longitude of the body's centre, WGS 84 degrees.
        lat: latitude of the body's centre, WGS 84 degrees.
        length_m: length of the body along the track.
        probability: posterior probability that a car stands here.
        along_m: how far along its track the centre stands, metres from the track's first vertex.
        kind: what it looks like; null where no kind is likelier than all others together.
        kind_probability: how likely that kind is; null where there is none.
    """

    lon: float
    lat: float
    length_m: float = Field(gt=0)
    probability: float = Field(ge=0, le=1)
    along_m: float | None = Field(default=None, ge=0)
    kind: CarKind | None = None
    kind_probability: float | None = Field(default=None, ge=0, le=1)


class TrackCount(Frozen):
    """The cars on one track. `count`, `low` and `high` are null if nothing of the track was seen, or it was measured.

    Attributes:
        track: the track's id.
        count: estimated number of cars.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        length_m: length of track inside the tile.
        occupied_m: length of track under cars.
        shift_m: how far the drawn centreline was moved sideways onto the rails, positive to the right of its direction.
        cars: the cars, in order along the track.
        seen_m: stretches of the track that were seen, metres from its first vertex.
        occupied: metres of the track under trains, if pixels were too coarse to count; null otherwise.
    """

    track: str
    count: float | None = Field(ge=0)
    low: float | None = Field(ge=0)
    high: float | None = Field(ge=0)
    length_m: float = Field(ge=0)
    occupied_m: float = Field(ge=0)
    shift_m: float = 0.0
    cars: tuple[Car, ...] = ()
    seen_m: tuple[tuple[float, float], ...] = ()
    occupied: Occupied | None = None


class TileCount(Frozen):
    """The count of one tile. If the tile cannot be counted, the count is null, never zero.

    Attributes:
        count: estimated number of railcars whose centre lies in the tile; null if `quality` is `rejected`.
        low: lower end of the 90 % interval.
        high: upper end of the 90 % interval.
        coverage: share of the cell's track length that was seen, 0 to 1. What the picture does not show is not seen.
        quality: whether the count is of the whole cell (`ok`), of a part (`partial`), or there is none (`rejected`).
        reasons: why the quality is not `ok`, and remarks such as `no-baseline`, each a short, stable word.
        registration: null if there is no baseline, or if none was found.
        tracks: one entry for each track that crosses the tile.
        timings_ms: wall time of each stage, in milliseconds.
        algorithm: name and version of the method and its model, part of every id derived from this count.
        occupied: metres of track under trains, if pixels were too coarse to count (`metres-only`); null otherwise.
    """

    count: float | None = Field(ge=0)
    low: float | None = Field(ge=0)
    high: float | None = Field(ge=0)
    coverage: float = Field(ge=0, le=1)
    quality: Quality
    reasons: tuple[str, ...] = ()
    registration: Registration | None = None
    tracks: tuple[TrackCount, ...] = ()
    timings_ms: dict[str, float] = Field(default_factory=dict)
    algorithm: str
    occupied: Occupied | None = None

    @model_validator(mode="after")
    def _count_and_interval_agree(self) -> "TileCount":
        if (self.count is None) != (self.quality is Quality.REJECTED):
            raise ValueError("`count` must be null exactly where `quality` is `rejected`")
        if self.count is None:
            if self.low is not None or self.high is not None:
                raise ValueError("`low` and `high` must be null where `count` is null")
        elif self.low is None or self.high is None or not self.low <= self.count <= self.high:
            raise ValueError("`low` <= `count` <= `high` must hold")
        elif self.occupied is not None:
            raise ValueError("`occupied` must be null where there is a count")
        return self


class RecallCheck(Frozen):
    """Live recall: known cars were painted into a copy of the tile, and the copy was counted. Real cars play no part.

    Attributes:
        injected: how many cars were painted.
        recovered: how many of them were found within 5 m.
    """

    injected: int = Field(ge=1)
    recovered: int = Field(ge=0)


class BlobRef(Frozen):
    """The address of a blob in the object store, and the checksum that a reader verifies.

    Attributes:
        path: path inside the store, derived from the checksum.
        sha256: checksum of the bytes, lower-case hex.
        size_bytes: length of the blob.
        media_type: IANA media type, such as `image/tiff`.
    """

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)
    media_type: str


class MergedLook(Frozen):
    """A look that went into a composite baseline.

    Attributes:
        scene: the scene it comes from.
        observed_at: when the satellite saw it.
        sha256: checksum of its picture.
        share: share of the ground that comes from it, 0 to 1. Where n looks show the ground, each has an n-th of it.
    """

    scene: str
    observed_at: UtcDatetime
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    share: float = Field(ge=0, le=1)


class BaselineMeasure(Frozen):
    """How good a baseline is for a tile's newest looks. Their product says which of two is better.

    Attributes:
        registered: share of these looks that it can be registered to.
        agreement: how much of the structure of picture and look runs the same way: about 0 by chance, at most 1.
        coverage: share of the cell's track of which it shows the ground.
    """

    registered: float = Field(ge=0, le=1)
    agreement: float = Field(ge=0, le=1)
    coverage: float = Field(ge=0, le=1)


class BaselineRef(Frozen):
    """The baseline that a tile was compared with, and where it comes from.

    Attributes:
        id: derived from the content, equal for equal baselines.
        version: 1 for a tile's first baseline, and one more for each further baseline.
        image: the picture itself.
        observed_at: when the satellite saw it; of a composite, the look that gives its grid and light.
        scene: the scene it comes from; of a composite, that of the same look.
        origin: how it became the baseline: the first good look, an operator's choice, or a composite of good looks.
        sender: name of the token with which it was pushed, if it was pushed and the token has a name.
        looks: what a composite was merged from; empty for a picture as it was delivered.
    """

    id: str
    version: int = Field(ge=1)
    image: BlobRef
    observed_at: UtcDatetime
    scene: str
    origin: str = Field(pattern="^(first-good-look|operator|composite)$")
    sender: str | None = None
    looks: tuple[MergedLook, ...] = ()
