"""Reads a site from its files. A fault names its file, line and field."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shapely import GeometryCollection, MultiLineString, Polygon
from shapely.geometry.base import BaseGeometry

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.geography import GEOD, shape_from_lon_lat, shape_to_lon_lat
from railwatch.shared.sites.document import Document, read_json, read_yaml
from railwatch.shared.sites.forms import AreaFile, SiteFile
from railwatch.shared.sites.model import (
    CORRIDOR_M,
    ContextEvent,
    LonLat,
    NewNormal,
    Site,
    Track,
    grid_crs,
)
from railwatch.shared.sites.tracks import TrackLines, read_tracks

# The longest yard in the world, Bailey Yard, is 13 km long. Beyond 50 km a coordinate is wrong.
MAX_EXTENT_KM = 50.0


def site_files(directory: Path) -> list[Path]:
    """The YAML files of a directory, by name."""
    return sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])


@dataclass(frozen=True)
class SiteRead:
    """A site as its file says it.

    Attributes:
        site: the site.
        remarks: what the file holds that is not used: one sentence each.
        retired: when the site was retired. A retired site is not monitored.
        proposed: names of the tracks that nobody has confirmed yet.
    """

    site: Site
    remarks: tuple[str, ...] = ()
    retired: datetime | None = None
    proposed: tuple[str, ...] = ()


def read_site(path: Path, *, with_proposed: bool = False) -> SiteRead:
    """Reads one site, retired or not.

    Args:
        path: its YAML.
        with_proposed: whether tracks that nobody has confirmed are tracks of the site. For services they are not.

    Raises:
        ConfigurationError: one line for each fault, with file, line and field.
    """
    return site_in(read_yaml(path), with_proposed=with_proposed)


def files_named_in(document: Document) -> tuple[str, ...]:
    """The names of the files beside a YAML that it needs, as far as it says."""
    data = document.data if isinstance(document.data, dict) else {}
    return tuple(name for name in (data.get("tracks"), data.get("area")) if isinstance(name, str) and name)


def site_in(document: Document, *, with_proposed: bool = False) -> SiteRead:
    """The site that a YAML describes, with its tracks and its area read from the files beside it.

    Args:
        document: its YAML.
        with_proposed: as for `read_site`.

    Raises:
        ConfigurationError: one line for each fault, with file, line and field.
    """
    form = document.validate(SiteFile)
    shortest, longest = form.car_lengths_m
    if shortest > longest:
        raise ConfigurationError(document.fault(("car_lengths_m",), "the shortest length must come first"))
    lines = read_tracks(document.path.parent / form.tracks)
    if with_proposed:
        lines = replace(lines, tracks=lines.tracks + lines.proposed)
    area = load_area(document.path.parent / form.area) if form.area else None
    tracks, remarks = _of_the_site(lines, form, area)
    if not tracks:
        problem = "no track is left" + ("" if form.count_main else " without the main lines (`count_main: false`)")
        if lines.proposed:
            problem = (
                f"none of its {len(lines.proposed)} proposed tracks is confirmed: `railwatch site confirm {form.id}`"
            )
        raise ConfigurationError(document.fault(("tracks",), problem))
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
    site = Site(
        id=form.id,
        name=form.name,
        area=area,
        tracks=tracks,
        car_lengths_m=form.car_lengths_m,
        events=tuple(ContextEvent(title=event.title, at=event.at) for event in form.events),
        tile_size_m=form.tile_size_m,
        new_normal=tuple(NewNormal(at=new.at, by=new.by, reason=new.reason) for new in form.new_normal),
    )
    return SiteRead(site, remarks, form.retired, tuple(track.id for track in lines.proposed))


def _of_the_site(
    lines: TrackLines, form: SiteFile, area: tuple[LonLat, ...] | None
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """The tracks on which cars are counted, and remarks on the others.

    Of an export, what lies outside the area or is shorter than a car is no part of the site.
    """
    tracks = lines.tracks
    remarks = list(lines.remarks)
    if lines.exported:
        ground = Polygon(area) if area else None
        tracks = tuple(
            track
            for track in tracks
            if track.length_m >= form.car_lengths_m[0] and (ground is None or track.line.intersects(ground))
        )
        if left_out := len(lines.tracks) - len(tracks):
            remarks.append(f"{form.tracks}: left out {left_out} lines outside the area or shorter than a car")
    counted = tuple(track for track in tracks if form.count_main or not track.main)
    if lines.proposed:
        remarks.append(
            f"{form.tracks}: {len(lines.proposed)} proposed tracks are not counted until somebody confirms them"
        )
    if mains := len(tracks) - len(counted):
        remarks.append(f"{form.tracks}: {mains} main lines are not counted (`count_main: false`)")
    return counted, tuple(remarks)


def load_area(path: Path) -> tuple[LonLat, ...]:
    """The outer ring of a file's area.

    Raises:
        ConfigurationError: it is not one polygon without holes.
    """
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
