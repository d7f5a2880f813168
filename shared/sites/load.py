"""Reads sites from files. A fault names its file, line and field. A broken site never stops the others."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from shapely import GeometryCollection, LineString, MultiLineString, Polygon, STRtree
from shapely.geometry.base import BaseGeometry

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.geography import GEOD, shape_from_lon_lat, shape_to_lon_lat
from railwatch.shared.sites.document import Document, Location, read_json, read_yaml
from railwatch.shared.sites.forms import AreaFile, SiteFile, TrackFile
from railwatch.shared.sites.model import (
    CORRIDOR_M,
    ContextEvent,
    LonLat,
    NewNormal,
    Site,
    Track,
    grid_crs,
)

# The longest yard in the world, Bailey Yard, is 13 km long. Beyond 50 km a coordinate is wrong.
MAX_EXTENT_KM = 50.0
# About 0.2 m: a hand-drawn or rounded line may cross itself by so much without being meant to.
DRAWING_NOISE_DEG = 2e-6

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SiteCatalogue:
    """The sites of a directory.

    Attributes:
        sites: the sites without a fault, by id.
        faults: what is wrong with the others: one sentence for each fault, with file, line and field.
    """

    sites: dict[str, Site]
    faults: tuple[str, ...] = ()

    def touching(self, ground: BaseGeometry) -> list[Site]:
        """The sites whose area touches a shape in longitude and latitude, in the order of their ids."""
        return sorted((self._listed[index] for index in self._index.query(ground, "intersects")), key=lambda s: s.id)

    @cached_property
    def _listed(self) -> list[Site]:
        return list(self.sites.values())

    @cached_property
    def _index(self) -> STRtree:
        return STRtree([site.polygon for site in self._listed])


def known_sites(directory: Path) -> SiteCatalogue:
    """The sites that a service works with. Faults in site files go to its log.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"RAILWATCH_SITES_DIR is wrong: {directory} is not a directory.")
    catalogue = load_sites(directory)
    for fault in catalogue.faults:
        log.error("a site file is wrong", fault=fault)
    return catalogue


