"""One look as a STAC Item (1.1), with the extensions projection, view and classification."""

from pathlib import PurePosixPath
from typing import Any

import pystac
import shapely
from pystac.extensions.classification import Classification, ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.view import ViewExtension
from shapely.geometry.base import BaseGeometry

from railwatch.services.alerting.products.columns import COLUMNS, Product
from railwatch.services.alerting.products.formats import as_json, feature, properties
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.products.rows import Row
from railwatch.shared.counts import BlobRef, CarKind
from railwatch.shared.sites import Cell
from railwatch.shared.sun import sun_position

# Before the names of our own properties.
PREFIX = "railwatch:"
CARS = "cars.geojson"
# Numbers of the kinds of cars, for the extension classification; 0 where no kind is likelier than all others together.
KIND_VALUES = {kind.value: number for number, kind in enumerate(CarKind, start=1)}
# Properties that a STAC Item has under other names, or in its links and assets.
LEFT_OUT = frozenset({"id", "observed_at", "last_frame_at", "page_url"})
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def item_of(look: SiteLook, row: Row) -> pystac.Item:
    """The item of a look without its assets and links.

    Args:
        look: the look.
        row: its row.
    """
    cells = _cells(look)
    ground = shapely.union_all([cell.polygon for cell in cells]) if cells else look.site.polygon
    first, last = look.seen.observed_at, look.seen.last_frame_at
    item = pystac.Item(
        id=look.seen.scene,
        geometry=_mapping(ground),
        bbox=_rounded(ground.bounds),
        datetime=first,
        start_datetime=first if last else None,
        end_datetime=last,
        collection=look.site.id,
        properties={},
    )
    known = properties(Product.LOOKS, row)
    item.properties |= {
        f"{PREFIX}{column.name}": known[column.name] for column in COLUMNS[Product.LOOKS] if column.name not in LEFT_OUT
    }
    if cells:
        lefts, bottoms, rights, tops = zip(*(cell.bounds_m for cell in cells), strict=True)
        bounds = [round(bound, 3) for bound in (min(lefts), min(bottoms), max(rights), max(tops))]
        ProjectionExtension.ext(item, add_if_missing=True).apply(code=cells[0].crs, bbox=bounds)
    sun = sun_position(first, ground.centroid.x, ground.centroid.y)
    view = ViewExtension.ext(item, add_if_missing=True)
    view.apply(sun_azimuth=round(sun.azimuth_deg, 2), sun_elevation=round(sun.elevation_deg, 2))
    return item


def add_cars(item: pystac.Item, rows: list[Row]) -> bytes:
    """Add the asset of the detections, and return its GeoJSON."""
    asset = pystac.Asset(
        href=f"./{CARS}", title="Railcars that were counted", media_type="application/geo+json", roles=["data"]
    )
    item.add_asset("cars", asset)
    ClassificationExtension.ext(asset, add_if_missing=True).apply(classes=kind_classes())
    features = [feature(Product.CARS, row) for row in rows]
    for one in features:
        one["properties"]["class"] = KIND_VALUES.get(one["properties"]["kind"], 0)
    return as_json({"type": "FeatureCollection", "features": features})


def add_picture(item: pystac.Item, name: str, picture: BlobRef) -> PurePosixPath:
    """Add the asset of a picture, and return its path beside the item."""
    path = PurePosixPath(f"{name}.{_ENDINGS.get(picture.media_type, 'bin')}")
    roles = ["overview"] if name.endswith("cars") else ["visual"]
    item.add_asset(name, pystac.Asset(href=f"./{path}", media_type=picture.media_type, roles=roles))
    return path


def kind_classes() -> list[Classification]:
    """What the property `class` of a detection says."""
    unclear = Classification.create(value=0, name="unclear", description="No kind is likelier than all others together")
    return [unclear, *(Classification.create(value=number, name=kind) for kind, number in KIND_VALUES.items())]


def _cells(look: SiteLook) -> list[Cell]:
    """The cells that the look covers, as far as the site still has them."""
    covered = {tile for event in look.events for tile in event.tiles_in_scene}
    return [cell for cell in look.site.cells() if cell.id in covered]


def _mapping(ground: BaseGeometry) -> dict[str, Any]:
    mapping: dict[str, Any] = shapely.geometry.mapping(shapely.transform(ground, lambda points: points.round(7)))
    return mapping


def _rounded(bounds: tuple[float, float, float, float]) -> list[float]:
    return [round(bound, 7) for bound in bounds]
