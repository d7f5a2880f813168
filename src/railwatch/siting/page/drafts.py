"""A site as the page draws it, read from its files and made into files."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field
from shapely import Polygon

from railwatch.shared.counts import Frozen
from railwatch.shared.sites import LonLat, Track, TrackLines, read_tracks
from railwatch.shared.sites.document import Document, read_json, read_yaml
from railwatch.shared.sites.forms import SiteFile
from railwatch.shared.sites.load import files_named_in, load_area
from railwatch.shared.sites.model import Position
from railwatch.siting.files import ATTRIBUTION, area_text, collection, of_track

# Vertices of a line, and lines of a site, that a page may send.
MOST_VERTICES, MOST_LINES = 10_000, 2_000


class DraftTrack(Frozen):
    """A track on the page.

    Attributes:
        name: its name.
        coordinates: longitude and latitude of its vertices.
        main: whether it is a main line.
        proposed: whether nobody has confirmed it yet.
        properties: what else its file says of it. The page keeps it.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    coordinates: Annotated[tuple[Position, ...], Field(min_length=2, max_length=MOST_VERTICES)]
    main: bool = False
    proposed: bool = False
    properties: dict[str, Any] = Field(default_factory=dict)


class Draft(Frozen):
    """A site on the page.

    Attributes:
        name: its name for people.
        tracks: its tracks, main lines and proposed ones too.
        area: outer ring of its ground; null if it is what lies around the tracks.
        count_main: whether main lines are counted.
        credit: whom whoever passes the tracks on must name.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    tracks: Annotated[tuple[DraftTrack, ...], Field(min_length=1, max_length=MOST_LINES)]
    area: Annotated[tuple[Position, ...], Field(min_length=4, max_length=MOST_VERTICES)] | None = None
    count_main: bool = True
    credit: Annotated[str, Field(max_length=500)] | None = None


def read_draft(path: Path) -> tuple[Draft, str]:
    """A site for the page, and the version of its files.

    Args:
        path: its YAML, with its files beside it.

    Raises:
        ConfigurationError: its files are wrong.
    """
    document = read_yaml(path)
    form = document.validate(SiteFile)
    lines = read_tracks(path.parent / form.tracks)
    area = load_area(path.parent / form.area) if form.area else None
    tracks = lines.tracks
    if lines.exported:  # of an extract, what lies elsewhere is no part of the site
        ground = Polygon(area) if area else None
        tracks = tuple(
            track
            for track in tracks
            if track.length_m >= form.car_lengths_m[0] and (ground is None or track.line.intersects(ground))
        )
    draft = Draft(
        name=form.name,
        tracks=(*(_drawn(track, lines) for track in tracks), *(_drawn(track, lines, True) for track in lines.proposed)),
        area=area,
        count_main=form.count_main,
        credit=ATTRIBUTION if lines.exported else _credit(path.parent / form.tracks),
    )
    return draft, version_of(document)


def version_of(document: Document) -> str:
    """A checksum over all files of a site."""
    checksum = hashlib.sha256(document.text.encode())
    for name in files_named_in(document):
        file = document.path.parent / name
        checksum.update(file.read_bytes() if file.is_file() else b"missing")
    return checksum.hexdigest()[:32]


def files_of(site: str, draft: Draft, before: Mapping[str, Any] | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    """The files beside the YAML, and the fields of the YAML that the page decides on.

    Files of other content have other names: the YAML alone decides which hold.

    Args:
        site: the site's id.
        draft: the site.
        before: the properties of the area that there was.
    """
    lines = (
        of_track(Track(id=track.name, coordinates=track.coordinates, main=track.main), track.proposed, track.properties)
        for track in draft.tracks
    )
    tracks = collection(list(lines), draft.credit)
    fields: dict[str, Any] = {"name": draft.name, "tracks": _named(site, "tracks", tracks)}
    files = {fields["tracks"]: tracks}
    fields["area"] = None
    if draft.area is not None:
        area = area_text(_closed(draft.area), before)
        fields["area"] = _named(site, "area", area)
        files[fields["area"]] = area
    fields["count_main"] = None if draft.count_main else False
    return files, fields


def draft_files(site: str, draft: Draft) -> dict[str, str]:
    """The files of a draft by itself, its YAML included."""
    files, fields = files_of(site, draft)
    return {**files, f"{site}.yaml": with_fields(f"id: {site}\n", fields)}


def made_for(site: str, file: str) -> bool:
    """Whether a file has a name that `files_of` gives to a site's files."""
    return bool(re.fullmatch(rf"{re.escape(site)}-(tracks|area)-[0-9a-f]{{8}}\.geojson", file))


def with_fields(text: str, fields: Mapping[str, Any]) -> str:
    """A YAML with other values of some fields; null leaves a field out. All else in it stays, comments too, if it can.

    Where a field is written over several lines, the file is written anew.
    """
    data = yaml.safe_load(text)
    wanted = {name: value for name, value in {**data, **fields}.items() if value is not None}
    for name, value in fields.items():
        line = "" if value is None else yaml.safe_dump({name: value}, allow_unicode=True, width=1000)
        pattern = re.compile(rf"^{name}:[^\n]*(\n|\Z)", re.MULTILINE)
        if pattern.search(text):
            text = pattern.sub(lambda _, line=line: line, text, count=1)  # type: ignore[misc]
        else:
            text = f"{text}{'' if text.endswith(chr(10)) else chr(10)}{line}"
    try:
        if yaml.safe_load(text) == wanted:
            return text
    except yaml.YAMLError:
        pass
    return yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)


def _drawn(track: Track, lines: TrackLines, proposed: bool = False) -> DraftTrack:
    properties = dict(lines.properties.get(track.id, {}))
    return DraftTrack(
        name=track.id, coordinates=track.coordinates, main=track.main, proposed=proposed, properties=properties
    )


def _credit(path: Path) -> str | None:
    said = read_json(path).data.get("attribution")
    return str(said)[:500] if said else None


def _named(site: str, kind: str, text: str) -> str:
    return f"{site}-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.geojson"


def _closed(ring: tuple[LonLat, ...]) -> tuple[LonLat, ...]:
    return ring if ring[0] == ring[-1] else (*ring, ring[0])
