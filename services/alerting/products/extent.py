"""Where and when the rows of products are: what OGC API - Features calls the extent of a collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from railwatch.services.alerting.products.catalogue import SITES_AT_ONCE, Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.formats import DEGREES_DIGITS
from railwatch.shared.access import Holder
from railwatch.shared.sites import LiveSites, PackedSites, Site

# A site's cells are the box around its area in UTM. North of UTM and of the globe differ by 6 degrees at most, so cars
# stand outside the box in degrees by no more than this share of its other side.
TURNED = float(np.tan(np.radians(6.5)))
_MOST = np.array([180.0, 90.0, 180.0, 90.0])


@dataclass(frozen=True)
class Extent:
    """Where and when the rows of a product are. It may be larger than they need, never smaller.

    Attributes:
        bounds: west, south, east and north, WGS 84 degrees; null if there are none.
        first: the first time; null if it is not known.
        last: the last time; null if there is none.
    """

    bounds: tuple[float, float, float, float] | None
    first: datetime | None
    last: datetime | None


class Extents:
    """The extents of all products at one moment, as far as a reader may see.

    Args:
        products: where the rows come from.
        by: the reader.
    """

    def __init__(self, products: Products, by: Holder) -> None:
        self._products, self._by = products, by
        sites = products.sites
        self._sites = sites.sites if isinstance(sites, LiveSites) else sites

    def of(self, product: Product) -> Extent:
        """The extent of a product.

        Raises:
            TransientError: Redis or the object store does not answer.
        """
        if product is Product.SITES:
            return Extent(self._bounds(self._reached), min(self._seen.values(), default=None), self._last)
        if product is Product.ALERTS:
            return Extent(self._bounds(self._seen), *self._products.store.alerts_opened(self._only))
        return Extent(self._bounds(self._seen, turned=product is Product.CARS), self._first, self._last)

    @cached_property
    def _reached(self) -> list[str]:
        return [site for site in self._sites if self._by.reaches(site)]

    @property
    def _only(self) -> list[str] | None:
        return None if self._by.sites is None else sorted(self._by.sites)

    @cached_property
    def _seen(self) -> dict[str, datetime]:
        """When each site was last seen."""
        statuses = self._products.store.statuses()
        return {site: statuses[site].last_look_at for site in self._reached if site in statuses}

    @property
    def _last(self) -> datetime | None:
        return max(self._seen.values(), default=None)

    @cached_property
    def _first(self) -> datetime | None:
        """The first look; null if a request would have to look through too many sites for it."""
        if len(self._seen) > SITES_AT_ONCE:
            return None
        firsts = self._products.archive.first_times(list(self._seen))
        return min(firsts.values()) if firsts and len(firsts) == len(self._seen) else None

    def _bounds(
        self, ids: list[str] | Mapping[str, datetime], *, turned: bool = False
    ) -> tuple[float, float, float, float] | None:
        if not ids:
            return None
        west, south, east, north = np.array([_bounds_of(self._sites, site) for site in ids]).T
        if turned:
            narrow = np.cos(np.radians(np.maximum(abs(south), abs(north))))
            across, along = (north - south) / narrow * TURNED, (east - west) * narrow * TURNED
            west, south, east, north = west - across, south - along, east + across, north + along
        ends = np.clip([west.min(), south.min(), east.max(), north.max()], -_MOST, _MOST)
        left, bottom, right, top = (round(float(end), DEGREES_DIGITS + 1) for end in ends)
        return left, bottom, right, top


def _bounds_of(sites: Mapping[str, Site], site: str) -> tuple[float, float, float, float]:
    if isinstance(sites, PackedSites):
        return sites.bounds_of(site)
    west, south, east, north = sites[site].polygon.bounds
    return west, south, east, north
