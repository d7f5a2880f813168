"""Which asset of a STAC Item is the scene."""

from collections.abc import Iterable

import pystac

from railwatch.shared.errors import UnprocessableError


def scene_asset(item: pystac.Item, asset: str | None = None) -> str:
    """The name of the asset that is the scene: the one that is asked for, or the item's only GeoTIFF.

    Raises:
        UnprocessableError: `asset-missing` or `asset-ambiguous`.
    """
    geotiffs = {
        name: found
        for name, found in item.assets.items()
        if (found.media_type or "").startswith("image/tiff") or found.href.lower().endswith((".tif", ".tiff"))
    }
    images = [name for name, found in geotiffs.items() if not {"overview", "thumbnail"} & set(found.roles or ())]
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


def names(of: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"`{name}`" for name in of) or "none"
