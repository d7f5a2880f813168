"""A site as the page draws it: read from its files, and written to them in one step if nobody else has."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field
from shapely import Polygon

from railwatch.shared.counts import Frozen
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import LonLat, Track, read_tracks
from railwatch.shared.sites.document import Document, read_json, read_yaml
from railwatch.shared.sites.forms import SiteFile
from railwatch.shared.sites.load import files_named_in, load_area
from railwatch.shared.sites.model import Position
from railwatch.siting.files import ATTRIBUTION, area_text, collection, find_site, of_track, put_files

# Vertices of a line, and lines of a site, that a page may send.
MOST_VERTICES, MOST_LINES = 10_000, 2_000


class DraftTrack(Frozen):
    """A track on the page.

    Attributes:
        name: its name.
        coordinates: longitude and latitude of its vertices.
        main: whether it is a main line.
        proposed: whether nobody has confirmed it yet.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    coordinates: Annotated[tuple[Position, ...], Field(min_length=2, max_length=MOST_VERTICES)]
    main: bool = False
    proposed: bool = False


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


class ChangedMeanwhileError(Exception):
    """The site's files are not those that the page read."""


def read_draft(directory: Path, site: str) -> tuple[Draft, str]:
    """A site for the page, and the version of its files.

    Raises:
        ConfigurationError: there is no such site, or its files are wrong.
    """
    path = find_site(directory, site)
    document = read_yaml(path)
    form = document.validate(SiteFile)
    lines = read_tracks(path.parent / form.tracks)
    area = None
    if form.area:
        area = load_area(path.parent / form.area)
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
        tracks=(*(_drawn(track) for track in tracks), *(_drawn(track, proposed=True) for track in lines.proposed)),
        area=area,
        count_main=form.count_main,
        credit=ATTRIBUTION if lines.exported else _credit(path.parent / form.tracks),
    )
    return draft, _version(path, document)


def save_draft(directory: Path, site: str, draft: Draft, version: str | None) -> str:
    """Writes a site's files, if they are right. The YAML is replaced last, so a service sees the old site or the new.

    Tracks and area get files of new names: the YAML alone decides which hold. The files of before stay, until the next
    save: they are the way back.

    Args:
        directory: the folder of the sites.
        site: the site's id.
        draft: the site.
        version: of the files that the page read; null for a new site.

    Returns:
        The version of the files now.

    Raises:
        ChangedMeanwhileError: they are of another version, or the new site exists.
        ConfigurationError: a service would not take them. Nothing is changed.
    """
    with _alone(directory):
        if version is None:
            path, text, before = _new_path(directory, site), f"id: {site}\n", None
        else:
            path = find_site(directory, site)
            before = read_yaml(path)
            text = before.text
            if _version(path, before) != version:
                raise ChangedMeanwhileError
        files, fields = _files(site, draft)
        only_proposed = all(track.proposed for track in draft.tracks)
        put_files(path, files, with_fields(text, fields), with_proposed=only_proposed)
        _sweep(path, site, keep={*files, *(files_named_in(before) if before else ())})
        return _version(path, read_yaml(path))


def draft_files(site: str, draft: Draft) -> dict[str, str]:
    """The files of a draft by itself, its YAML included."""
    files, fields = _files(site, draft)
    return {**files, f"{site}.yaml": with_fields(f"id: {site}\n", fields)}


def why_read_only(directory: Path, is_copy: bool) -> str | None:
    """Why sites cannot be saved here; null if they can.

    Args:
        directory: the folder of the sites.
        is_copy: whether it is a copy of files in a bucket.
    """
    if is_copy:
        return (
            "The sites come from a bucket, which ingest only reads. "
            "Download the files here and put them into the bucket."
        )
    if os.access(directory, os.W_OK | os.X_OK):
        return None
    return (
        "The folder of the sites is read-only for ingest, such as a ConfigMap or a volume that is mounted so. "
        "Download the files here and put them where the sites come from."
    )


def _drawn(track: Track, proposed: bool = False) -> DraftTrack:
    return DraftTrack(name=track.id, coordinates=track.coordinates, main=track.main, proposed=proposed)


def _credit(path: Path) -> str | None:
    said = read_json(path).data.get("attribution")
    return str(said)[:500] if said else None


def _files(site: str, draft: Draft) -> tuple[dict[str, str], dict[str, Any]]:
    """The files beside the YAML, and the fields of the YAML that the page decides on."""
    lines = (
        of_track(Track(id=track.name, coordinates=track.coordinates, main=track.main), track.proposed)
        for track in draft.tracks
    )
    tracks = collection(list(lines), draft.credit)
    fields: dict[str, Any] = {"name": draft.name, "tracks": _named(site, "tracks", tracks)}
    files = {fields["tracks"]: tracks}
    fields["area"] = None
    if draft.area is not None:
        area = area_text(_closed(draft.area))
        fields["area"] = _named(site, "area", area)
        files[fields["area"]] = area
    fields["count_main"] = None if draft.count_main else False
    return files, fields


def _named(site: str, kind: str, text: str) -> str:
    return f"{site}-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.geojson"


def _closed(ring: tuple[LonLat, ...]) -> tuple[LonLat, ...]:
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


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


def _version(path: Path, document: Document) -> str:
    """A checksum over all files of a site."""
    checksum = hashlib.sha256(document.text.encode())
    for name in files_named_in(document):
        file = path.parent / name
        checksum.update(file.read_bytes() if file.is_file() else b"missing")
    return checksum.hexdigest()[:32]


def _new_path(directory: Path, site: str) -> Path:
    try:
        find_site(directory, site)
    except ConfigurationError:
        path = directory / f"{site}.yaml"
        if not path.exists():
            return path
    raise ChangedMeanwhileError


def _sweep(path: Path, site: str, keep: set[str]) -> None:
    """Remove the page's own files that neither the site nor the one before it has."""
    ours = re.compile(rf"{re.escape(site)}-(tracks|area)-[0-9a-f]{{8}}\.geojson")
    for file in path.parent.glob(f"{site}-*.geojson"):
        if ours.fullmatch(file.name) and file.name not in keep:
            file.unlink()


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """A block in which nobody else saves a site of the folder."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
