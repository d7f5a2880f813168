"""Which asset of a STAC Item is the scene, and which ones are its provider's masks."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.masks import CLOUD, DATA, Meaning, meaning_of, meaning_of_classes

if TYPE_CHECKING:
    import pystac

CLOUD_ROLES = frozenset({"cloud", "cloud-shadow"})
MASK_ROLES = CLOUD_ROLES | {"data-mask"}
# Assets that are masks by their names, whatever their roles: Planet's and Maxar's, and the common ones.
MASK_NAME = re.compile(r"((ortho|basic)[_-])?udm2?|clouds?|(cloud|data)[_-]mask([_-]raster)?", re.IGNORECASE)
# The field of STAC's classification extension.
CLASSES = "classification:classes"


def scene_asset(item: "pystac.Item", asset: str | None = None) -> str:
    """The name of the asset that is the scene: the one that is asked for, or the item's only GeoTIFF.

    Raises:
        UnprocessableError: `asset-missing` or `asset-ambiguous`.
    """
    images = [
        name
        for name, found in item.assets.items()
        if _is_geotiff(found) and not _is_mask(name, found) and not {"overview", "thumbnail"} & set(found.roles or ())
    ]
    if asset is not None:
        images = [name for name in item.assets if name == asset]
    if not images:
        wanted = f"`{asset}`" if asset else "a GeoTIFF"
        raise UnprocessableError("asset-missing", f"The item's assets are {names(item.assets)}; it must have {wanted}.")
    if len(images) > 1:
        raise UnprocessableError(
            "asset-ambiguous", f"The item has the GeoTIFFs {names(images)}; name one with the parameter `asset`."
        )
    return images[0]


def mask_assets(item: "pystac.Item", scene: str) -> Iterator[tuple[str, Meaning]]:
    """The assets that are masks of the scene, with what they mean. Only GeoTIFFs are read; see `unread_masks`."""
    for name, found in item.assets.items():
        if name != scene and _is_geotiff(found) and _is_mask(name, found):
            yield name, _meaning(name, found)


def unread_masks(item: "pystac.Item", scene: str) -> Iterator[str]:
    """The assets that are masks of the scene in a form that is not read, such as polygons."""
    for name, found in item.assets.items():
        if name != scene and not _is_geotiff(found) and _is_mask(name, found):
            yield name


def _is_geotiff(asset: "pystac.Asset") -> bool:
    return (asset.media_type or "").startswith("image/tiff") or asset.href.lower().endswith((".tif", ".tiff"))


def _is_mask(name: str, asset: "pystac.Asset") -> bool:
    return bool(MASK_ROLES & set(asset.roles or ())) or MASK_NAME.fullmatch(name) is not None


def _meaning(name: str, asset: "pystac.Asset") -> Meaning:
    """By the classes that the asset lists, by its name, or by its roles."""
    bands = asset.extra_fields.get("raster:bands") or asset.extra_fields.get("bands")
    band = bands[0] if isinstance(bands, list) and bands and isinstance(bands[0], dict) else {}
    classes = meaning_of_classes(asset.extra_fields.get(CLASSES) or band.get(CLASSES))
    if classes is not None:
        return classes
    by_name = meaning_of(name)
    return CLOUD if by_name == DATA and CLOUD_ROLES & set(asset.roles or ()) else by_name


def names(of: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"`{name}`" for name in of) or "none"
