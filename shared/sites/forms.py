"""The forms of a site's files: its YAML, and the GeoJSON of its tracks and its area."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from railwatch.shared.counts import UtcDatetime
from railwatch.shared.events import Slug
from railwatch.shared.sites.model import CAR_LENGTHS_M, TILE_SIZE_M, LonLat, Position

CarLength = Annotated[float, Field(ge=4, le=60)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _first_moment(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    return value


class _Event(_Form):
    title: str = Field(min_length=1)
    at: Annotated[UtcDatetime, BeforeValidator(_first_moment)]


class _NewNormal(_Form):
    at: Annotated[UtcDatetime, BeforeValidator(_first_moment)]
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class SiteFile(_Form):
    """A site's YAML. `tracks` and `area` are the names of files beside it."""

    id: Slug
    name: str = Field(min_length=1)
    tracks: str = Field(min_length=1)
    area: str | None = Field(default=None, min_length=1)
    count_main: bool = True
    car_lengths_m: tuple[CarLength, CarLength] = CAR_LENGTHS_M
    events: tuple[_Event, ...] = ()
    tile_size_m: float = Field(default=TILE_SIZE_M, ge=200, le=5000)
    new_normal: tuple[_NewNormal, ...] = ()
    retired: Annotated[UtcDatetime | None, BeforeValidator(_first_moment)] = None


class _GeoJson(BaseModel):
    """GeoJSON allows foreign members everywhere. Only a `crs` that is not WGS 84 is refused."""

    @model_validator(mode="before")
    @classmethod
    def _is_wgs84(cls, value: Any) -> Any:
        named = value.get("crs") if isinstance(value, dict) else None
        if named is not None and not any(name in str(named) for name in ("CRS84", "4326")):
            raise ValueError("`crs` must be left out: GeoJSON coordinates are WGS 84 longitude and latitude")
        return value


class _Line(_GeoJson):
    type: Literal["LineString"]
    coordinates: tuple[Position, ...]

    @property
    def parts(self) -> tuple[tuple[LonLat, ...], ...]:
        return (self.coordinates,)


class _Lines(_GeoJson):
    type: Literal["MultiLineString"]
    coordinates: tuple[tuple[Position, ...], ...]

    @property
    def parts(self) -> tuple[tuple[LonLat, ...], ...]:
        return self.coordinates


class _Ring(_GeoJson):
    type: Literal["Polygon"]
    coordinates: tuple[tuple[Position, ...]]


class _TrackProperties(_GeoJson):
    """Beside these, a line from OpenStreetMap has its tags."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="allow")
    track: str | None = Field(default=None, min_length=1)
    main: bool = False
    proposed: bool = False


class TrackFeature(_GeoJson):
    """A centreline."""

    type: Literal["Feature"]
    id: str | int | float | None = None
    properties: Annotated[_TrackProperties, BeforeValidator(lambda given: {} if given is None else given)]
    geometry: Annotated[_Line | _Lines, Field(discriminator="type")]


class OtherFeature(_GeoJson):
    """A point, a platform or another thing beside the tracks, as exports have them."""

    type: Literal["Feature"]
    geometry: Any = None

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.geometry["type"]) if isinstance(self.geometry, dict) and "type" in self.geometry else "nothing"


def _kind_of_feature(feature: Any) -> str:
    """A feature is a centreline if it is a line, or if it has a track's name."""
    match feature:
        case {"geometry": {"type": "LineString" | "MultiLineString"}} | {"properties": {"track": _}}:
            return "centreline"
        case {"type": "Feature"}:
            return "other"
    return "centreline"


class TrackFile(_GeoJson):
    """A FeatureCollection of centrelines. Other features in it are no tracks."""

    type: Literal["FeatureCollection"]
    features: tuple[
        Annotated[
            Annotated[TrackFeature, Tag("centreline")] | Annotated[OtherFeature, Tag("other")],
            Discriminator(_kind_of_feature),
        ],
        ...,
    ]


class _AreaFeature(_GeoJson):
    type: Literal["Feature"]
    geometry: _Ring


class AreaFile(_GeoJson):
    """A FeatureCollection of one polygon without holes."""

    type: Literal["FeatureCollection"]
    features: tuple[_AreaFeature, ...]
