"""A STAC Item of one scene, for tests."""

from collections.abc import Mapping
from typing import Any


def stac_item(href: str = "a.tif", assets: Mapping[str, Any] | None = None, /, **properties: Any) -> dict[str, Any]:
    """The Item `S1` with a GeoTIFF as its asset `visual`.

    Args:
        href: the address of the GeoTIFF.
        assets: other assets, beside it or in its place.
        properties: properties beside the time, or in its place.
    """
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S1",
        "geometry": None,
        "properties": {"datetime": "2023-10-05T02:11:00Z", **properties},
        "links": [],
        "assets": {"visual": {"href": href, "type": "image/tiff; application=geotiff"}, **(assets or {})},
    }
