"""The sites of a folder as one value, which is never changed. A site takes few kilobytes until it is asked for.

A site as it is worked with holds tracks, numbers and shapes as Python's objects: some 20 kB. A service asks for few of
its sites at a time. So each is kept packed, and the last ones that were asked for are kept unpacked.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol, Self

import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from railwatch.shared.sites.model import ContextEvent, NewNormal, Site, Track

# Sites that are kept unpacked.
UNPACKED = 1_000
# zlib's fastest level. The best one saves a tenth and takes six times as long.
LEVEL = 1


@dataclass(frozen=True, slots=True)
class PackedSite:
    """A site in little memory.

    Attributes:
        id: its id.
        bounds: of its area: west, south, east, north.
        data: all of it, as JSON packed with zlib. It was checked when it was read from its files.
    """

    id: str
    bounds: tuple[float, float, float, float]
    data: bytes

    @classmethod
    def of(cls, site: Site) -> Self:
        """The site, packed."""
        lons, lats = zip(*site.area, strict=True)
        data = zlib.compress(site.model_dump_json().encode(), LEVEL)
        return cls(site.id, (min(lons), min(lats), max(lons), max(lats)), data)

    def unpacked(self) -> Site:
        """The site."""
        said = json.loads(zlib.decompress(self.data))
        tracks = (
            Track.model_construct(**{**track, "coordinates": tuple(map(tuple, track["coordinates"]))})
            for track in said["tracks"]
        )
        return Site.model_construct(
            **{
                **said,
                "area": tuple(map(tuple, said["area"])),
                "tracks": tuple(tracks),
                "car_lengths_m": tuple(said["car_lengths_m"]),
                "events": tuple(map(ContextEvent.model_validate, said["events"])),
                "new_normal": tuple(map(NewNormal.model_validate, said["new_normal"])),
            }
        )


class PackedSites(Mapping[str, Site]):
    """Sites by id, packed."""

    def __init__(self, sites: Iterable[PackedSite] = ()) -> None:
        self._packed = {site.id: site for site in sites}
        self._unpacked = lru_cache(UNPACKED)(lambda site: self._packed[site].unpacked())

    @classmethod
    def of(cls, *sites: Site) -> Self:
        """Some sites."""
        return cls(map(PackedSite.of, sites))

    def __getitem__(self, site: str) -> Site:
        """The site, unpacked."""
        return self._unpacked(site)

    def __contains__(self, site: object) -> bool:
        """Whether there is such a site. It is not unpacked for that."""
        return site in self._packed

    def __iter__(self) -> Iterator[str]:
        """The ids."""
        return iter(self._packed)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._packed)

    def differences(self, before: Self) -> list[str]:
        """The ids of sites that were packed anew since, that are new, and that are gone."""
        ids = {**before._packed, **self._packed}
        return [site for site in ids if self._packed.get(site) is not before._packed.get(site)]

    def bounds_of(self, site: str) -> tuple[float, float, float, float]:
        """West, south, east and north of a site's area. It is not unpacked for that."""
        return self._packed[site].bounds

    def near(self, ground: BaseGeometry) -> list[str]:
        """The ids of those whose area's bounds touch a shape in longitude and latitude."""
        ids = list(self._packed)
        return [ids[index] for index in self._boxes.query(ground, "intersects")]

    @cached_property
    def _boxes(self) -> STRtree:
        return STRtree([shapely.box(*site.bounds) for site in self._packed.values()])


class Watched(Protocol):
    """Sites that are watched, of one moment or as they are now."""

    @property
    def sites(self) -> Mapping[str, Site]:
        """The sites by id."""

    def touching(self, ground: BaseGeometry) -> list[Site]:
        """The sites whose area touches a shape in longitude and latitude, in the order of their ids."""


@dataclass(frozen=True)
class SiteCatalogue:
    """The sites of a folder.

    Attributes:
        sites: the sites that are watched, by id.
        faults: what is wrong with other files: one sentence for each fault, with file, line and field.
        remarks: what the sites' files hold that is not used: one sentence each.
        retired: the sites that were retired, by id.
    """

    sites: PackedSites
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    retired: PackedSites = field(default_factory=PackedSites)

    def touching(self, ground: BaseGeometry) -> list[Site]:
        """The sites whose area touches a shape in longitude and latitude, in the order of their ids."""
        near = (self.sites[site] for site in sorted(self.sites.near(ground)))
        return [site for site in near if site.polygon.intersects(ground)]
