"""What a sender says about a scene: a short JSON object of our own form, or a STAC Item."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from railwatch.services.ingest.scenes.items import scene_asset
from railwatch.services.ingest.scenes.scaling import Scaling, scaling_of_asset
from railwatch.services.ingest.scenes.sensor import read_sensor
from railwatch.services.ingest.scenes.sun import Angle, read_sun
from railwatch.services.ingest.scenes.times import middle, moment
from railwatch.shared.counts import Frozen, Sun
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Slug, TileRole
from railwatch.shared.text import plain, said

if TYPE_CHECKING:
    import pystac

ModelT = TypeVar("ModelT", bound=BaseModel)

# Longest document. An item of a large provider has some 30 KiB.
MAX_DOCUMENT_BYTES = 1024**2
# Levels of lists and objects. An item with a multipolygon has eight. Python itself gives up at some thousand.
DEEPEST = 64
# Characters of a remark. It may quote what the sender wrote.
MAX_REMARK = 300


class SceneMetadata(Frozen):
    """One acquisition, as its sender describes it.

    Attributes:
        scene: id of the scene; null if the sender gave none, and then it is derived from the file.
        observed_at: when the satellite saw it, in UTC.
        role: an observation to count, or a baseline given by an operator.
        sun: where the sun stood.
        sensor: which sensor took it, in lower case; null if the sender does not say.
        scaling: what the pixels mean, if a STAC Item says so.
        remarks: what was read in a way that the sender should know, each a sentence. They are no part of what the scene
            is.
    """

    scene: Slug | None
    observed_at: datetime
    role: TileRole
    sun: Sun | None
    sensor: str | None = None
    scaling: Scaling | None = None
    remarks: tuple[str, ...] = Field(default=(), exclude=True)


class DescribedItem(NamedTuple):
    """A STAC Item, and the metadata in it."""

    metadata: SceneMetadata
    item: "pystac.Item"


class _Sidecar(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    observed_at: str | None = None
    scene: Slug | None = None
    role: TileRole = TileRole.OBSERVATION
    sun: Any = None
    sensor: Any = None


class _Properties(BaseModel):
    datetime: str | None = None
    start: Any = Field(default=None, alias="start_datetime")
    end: Any = Field(default=None, alias="end_datetime")
    role: TileRole = Field(default=TileRole.OBSERVATION, alias="railwatch:role")
    azimuth: Any = Field(default=None, alias="view:sun_azimuth")
    elevation: Any = Field(default=None, alias="view:sun_elevation")
    platform: Any = None
    constellation: Any = None


class _Item(BaseModel):
    id: str = Field(min_length=1)
    properties: _Properties
    assets: dict[str, Any]


class _Asset(BaseModel):
    href: str = Field(min_length=1)
    type: str | None = None
    roles: list[str] | None = None


def parse_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object of at most `MAX_DOCUMENT_BYTES`.

    Raises:
        UnprocessableError: `metadata-invalid`.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise UnprocessableError("metadata-invalid", f"The metadata is longer than {MAX_DOCUMENT_BYTES} bytes.")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnprocessableError("metadata-invalid", "The metadata is not JSON; it must be one JSON object.") from None
    if not isinstance(document, dict):
        raise UnprocessableError("metadata-invalid", "The metadata must be one JSON object.")
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        children = (child for parent in level for child in (parent.values() if isinstance(parent, dict) else parent))
        level = [child for child in children if isinstance(child, dict | list)]
    if level:
        raise UnprocessableError("metadata-invalid", f"The metadata is nested deeper than {DEEPEST} levels.")
    return document


def is_stac_item(document: Mapping[str, Any]) -> bool:
    """Whether a document is a STAC Item and not of our own short form."""
    return document.get("type") == "Feature"


def read_metadata(document: dict[str, Any], now: datetime, asset: str | None = None) -> SceneMetadata:
    """The metadata in a STAC Item, or in our own short form `{"observed_at", "scene"?, "role"?, "sun"?, "sensor"?}`.

    Args:
        document: one of both.
        now: the present.
        asset: name of the asset that the scene is, where an item has several GeoTIFFs.

    Raises:
        UnprocessableError: `metadata-invalid`, `stac-item-invalid`, or one of the `timestamp-*` reasons.
    """
    if is_stac_item(document):
        return scaled(read_item(document, now), document, asset)
    form = _checked(_Sidecar, document, "metadata-invalid")
    given = form.sun if isinstance(form.sun, dict) else {"azimuth_deg": form.sun, "elevation_deg": form.sun}
    sun, remarks = read_sun(*(Angle(f"sun.{name}", given.get(name)) for name in ("azimuth_deg", "elevation_deg")))
    sensor, about_sensor = read_sensor([("sensor", form.sensor)])
    return SceneMetadata(
        scene=form.scene,
        observed_at=moment(form.observed_at, "observed_at", now),
        role=form.role,
        sun=sun,
        sensor=sensor,
        remarks=(*remarks, *about_sensor),
    )


def read_item(document: Any, now: datetime) -> DescribedItem:
    """A STAC Item and the metadata in it. Assets that are malformed are left out.

    Raises:
        UnprocessableError: `stac-item-invalid`, or one of the `timestamp-*` reasons.
    """
    form = _checked(_Item, document, "stac-item-invalid")
    observed_at, remarks = _observed_at(form.properties, now)
    sun, about_sun = read_sun(
        Angle("view:sun_azimuth", form.properties.azimuth), Angle("view:sun_elevation", form.properties.elevation)
    )
    sensor, about_sensor = read_sensor(
        (field, getattr(form.properties, field)) for field in ("platform", "constellation")
    )
    assets = {name: asset for name, asset in form.assets.items() if _is_asset(asset)}
    left_out = [f"`{name}`" for name in form.assets if name not in assets]
    about_assets = (f"The assets {', '.join(left_out)} are malformed; they are not used.",) if left_out else ()
    metadata = SceneMetadata(
        scene=slug(form.id),
        observed_at=observed_at,
        role=form.properties.role,
        sun=sun,
        sensor=sensor,
        remarks=tuple(plain(remark, MAX_REMARK) for remark in (*remarks, *about_sun, *about_sensor, *about_assets)),
    )
    import pystac  # an item's sender waits for it once, and the service starts sooner

    try:
        return DescribedItem(metadata, pystac.Item.from_dict({**document, "assets": assets}))
    except Exception as error:  # pystac lets every error through that a malformed document provokes
        problem = (
            f"The document is not a STAC Item ({type(error).__name__}); it must follow the specification of STAC 1.x."
        )
        raise UnprocessableError("stac-item-invalid", problem) from None


def scaled(described: DescribedItem, document: dict[str, Any], asset: str | None) -> SceneMetadata:
    """The metadata of an item, with the scaling of the asset that is the scene. Without such an asset there is none."""
    metadata, item = described
    try:
        scaling, remarks = scaling_of_asset(document["assets"][scene_asset(item, asset)])
    except UnprocessableError:
        return metadata
    return metadata.model_copy(update={"scaling": scaling, "remarks": (*metadata.remarks, *remarks)})


def slug(name: str) -> str:
    """A name in the form that events allow. If it has to be changed, a digest of the original keeps it distinct."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        return name
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept or 'scene'}-{digest}"


def _observed_at(properties: _Properties, now: datetime) -> tuple[datetime, tuple[str, ...]]:
    """See `SceneMetadata.observed_at`, and a remark if the item gives no moment but a start and an end."""
    if properties.datetime is not None or properties.start is None or properties.end is None:
        return moment(properties.datetime, "properties.datetime", now), ()
    observed_at, remark = middle(properties.start, properties.end, now)
    return observed_at, (remark,)


def _is_asset(asset: object) -> bool:
    try:
        _Asset.model_validate(asset)
    except ValidationError:
        return False
    return True


def _checked(model: type[ModelT], data: object, reason: str) -> ModelT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault["loc"], said(fault["msg"])) for fault in error.errors())
        raise UnprocessableError(reason, f"The metadata is wrong: {faults}.") from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in location) or "metadata"
    return f"`{field}`: {message[0].lower()}{message[1:]}"