def load_sites(directory: Path) -> SiteCatalogue:
    """Reads every `*.yaml` and `*.yml` file of a directory as a site.

    Raises:
        ConfigurationError: the directory does not exist.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory; it must hold one YAML file per site.")
    sites: dict[str, Site] = {}
    faults: list[str] = []
    origin: dict[str, Path] = {}
    for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")]):
        try:
            document = read_yaml(path)
            site = _site(document)
        except ConfigurationError as error:
            faults.extend(str(error).splitlines())
            continue
        except Exception as error:  # a fault of ours, or of a library, must not cost the other sites
            log.exception("a site file cannot be used", file=path.name)
            faults.append(f"{path}:1: cannot be used: {type(error).__name__}: {error}")
            continue
        if site.id in sites:
            faults.append(document.fault(("id",), f"`{site.id}` is already the id of {origin[site.id].name}"))
            continue
        sites[site.id], origin[site.id] = site, path
    return SiteCatalogue(sites, tuple(faults))


def load_tracks(path: Path) -> tuple[Track, ...]:
    """Reads centrelines from a GeoJSON FeatureCollection of lines with a property `track`.

    OpenStreetMap splits one track into several lines with the same name. The second `T1` becomes `T1/2`.

    Raises:
        ConfigurationError: one line for each fault, with file, line, field and track.
    """
    document = read_json(path)
    features = document.validate(TrackFile, subject=_named_track).features
    faults = [] if features else [document.fault(("features",), "there is no track in it")]
    tracks: list[Track] = []
    seen: Counter[str] = Counter()
    for index, feature in enumerate(features):
        name = feature.properties.track
        for part in feature.geometry.parts:
            seen[name] += 1
            vertices = tuple(vertex for vertex, _ in groupby(part))
            if len(vertices) < 2:
                problem = f"track `{name}` has no length"
            elif not LineString(vertices).simplify(DRAWING_NOISE_DEG).is_simple:
                problem = f"track `{name}` crosses itself; split it into several tracks"
            else:
                tracks.append(Track(id=name if seen[name] == 1 else f"{name}/{seen[name]}", coordinates=vertices))
                continue
            faults.append(document.fault(("features", index, "geometry", "coordinates"), problem))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return tuple(tracks)


def _named_track(data: Any, location: Location) -> str:
    """The track that a fault is about, if the broken file names it."""
    match location, data:
        case ("features", int(index), *_), {"features": list(features)}:
            match features[index]:
                case {"properties": {"track": str(name) | int(name)}}:
                    return f"track `{name}`: "
    return ""


def _site(document: Document) -> Site:
    form = document.validate(SiteFile)
    shortest, longest = form.car_lengths_m
    if shortest > longest:
        raise ConfigurationError(document.fault(("car_lengths_m",), "the shortest length must come first"))
    tracks = load_tracks(document.path.parent / form.tracks)
    area = _load_area(document.path.parent / form.area) if form.area else None
    extent_km = _extent_m([track.line for track in tracks] if area is None else [Polygon(area)]) / 1000
    if extent_km > MAX_EXTENT_KM:
        problem = f"the site is {extent_km:.0f} km long, more than {MAX_EXTENT_KM:g} km; is a position wrong?"
        raise ConfigurationError(document.fault(("area" if area else "tracks",), problem))
    area = area or _ground_around(tracks)
    ground = Polygon(area)
    west, _, east, _ = GeometryCollection([ground, *(track.line for track in tracks)]).bounds
    if east - west > 180:
        problem = (
            "the site crosses the antimeridian (180°), which Railwatch cannot do; make it two sites, one on each side"
        )
        raise ConfigurationError(document.fault(("area" if form.area else "tracks",), problem))
    faults = []
    for track in tracks:
        if track.length_m < shortest:
            problem = f"track `{track.id}` is {track.length_m:.1f} m long, shorter than a car ({shortest:g} m)"
            faults.append(document.fault(("tracks",), problem))
        if not track.line.intersects(ground):
            faults.append(document.fault(("tracks",), f"track `{track.id}` lies outside the area"))
    if faults:
        raise ConfigurationError("\n".join(faults))
    return Site(
        id=form.id,
        name=form.name,
        area=area,
        tracks=tracks,
        car_lengths_m=form.car_lengths_m,
        events=tuple(ContextEvent(title=event.title, at=event.at) for event in form.events),
        tile_size_m=form.tile_size_m,
        new_normal=tuple(NewNormal(at=new.at, by=new.by, reason=new.reason) for new in form.new_normal),
    )


def _load_area(path: Path) -> tuple[LonLat, ...]:
    document = read_json(path)
    features = document.validate(AreaFile).features
    if len(features) != 1:
        raise ConfigurationError(
            document.fault(("features",), f"there are {len(features)} areas in it, and there must be one")
        )
    ring = features[0].geometry.coordinates[0]
    if not Polygon(ring).is_valid:
        where = ("features", 0, "geometry", "coordinates")
        raise ConfigurationError(document.fault(where, "the ring crosses itself or has no area"))
    return ring


def _extent_m(shapes: list[BaseGeometry]) -> float:
    west, south, east, north = GeometryCollection(shapes).bounds
    return float(GEOD.line_length((west, east), (south, north)))


def _ground_around(tracks: tuple[Track, ...]) -> tuple[LonLat, ...]:
    """The area of a site that gives none: the convex hull of its tracks' corridor."""
    crs = grid_crs([vertex for track in tracks for vertex in track.coordinates])
    lines = shape_from_lon_lat(crs, MultiLineString([track.coordinates for track in tracks]))
    hull = shape_to_lon_lat(crs, lines.buffer(CORRIDOR_M).convex_hull)
    return tuple((lon, lat) for lon, lat in hull.exterior.coords)
