"""The files of a site: written, found and retired."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from shapely import Point, Polygon, box

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.geography import shape_from_lon_lat, shape_to_lon_lat, utm_zone
from railwatch.shared.sites import SiteRead, Track, read_site
from railwatch.shared.sites.document import read_yaml
from railwatch.shared.sites.load import site_files
from railwatch.siting.layout import DECIMALS

ATTRIBUTION = "OpenStreetMap contributors, Open Database License 1.0"


def id_of(name: str) -> str:
    """A site's id, from its name for people.

    Raises:
        ConfigurationError: nothing is left of the name.
    """
    made = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not made:
        raise ConfigurationError(f"No id can be made of the name {name!r}: it needs letters a to z or digits.")
    return made


def box_of(west: float, south: float, east: float, north: float) -> Polygon:
    """The ground between two meridians and two parallels.

    Raises:
        ConfigurationError: the numbers are no such ground.
    """
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ConfigurationError(
            f"{west:g},{south:g},{east:g},{north:g} is not a box: it must be west,south,east,north in degrees."
        )
    return box(west, south, east, north)


def circle_of(lat: float, lon: float, radius_m: float) -> Polygon:
    """The ground around a place.

    Raises:
        ConfigurationError: there is no such place.
    """
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ConfigurationError(f"{lat:g},{lon:g} is not a place on Earth: it must be latitude,longitude in degrees.")
    crs = utm_zone(lon, lat)
    ground = shape_to_lon_lat(crs, shape_from_lon_lat(crs, Point(lon, lat)).buffer(radius_m))
    if not isinstance(ground, Polygon):
        raise ConfigurationError(f"{radius_m:g} m around {lat:g},{lon:g} is no ground.")
    return ground


def write_site(
    directory: Path,
    name: str,
    tracks: Sequence[Track],
    area: Polygon | None,
    attribution: str | None,
    *,
    proposed: bool = False,
) -> Path:
    """Write the files of a new site: YAML, tracks and area. Nothing is written if they would be faulty.

    Main lines are left out of the count, if there are other tracks. Proposed tracks are no tracks before somebody has
    confirmed them.

    Returns:
        The YAML file.

    Raises:
        ConfigurationError: a site of this id exists, or a service would not take the files.
    """
    site_id = id_of(name)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{site_id}.yaml"
    if any(_id_in(other) == site_id for other in site_files(directory)) or path.exists():
        raise ConfigurationError(f"There is a site {site_id} in {directory}; give another name, or remove its files.")
    mains = sum(track.main for track in tracks)
    document: dict[str, Any] = {"id": site_id, "name": name, "tracks": f"{site_id}-tracks.geojson"}
    files = {document["tracks"]: collection([of_track(track, proposed) for track in tracks], attribution)}
    if area is not None:
        document["area"] = f"{site_id}-area.geojson"
        files[document["area"]] = area_text(area.exterior.coords)
    if 0 < mains < len(tracks):
        document["count_main"] = False
    put_files(path, files, yaml.safe_dump(document, sort_keys=False, allow_unicode=True), with_proposed=proposed)
    return path


def put_files(path: Path, files: Mapping[str, str], text: str, *, with_proposed: bool = False) -> SiteRead:
    """Put a site's files in their place, if they are right together.

    The YAML comes last: a service that looks meanwhile sees the whole site or none.

    Args:
        path: the YAML.
        files: the texts of the files beside it, by name.
        text: its own.
        with_proposed: whether the files are right if only proposed tracks are in them.

    Raises:
        ConfigurationError: they are not, and nothing has changed.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as made:
        read = checked(Path(made), files, path.name, text, with_proposed=with_proposed)
        for file in (*files, path.name):
            (Path(made) / file).replace(path.parent / file)
    return read


def checked(folder: Path, files: Mapping[str, str], name: str, text: str, *, with_proposed: bool) -> SiteRead:
    """Write a site's files into an empty folder, and read them as a service does.

    Args:
        folder: the folder.
        files: the texts of the files beside the YAML, by name.
        name: of the YAML.
        text: the YAML.
        with_proposed: whether the files are right if only proposed tracks are in them.

    Raises:
        ConfigurationError: they are not right.
    """
    for file, content in {**files, name: text}.items():
        (folder / file).write_text(content)
    try:
        return read_site(folder / name, with_proposed=with_proposed)
    except ConfigurationError as error:
        raise ConfigurationError(str(error).replace(f"{folder}/", "")) from None


def find_site(directory: Path, site: str) -> Path:
    """The YAML file of a site: by its id, or the file itself.

    Raises:
        ConfigurationError: there is no such site.
    """
    if site.endswith((".yaml", ".yml")) and Path(site).is_file():
        return Path(site)
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a folder.")
    found = [path for path in site_files(directory) if _id_in(path) == site]
    # A file that is no YAML has no id. Whoever reads it says what is wrong with it.
    found += [path for path in site_files(directory) if path.stem == site and _id_in(path) is None]
    if not found:
        raise ConfigurationError(f"There is no site {site} in {directory}.")
    return found[0]


def retire(path: Path, day: date) -> SiteRead:
    """Mark a site as not watched any more, in its file. The rest of the file stays as it is.

    Raises:
        ConfigurationError: the file is faulty, or the site is retired already.
    """
    read = read_site(path)
    if read.retired is not None:
        raise ConfigurationError(f"The site {read.site.id} is retired since {read.retired:%Y-%m-%d}.")
    text = path.read_text()
    whole = path.with_name(f".{path.name}-new")
    whole.write_text(f"{text}{'' if text.endswith(chr(10)) else chr(10)}retired: {day.isoformat()}\n")
    try:
        read_site(whole)
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)
    return read_site(path)


def _id_in(path: Path) -> str | None:
    """The id that a site's file gives, whatever else is wrong in it."""
    try:
        data = read_yaml(path).data
    except ConfigurationError:
        return None
    return str(data["id"]) if isinstance(data, dict) and "id" in data else None


def of_track(track: Track, proposed: bool = False, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A track as a feature of a file of tracks, with other properties that it has."""
    said = {"main": track.main, "proposed": proposed}
    kept = {name: value for name, value in (others or {}).items() if name not in said}
    properties = {**kept, "track": track.id, **{name: True for name, is_so in said.items() if is_so}}
    return _feature("LineString", _degrees(track.coordinates), properties)


def area_text(ring: Sequence[tuple[float, ...]], properties: Mapping[str, Any] | None = None) -> str:
    """The file of an area."""
    return collection([_feature("Polygon", [_degrees(ring)], {**(properties or {})})])


def collection(features: list[dict[str, Any]], attribution: str | None = None) -> str:
    """The file of some features."""
    said = {"attribution": attribution} if attribution else {}
    return json.dumps({"type": "FeatureCollection", **said, "features": features}, indent=1) + "\n"


def _degrees(positions: Sequence[tuple[float, ...]]) -> list[list[float]]:
    return [[round(position[0], DECIMALS), round(position[1], DECIMALS)] for position in positions]


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
