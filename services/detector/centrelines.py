"""Track centrelines: read from GeoJSON as people draw them, checked, and laid onto a tile."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry import LineString

from services.detector.raster import GEOD, Raster
from shared.errors import UnprocessableError

# No freight car is shorter over its buffers than about 8 m; a shorter line cannot hold one.
SHORTEST_TRACK_M = 8.0
# Wobble of a hand-drawn or rounded line that is not meant as a crossing of itself.
DRAWING_NOISE_DEG = 2e-6


@dataclass(frozen=True)
class Track:
    """A track as a user drew it: `lonlat` is (n, 2), WGS 84 degrees."""

    id: str
    lonlat: NDArray[np.float64]


@dataclass(frozen=True)
class Centreline:
    """A track on a tile: `xy_px` is (n, 2), in the tile's pixel coordinates; parts of it may lie outside the tile."""

    id: str
    xy_px: NDArray[np.float64]


def read_tracks(path: Path) -> tuple[Track, ...]:
    """Reads a GeoJSON file of LineStrings, named by their property `track`, `id`, `name` or `ref`, or by their place.

    Coordinates are longitude and latitude; a `crs` member of the older GeoJSON is honoured.

    Raises:
        UnprocessableError: `bad-tracks`, in a sentence that names the track.
        OSError: the file cannot be opened.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _bad(f"{path.name} is not GeoJSON: {error}") from error
    if not isinstance(document, dict):
        raise _bad(f"{path.name} is not GeoJSON: it holds no object")
    features = document.get("features", [document])
    to_lonlat = _declared_crs(document, path.name)
    tracks = [
        track for number, feature in enumerate(features, start=1) for track in _tracks(feature, number, to_lonlat)
    ]
    if not tracks:
        raise _bad(f"{path.name} holds no track: LineString features are needed")
    return _with_unique_ids(tracks)


def project(tracks: Iterable[Track], tile: Raster) -> tuple[Centreline, ...]:
    """The tracks that cross the tile, in its pixel coordinates."""
    lines = (Centreline(track.id, tile.to_pixels(track.lonlat)) for track in tracks)
    return tuple(line for line in lines if _crosses(line.xy_px, tile))


def corridor(lines: Iterable[Centreline], tile: Raster, half_width_m: float) -> NDArray[np.bool_]:
    """True (rows, cols) within `half_width_m` of a centreline."""
    rows, cols = tile.shape
    mask = Image.new("1", (cols, rows))
    draw = ImageDraw.Draw(mask)
    width_px = max(1, round(2 * half_width_m / tile.gsd_m))
    for line in lines:
        draw.line([(x, y) for x, y in line.xy_px], fill=1, width=width_px, joint="curve")
    return np.array(mask)


def checked(track_id: str, lonlat: NDArray[np.float64]) -> Track:
    """A track that can be one: on Earth, as long as a car, and not crossing itself.

    Raises:
        UnprocessableError: `bad-tracks`, in a sentence that names the track.
    """
    if len(lonlat) < 2 or not np.isfinite(lonlat).all():
        raise _bad(f"track {track_id} needs at least two positions of two numbers each")
    if (np.abs(lonlat) > [180.0, 90.0]).any():
        lon, lat = lonlat[np.argmax((np.abs(lonlat) > [180.0, 90.0]).any(axis=1))]
        raise _bad(
            f"track {track_id} is in the wrong CRS: ({lon:.10g}, {lat:.10g}) is not longitude and latitude in degrees"
        )
    length_m = GEOD.line_length(lonlat[:, 0], lonlat[:, 1])
    if length_m < SHORTEST_TRACK_M:
        raise _bad(f"track {track_id} is {length_m:.1f} m long, shorter than a car")
    if not LineString(lonlat).simplify(DRAWING_NOISE_DEG).is_simple:
        raise _bad(f"track {track_id} crosses itself; draw it as several tracks")
    return Track(track_id, lonlat)


def _bad(detail: str) -> UnprocessableError:
    return UnprocessableError("bad-tracks", detail)


def _tracks(feature: object, number: int, to_lonlat: Transformer | None) -> list[Track]:
    if not isinstance(feature, Mapping):
        raise _bad(f"feature {number} is not a GeoJSON feature")
    properties = feature.get("properties") or {}
    names = (properties.get(name) for name in ("track", "id", "name", "ref"))
    track_id = str(next((name for name in (*names, feature.get("id")) if name is not None), f"track-{number}"))
    geometry = feature.get("geometry") or (feature if "coordinates" in feature else {})
    match geometry.get("type"):
        case "LineString":
            parts = [geometry["coordinates"]]
        case "MultiLineString":
            parts = geometry["coordinates"]
        case other:
            raise _bad(f"track {track_id} is a {other or 'nothing'}, not a LineString")
    return [checked(track_id, _lonlat(part, track_id, to_lonlat)) for part in parts]


def _lonlat(coordinates: Sequence[Any], track_id: str, to_lonlat: Transformer | None) -> NDArray[np.float64]:
    try:
        xy = np.array([position[:2] for position in coordinates], dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise _bad(f"track {track_id} has positions that are not pairs of numbers") from error
    return np.column_stack(to_lonlat.transform(xy[:, 0], xy[:, 1])) if to_lonlat else xy


def _declared_crs(document: Mapping[str, Any], name: str) -> Transformer | None:
    declared = ((document.get("crs") or {}).get("properties") or {}).get("name")
    if declared is None:
        return None
    try:
        return Transformer.from_crs(CRS.from_user_input(declared), "EPSG:4326", always_xy=True)
    except CRSError as error:
        raise _bad(f"{name} declares the CRS {declared!r}, which is not known") from error


def _with_unique_ids(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """OSM splits one track into several lines of one name: the second `T1` becomes `T1/2`."""
    seen: dict[str, int] = {}
    unique = []
    for track in tracks:
        seen[track.id] = seen.get(track.id, 0) + 1
        unique.append(track if seen[track.id] == 1 else Track(f"{track.id}/{seen[track.id]}", track.lonlat))
    return tuple(unique)


def _crosses(xy_px: NDArray[np.float64], tile: Raster) -> bool:
    rows, cols = tile.shape
    line = LineString(xy_px) if np.isfinite(xy_px).all() else None
    frame = LineString([(-0.5, -0.5), (cols - 0.5, -0.5), (cols - 0.5, rows - 0.5), (-0.5, rows - 0.5)]).envelope
    return line is not None and bool(line.intersects(frame))
