"""What is asked for: where, when, which sites, in which state; and where to go on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import shapely
from pydantic import TypeAdapter, ValidationError
from shapely import MultiPolygon, box
from shapely.geometry.base import BaseGeometry

from railwatch.services.alerting.archive.store import read_stamp, stamp
from railwatch.shared.counts import UtcDatetime
from railwatch.shared.sites import LiveSites, Site

_INSTANT: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)


class BadQueryError(ValueError):
    """A parameter that cannot be understood; its message says what would be right."""


class NoSuchAlertError(BadQueryError):
    """There is no such alert to go on after."""


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Attributes:
        ground: what rows must touch, longitude and latitude; null for everywhere.
        since: not before this time; null for no limit.
        before: before this time; null for no limit.
        site: of this site; null for all.
        state: in this state; null for any.
    """

    ground: BaseGeometry | None = None
    since: datetime | None = None
    before: datetime | None = None
    site: str | None = None
    state: str | None = None

    def going_on(self, after: "Cursor | None") -> "Query":
        """What is left to ask for of the site of a cursor, from its look on."""
        if after is None or after.observed_at is None:
            return self
        return replace(self, since=max(after.observed_at, self.since or after.observed_at))

    def is_since(self, at: datetime) -> bool:
        """Whether a time is not before those that are asked for."""
        return self.since is None or at >= self.since

    def covers(self, at: datetime | None) -> bool:
        """Whether a time is asked for. What has no time is, if no time is asked for."""
        if at is None:
            return self.since is None and self.before is None
        return self.is_since(at) and (self.before is None or at < self.before)

    def touches(self, geometry: BaseGeometry | None) -> bool:
        """Whether a place is asked for. What has no place is, if no place is asked for."""
        if self.ground is None:
            return True
        return geometry is not None and bool(shapely.intersects(self.ground, geometry))


@dataclass(frozen=True)
class Cursor:
    """The last row before: its site, and its look with the number of the row in it. A site alone means all of it."""

    site: str
    observed_at: datetime | None = None
    scene: str = ""
    number: int = 0

    @property
    def place(self) -> tuple[datetime, str, int]:
        """Where the row is among those of its site."""
        return self.observed_at or datetime.max.replace(tzinfo=UTC), self.scene, self.number

    def leaves(self, site: str) -> bool:
        """Whether rows of a site may come after this one."""
        return site > self.site or (site == self.site and self.observed_at is not None)

    def __str__(self) -> str:
        if self.observed_at is None:
            return self.site
        return f"{self.site}/{stamp(self.observed_at)}/{self.scene}/{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The inverse of `str`.

        Raises:
            BadQueryError: it is none.
        """
        site, _, rest = text.partition("/")
        if not rest:
            return cls(site)
        try:
            at, scene, number = rest.split("/")
            return cls(site, read_stamp(at), scene, int(number))
        except ValueError:
            raise BadQueryError("`after` must be taken from the `next` of a page.") from None


def read_bbox(text: str) -> BaseGeometry:
    """The ground of `west,south,east,north`, WGS 84 degrees; with heights as the third and sixth, which play no part.

    If the west is east of the east, the box crosses the 180th meridian.

    Raises:
        BadQueryError: it is no box.
    """
    wrong = BadQueryError("`bbox` must be west,south,east,north in degrees, such as 130.5,42.3,130.7,42.5.")
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise wrong from None
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise wrong
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise wrong
    if west > east:
        return MultiPolygon([box(west, south, 180, north), box(-180, south, east, north)])
    return box(west, south, east, north)


def read_datetime(text: str) -> tuple[datetime | None, datetime | None]:
    """The beginning and the end of a time or an interval as OGC API has them: both belong to it, `..` is an open end.

    Returns:
        Not before the first, and before the second; null for an open end.

    Raises:
        BadQueryError: it is neither.
    """
    first, slash, last = text.partition("/")
    ends = [first, last if slash else first]
    try:
        since, until = (None if end in ("", "..") and slash else _INSTANT.validate_python(end) for end in ends)
        before = until and until + timedelta.resolution
    except (ValidationError, OverflowError):
        raise BadQueryError(
            "`datetime` must be a time such as 2023-10-05T00:00:00Z, or two with a / between."
        ) from None
    if since is not None and until is not None and since > until:
        raise BadQueryError("`datetime` must not end before it begins.")
    return since, before


def sites_asked_for(sites: Mapping[str, Site], query: Query) -> list[str]:
    """Ids of the sites on the ground of a query, in order."""
    if query.site is not None:
        return [query.site] if query.site in sites and query.touches(sites[query.site].polygon) else []
    if query.ground is None:
        return sorted(sites)
    if isinstance(sites, LiveSites):
        return sorted(site.id for site in sites.touching(query.ground) if query.touches(site.polygon))
    return sorted(site.id for site in sites.values() if query.touches(site.polygon))
