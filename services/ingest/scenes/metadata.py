"""What a sender says about a scene: a short JSON object of our own form, or a STAC Item."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import pystac
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from railwatch.shared.counts import Frozen, Sun
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Slug, TileRole

ModelT = TypeVar("ModelT", bound=BaseModel)

# Sputnik 1: nothing was seen from orbit before.
FIRST_SATELLITE = datetime(1957, 10, 4, tzinfo=UTC)
# A sender's clock may be fast by this much.
CLOCK_TOLERANCE = timedelta(minutes=5)


class SceneMetadata(Frozen):
    """One acquisition, as its sender describes it.

    Attributes:
        scene: id of the scene; null if the sender gave none, and then it is derived from the file.
        observed_at: when the satellite saw it, in UTC.
        role: an observation to count, or a baseline given by an operator.
        sun: where the sun stood.
    """

    scene: Slug | None
    observed_at: datetime
    role: TileRole
    sun: Sun | None


class DescribedItem(NamedTuple):
    """A STAC Item, and the metadata in it."""

    metadata: SceneMetadata
    item: pystac.Item


class _Sidecar(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    observed_at: str | None = None
    scene: Slug | None = None
    role: TileRole = TileRole.OBSERVATION
    sun: Sun | None = None


class _Properties(BaseModel):
    datetime: str | None = None
    role: TileRole = Field(default=TileRole.OBSERVATION, alias="railwatch:role")
    azimuth_deg: float | None = Field(default=None, alias="view:sun_azimuth", ge=0, le=360)
    elevation_deg: float | None = Field(default=None, alias="view:sun_elevation", ge=-90, le=90)


class _Item(BaseModel):
    id: str = Field(min_length=1)
    properties: _Properties


def parse_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UnprocessableError: `metadata-invalid`.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnprocessableError("metadata-invalid", "The metadata is not JSON; it must be one JSON object.") from None
    if not isinstance(document, dict):
        raise UnprocessableError("metadata-invalid", "The metadata must be one JSON object.")
    return document


def is_stac_item(document: Mapping[str, Any]) -> bool:
    """Whether a document is a STAC Item and not of our own short form."""
    return document.get("type") == "Feature"


def read_metadata(document: dict[str, Any], now: datetime) -> SceneMetadata:
    """The metadata in a STAC Item, or in our own short form `{"observed_at", "scene"?, "role"?, "sun"?}`.

    Raises:
        UnprocessableError: `metadata-invalid`, `stac-item-invalid`, or one of the `timestamp-*` reasons.
    """
    if is_stac_item(document):
        return read_item(document, now).metadata
    form = _checked(_Sidecar, document, "metadata-invalid")
    return SceneMetadata(
        scene=form.scene, observed_at=_moment(form.observed_at, "observed_at", now), role=form.role, sun=form.sun
    )


def read_item(document: dict[str, Any], now: datetime) -> DescribedItem:
    """A STAC Item and the metadata in it.

    Raises:
        UnprocessableError: `stac-item-invalid`, or one of the `timestamp-*` reasons.
    """
    form = _checked(_Item, document, "stac-item-invalid")
    view = form.properties
    observed_at = _moment(view.datetime, "properties.datetime", now)
    sun = None
    if view.azimuth_deg is not None and view.elevation_deg is not None:
        sun = Sun(azimuth_deg=view.azimuth_deg, elevation_deg=view.elevation_deg)
    metadata = SceneMetadata(scene=slug(form.id), observed_at=observed_at, role=view.role, sun=sun)
    try:
        return DescribedItem(metadata, pystac.Item.from_dict(document))
    except Exception as error:  # pystac lets every error through that a malformed document provokes
        problem = (
            f"The document is not a STAC Item ({type(error).__name__}); it must follow the specification of STAC 1.x."
        )
        raise UnprocessableError("stac-item-invalid", problem) from None


def slug(name: str) -> str:
    """A name in the form that events allow. If it has to be changed, a digest of the original keeps it distinct."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        return name
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
    return f"{kept or 'scene'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _moment(text: str | None, field: str, now: datetime) -> datetime:
    if text is None:
        raise UnprocessableError(
            "timestamp-missing", f"`{field}` must say when the scene was acquired, such as 2023-10-05T02:11:00Z."
        )
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnprocessableError(
            "timestamp-invalid", f"`{field}` must be an ISO 8601 time, such as 2023-10-05T02:11:00Z."
        ) from None
    if moment.tzinfo is None:
        raise UnprocessableError(
            "timestamp-without-zone", f"`{field}` must say its time zone, such as 2023-10-05T02:11:00Z for UTC."
        )
    if moment > now + CLOCK_TOLERANCE:
        raise UnprocessableError("timestamp-in-future", f"`{field}` lies in the future; it must be in the past.")
    if moment < FIRST_SATELLITE:
        raise UnprocessableError("timestamp-too-early", f"`{field}` lies before the first satellite, in October 1957.")
    return moment.astimezone(UTC)


def _checked(model: type[ModelT], data: object, reason: str) -> ModelT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault["loc"], fault["msg"]) for fault in error.errors())
        raise UnprocessableError(reason, f"The metadata is wrong: {faults}.") from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in location) or "metadata"
    return f"`{field}`: {message[0].lower()}{message[1:]}"
