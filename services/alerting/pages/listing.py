"""All sites as the overview lists them: where they are, how they stand, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from railwatch.services.alerting.pages.parts import found
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.events import MissedLookEvent
from railwatch.shared.sites import LiveSites, PackedSites, Site

# The columns of a listed site, as the overview's script reads them.
COLUMNS = (
    "id",
    "name",
    "lon",
    "lat",
    "state",
    "found",
    "fewest",
    "threshold",
    "judged_at",
    "last_look_at",
    "alert",
    "overdue",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A site's name, and the middle of its area in longitude and latitude."""

    id: str
    name: str
    lon: float
    lat: float

    @classmethod
    def of(cls, site: Site) -> "Place":
        """The place of a site."""
        lons, lats = zip(*site.area, strict=True)
        return cls(site.id, site.name, (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2)


class Places:
    """The places of all sites. Sites are unpacked for it when they are new or have changed."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._sites = sites
        self._turn = Lock()
        self._packed: PackedSites | None = None
        self._places: dict[str, Place] = {}

    def all(self) -> Mapping[str, Place]:
        """The places by site."""
        now = self._sites.sites if isinstance(self._sites, LiveSites) else self._sites
        if not isinstance(now, PackedSites):
            return {site.id: Place.of(site) for site in now.values()}
        with self._turn:
            if now is not self._packed:
                changed = now.differences(self._packed or PackedSites())
                kept = {site: place for site, place in self._places.items() if site in now}
                self._places = {**kept, **{site: Place.of(now[site]) for site in changed if site in now}}
                self._packed = now
            return self._places


def worst_first(places: Iterable[Place], statuses: Mapping[str, SiteStatus]) -> list[Place]:
    """Places in the order of the overview: those with an alert first, then by name."""

    def order(place: Place) -> tuple[bool, str]:
        status = statuses.get(place.id)
        return status is None or status.alert is None, place.name

    return sorted(places, key=order)


def listed(
    places: Iterable[Place], statuses: Mapping[str, SiteStatus], missed: Mapping[str, Sequence[MissedLookEvent]]
) -> list[list[Any]]:
    """A row of `COLUMNS` for each place. Times are seconds since 1970."""
    return [_row(place, statuses.get(place.id), missed.get(place.id, ())) for place in places]


def _row(place: Place, status: SiteStatus | None, missed: Sequence[MissedLookEvent]) -> list[Any]:
    where = [place.id, place.name, round(place.lon, 5), round(place.lat, 5)]
    overdue = [event.miss.value for event in missed]
    if status is None:
        return [*where, "never", None, None, None, None, None, None, overdue]
    look = status.judged
    fewest = None if look is None else look.count if look.occupied is None else look.occupied.cars_low
    return [
        *where,
        status.state.value,
        found(look) if look else None,
        fewest,
        look.threshold if look else None,
        round(look.observed_at.timestamp()) if look else None,
        round(status.last_look_at.timestamp()),
        status.alert,
        overdue,
    ]
