"""Ways of OpenStreetMap: read from XML, PBF and Overpass JSON, and what their tags say of a track.

The tags are described at https://wiki.openstreetmap.org/wiki/OpenRailwayMap/Tagging.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites.document import Document
from railwatch.shared.sites.model import LonLat

# What osmium reads, by the end of the file's name.
SUFFIXES = (".osm", ".pbf")
# `usage` of the lines on which trains run through. Sidings, yards and spurs have a `service` instead.
MAIN_USAGES = frozenset({"main", "branch"})

# The column into which GDAL puts what has no column of its own: `"service"=>"yard","gauge"=>"1520"`.
_OTHER_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')

Tags = Mapping[str, str]


@dataclass(frozen=True)
class Way:
    """A line of OpenStreetMap.

    Attributes:
        id: its number, as text.
        parts: longitude and latitude of its vertices. Where an extract has left out some, the way has several parts.
        tags: its tags.
    """

    id: str
    parts: tuple[tuple[LonLat, ...], ...]
    tags: Tags


def is_rail(tags: Tags) -> bool:
    """Whether the tags do not speak against a track in use on which railcars can stand."""
    return tags.get("railway", "rail") == "rail"


def is_main(tags: Tags) -> bool:
    """Whether the tags say that trains pass on it and do not stand: a main line, or a link between two."""
    service = tags.get("service")
    return service == "crossover" or (service is None and tags.get("usage") in MAIN_USAGES)


def name_of(tags: Tags) -> str | None:
    """The track's number, or else the line's name, if the tags have one."""
    return tags.get("railway:track_ref") or tags.get("name") or None


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The tags in a GeoJSON feature's properties, as Overpass turbo, QGIS, GDAL and Geofabrik write them."""
    nested = properties.get("tags")
    others = properties.get("other_tags")
    found = {
        **properties,
        **(nested if isinstance(nested, dict) else {}),
        **(dict(_OTHER_TAG.findall(others)) if isinstance(others, str) else {}),
    }
    if "railway" not in found and "fclass" in found:
        found["railway"] = found["fclass"]
    return {name: str(value) for name, value in found.items() if isinstance(value, str | int | float)}


def read_ways(path: Path) -> Iterator[Way]:
    """The ways with the tag `railway` in an XML or PBF file of OpenStreetMap.

    Raises:
        ConfigurationError: the file cannot be read, or is damaged.
    """
    import osmium  # a service whose sites are GeoJSON does without it

    if not path.is_file():
        raise ConfigurationError(f"{path}:1: cannot be read: {'not a file' if path.exists() else 'No such file'}")
    try:
        objects = osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.KeyFilter("railway"))
        for found in objects:
            if isinstance(found, osmium.osm.Way):
                positions = [(node.lon, node.lat) if node.location.valid() else None for node in found.nodes]
                yield Way(str(found.id), _parts(positions), {tag.k: tag.v for tag in found.tags})
    except (RuntimeError, OSError) as error:
        raise ConfigurationError(f"{path}:1: cannot be read as OpenStreetMap data: {error}") from None


class _Place(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class _Element(_Place):
    """A node, a way or a relation. Each has other members."""

    lat: float = Field(default=0, ge=-90, le=90)
    lon: float = Field(default=0, ge=-180, le=180)
    type: str
    id: int
    tags: dict[str, str] = {}
    nodes: tuple[int, ...] = ()
    geometry: tuple[_Place | None, ...] = ()


class _Answer(BaseModel):
    """What an Overpass API answers, or JSON of the OpenStreetMap API."""

    elements: tuple[_Element, ...]
    remark: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "_Answer":
        if self.remark and "error" in self.remark:
            raise ValueError(f"the Overpass API stopped before the end: {self.remark}")
        return self


def overpass_ways(document: Document) -> Iterator[Way]:
    """The ways with the tag `railway` in Overpass JSON, with their own geometry or with nodes beside them.

    Raises:
        ConfigurationError: one line for each fault, with file, line and field.
    """
    elements = document.validate(_Answer).elements
    places = {element.id: (element.lon, element.lat) for element in elements if element.type == "node"}
    for element in elements:
        if element.type == "way" and "railway" in element.tags:
            drawn = [(place.lon, place.lat) if place else None for place in element.geometry]
            yield Way(str(element.id), _parts(drawn or [places.get(node) for node in element.nodes]), element.tags)


def _parts(positions: list[LonLat | None]) -> tuple[tuple[LonLat, ...], ...]:
    """The runs of known positions, without repetitions, that have a length."""
    runs = (tuple(run) for known, run in groupby(positions, key=lambda position: position is not None) if known)
    single = (tuple(position for position, _ in groupby(run) if position is not None) for run in runs)
    return tuple(run for run in single if len(run) > 1)
