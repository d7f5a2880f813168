"""A site's tracks from a file: GeoJSON drawn for the site, or lines straight from OpenStreetMap."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import shapely
from shapely import LineString
from shapely.geometry.base import BaseGeometry

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import osm
from railwatch.shared.sites.document import Document, Location, read_json
from railwatch.shared.sites.forms import TrackFeature, TrackFile
from railwatch.shared.sites.model import LonLat, Track

# About 0.2 m: a hand-drawn or rounded line may cross itself by so much without being meant to.
DRAWING_NOISE_DEG = 2e-6

_MADE = re.compile(r"(way|line)-\d+(/\d+)?")


@dataclass(frozen=True)
class TrackLines:
    """The tracks of a file.

    Attributes:
        tracks: the tracks, each with a name of its own.
        exported: whether they come from OpenStreetMap. Then they are the railway of some region, and only those on a
            site's ground belong to the site. Otherwise somebody drew them for the site, and all belong to it.
        remarks: what in the file is no track and was left out.
        proposed: lines that are tracks only when a person has confirmed them. They are not among the tracks.
        properties: what else the file says of a track, by its name: its tags in OpenStreetMap, for example.
    """

    tracks: tuple[Track, ...]
    exported: bool = False
    remarks: tuple[str, ...] = ()
    proposed: tuple[Track, ...] = ()
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Line:
    """A line of a file. Its name is null if the file gives none."""

    name: str | None
    coordinates: tuple[LonLat, ...]
    main: bool
    made_name: str
    proposed: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


def load_tracks(path: Path) -> tuple[Track, ...]:
    """The tracks of a file; see `read_tracks`."""
    return read_tracks(path).tracks


def read_tracks(path: Path) -> TrackLines:
    """Reads centrelines: GeoJSON, Overpass JSON, or `.osm` and `.osm.pbf` files of OpenStreetMap.

    A line's name is its property `track`, or else what OpenStreetMap's tags call it, or else one that is made from its
    number. One track is often several lines with the same name: the second `T1` becomes `T1/2`. What OpenStreetMap does
    not call a track in use (`railway=rail`) is left out. There may be proposed lines only, and then no track.

    Raises:
        ConfigurationError: one line for each fault, with file, line, field and track.
    """
    if path.name.endswith(osm.SUFFIXES):
        return _exported(path, osm.read_ways(path))
    document = read_json(path)
    if isinstance(document.data, dict) and "elements" in document.data:
        return _exported(path, osm.overpass_ways(document))
    return _from_geojson(document)


def clipped(tracks: Iterable[Track], ground: BaseGeometry, shortest_m: float = 0.0) -> tuple[Track, ...]:
    """The parts of tracks that lie on a ground.

    Args:
        tracks: the tracks.
        ground: a shape in longitude and latitude.
        shortest_m: parts that are shorter are left out.
    """
    parts = (
        (track, tuple(part.coords))
        for track in tracks
        for part in shapely.get_parts(shapely.intersection(track.line, ground))
        if part.geom_type == "LineString" and part.length > 0
    )
    lines = [_Line(track.id, coordinates, track.main, track.id) for track, coordinates in parts]
    return tuple(track for track in _named(lines) if track.length_m >= shortest_m)


def _exported(path: Path, ways: Iterable[osm.Way]) -> TrackLines:
    lines: list[_Line] = []
    others: Counter[str] = Counter()
    for way in ways:
        if not osm.is_rail(way.tags):
            others[f"railway={way.tags['railway']}"] += 1
            continue
        for part in way.parts:
            lines += [
                _Line(osm.name_of(way.tags), simple, osm.is_main(way.tags), f"way-{way.id}", properties=way.tags)
                for simple in without_crossings(part)
            ]
    if not lines:
        raise ConfigurationError(f"{path}:1: there is no track in it: no way has the tag railway=rail")
    tracks = tuple(_named(lines))
    return TrackLines(tracks, True, _left_out(path, others), properties=_properties(tracks, lines))


def _from_geojson(document: Document) -> TrackLines:
    features = document.validate(TrackFile, subject=_named_track).features
    lines: list[_Line] = []
    faults: list[str] = []
    others: Counter[str] = Counter()
    exported = False
    for index, feature in enumerate(features):
        if not isinstance(feature, TrackFeature):
            others[feature.kind] += 1
            continue
        properties = feature.properties.model_extra or {}
        tags, drawn = osm.tags_of(properties), feature.properties.track
        exported |= drawn is None and "railway" in tags
        if drawn is None and not osm.is_rail(tags):
            others[f"railway={tags['railway']}"] += 1
            continue
        made_name = _made_name(feature, tags, index)
        main = feature.properties.main or (drawn is None and osm.is_main(tags))
        for part in feature.geometry.parts:
            vertices = tuple(vertex for vertex, _ in groupby(part))
            problem = None
            if len(vertices) < 2:
                problem = "has no length"
            elif drawn is not None and not _is_simple(vertices):
                problem = "crosses itself; split it into several tracks"
            if problem:
                where = ("features", index, "geometry", "coordinates")
                faults.append(document.fault(where, f"track `{drawn or made_name}` {problem}"))
                continue
            name = drawn or osm.name_of(tags)
            simple = [vertices] if drawn else without_crossings(vertices)
            proposed = feature.properties.proposed
            lines += [_Line(name, coordinates, main, made_name, proposed, properties) for coordinates in simple]
    if not lines and not faults:
        faults = [document.fault(("features",), "there is no track in it")]
    if faults:
        raise ConfigurationError("\n".join(faults))
    named = tuple(_named(lines))
    both = [(track, line.proposed) for track, line in zip(named, lines, strict=True)]
    tracks = tuple(track for track, is_proposed in both if not is_proposed)
    proposals = tuple(track for track, is_proposed in both if is_proposed)
    return TrackLines(tracks, exported, _left_out(document.path, others), proposals, _properties(named, lines))


def _properties(tracks: Iterable[Track], lines: Iterable[_Line]) -> dict[str, Mapping[str, Any]]:
    return {track.id: line.properties for track, line in zip(tracks, lines, strict=True) if line.properties}


def _named(lines: Sequence[_Line]) -> Iterator[Track]:
    """The lines as tracks. No two have one name."""
    seen: Counter[str] = Counter()
    taken = {line.name or line.made_name for line in lines}
    for line in lines:
        name = line.name or line.made_name
        seen[name] += 1
        unique = name
        while seen[name] > 1 and (unique := f"{name}/{seen[name]}") in taken:
            seen[name] += 1
        # Positions are checked already, in the file's own form, and there may be many.
        yield Track.model_construct(id=unique, coordinates=line.coordinates, main=line.main)


def _made_name(feature: TrackFeature, tags: osm.Tags, index: int) -> str:
    """A name from the way's number in OpenStreetMap, or else from the line's place in the file."""
    for number in (tags.get("@id"), feature.id, tags.get("osm_id"), tags.get("full_id")):
        digits = str(number or "").removeprefix("way/").removeprefix("w")
        if digits.isdecimal():
            return f"way-{digits}"
    return f"line-{index + 1}"


def _is_simple(vertices: tuple[LonLat, ...]) -> bool:
    return len(vertices) == 2 or bool(
        shapely.is_simple(shapely.simplify(shapely.linestrings(vertices), DRAWING_NOISE_DEG))
    )


def without_crossings(vertices: tuple[LonLat, ...]) -> list[tuple[LonLat, ...]]:
    """The line, or its parts between the points in which it meets itself."""
    if _is_simple(vertices):
        return [vertices]
    return [tuple(part.coords) for part in shapely.get_parts(shapely.node(LineString(vertices)))]


def is_made(name: str) -> bool:
    """Whether a track's name was made because the file gives none."""
    return bool(_MADE.fullmatch(name))


def _left_out(path: Path, others: Counter[str]) -> tuple[str, ...]:
    if not others:
        return ()
    what = ", ".join(f"{number} {kind}" for kind, number in others.most_common())
    return (f"{path}: left out what is no track in use: {what}",)


def _named_track(data: Any, location: Location) -> str:
    """The track that a fault is about, if the broken file names it."""
    match location, data:
        case ("features", int(index), *_), {"features": list(features)}:
            match features[index]:
                case {"properties": {"track": str(name) | int(name)}}:
                    return f"track `{name}`: "
    return ""
