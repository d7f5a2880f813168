"""A pair of the held-out renderer: as a case, and as files."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.geography import from_lon_lat, to_lon_lat, utm_zone
from railwatch.shared.sites import Track
from railwatch.training.cases import Case
from railwatch.training.held_out.dates import Car, Picture, take
from railwatch.training.held_out.field import Points
from railwatch.training.held_out.site import Site, build
from railwatch.training.held_out.styles import STYLES
from railwatch.training.held_out.trains import timetable

# A car is asked for where more of it than this can be seen.
SEEN = 0.5


@dataclass(frozen=True)
class Pair:
    """Two dates of a site.

    Attributes:
        style: its name.
        seed: what it was made from.
        site: the place.
        crs: UTM zone.
        origin: easting and northing of the pictures' upper left corner.
        tile: the later date.
        baseline: the earlier one, which is displaced.
    """

    style: str
    seed: int
    site: Site
    crs: str
    origin: tuple[float, float]
    tile: Picture
    baseline: Picture

    @property
    def asked(self) -> tuple[Car, ...]:
        """The tile's cars that can be seen and whose middle lies in it."""
        return tuple(car for car in self.tile.cars if car.visible > SEEN and self.inside(car))

    def inside(self, car: Car) -> bool:
        """Whether a car's middle lies in the picture."""
        return bool(((car.middle_m >= 0) & (car.middle_m < self.site.size_m)).all())

    def lonlat(self, points_m: Points) -> list[list[float]]:
        """Degrees of local points (n, 2)."""
        east, north = self.origin[0] + points_m[:, 0], self.origin[1] - points_m[:, 1]
        lon, lat = to_lon_lat(self.crs, east, north)
        return [[round(float(a), 8), round(float(b), 8)] for a, b in zip(lon, lat, strict=True)]


def make(style: str, seed: int, size_px: int = 512, gsd_m: float | None = None) -> Pair:
    """A pair of a style: the same for the same seed.

    Args:
        style: its name.
        seed: of all chance.
        size_px: rows and columns.
        gsd_m: ground sample distance; that of the style if not given.

    Raises:
        KeyError: there is no such style.
    """
    chosen = STYLES[style] if gsd_m is None else replace(STYLES[style], gsd_m=(gsd_m, gsd_m))
    rng = np.random.default_rng([seed, *style.encode()])
    site = build(rng, chosen, size_px)
    southern = bool(rng.random() < 0.3)
    longitude = 6.0 * float(rng.integers(1, 61)) - 183
    latitude = float(rng.uniform(-44, -8) if southern else rng.uniform(8, 60))
    crs = utm_zone(longitude, latitude)
    east, north = from_lon_lat(crs, np.array([longitude]), np.array([latitude]))
    now, before = timetable(rng, chosen, site)
    tile = take(rng, chosen, site, now, southern=southern, displaced=False)
    baseline = take(rng, chosen, site, before, southern=southern, displaced=True)
    return Pair(style, seed, site, crs, (round(float(east[0])), round(float(north[0]))), tile, baseline)


def case(style: str, seed: int, size_px: int = 512) -> Case:
    """A pair of a style as a case; the tracks are as a person drew them.

    Raises:
        KeyError: there is no such style.
    """
    return as_case(make(style, seed, size_px))


def as_case(pair: Pair) -> Case:
    """A pair as a case; the tracks are as a person drew them. Its cars are `pair.asked`, in that order."""
    tracks = tuple(
        Track(id=way.id, coordinates=tuple((lon, lat) for lon, lat in pair.lonlat(way.drawn))) for way in pair.site.ways
    )
    middles = np.array([car.middle_m for car in pair.asked]).reshape(-1, 2) / pair.site.gsd_m - 0.5
    on = tuple(car.standing.track for car in pair.asked)
    tile, baseline = (read_raster(geotiff(pair, picture)) for picture in (pair.tile, pair.baseline))
    return Case(tile, baseline, tracks, middles, pair.tile.sun, on)


def geotiff(pair: Pair, picture: Picture) -> bytes:
    """A picture as the bytes of a GeoTIFF."""
    bands, rows, cols = picture.pixels.shape
    gsd = pair.site.gsd_m
    profile = {
        "driver": "GTiff",
        "count": bands,
        "height": rows,
        "width": cols,
        "dtype": picture.pixels.dtype.name,
        "crs": CRS.from_string(pair.crs),
        "transform": Affine(gsd, 0, pair.origin[0], 0, -gsd, pair.origin[1]),
        "compress": "deflate",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(picture.pixels)
            if picture.pixels.dtype == np.uint16:
                file.update_tags(1, ns="IMAGE_STRUCTURE", NBITS="11")
        return bytes(memory.read())


def write(pair: Pair, folder: Path) -> None:
    """Write tile.tif, baseline.tif, tracks.geojson (as drawn), axes.geojson (as they lie), cars.geojson, truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tile.tif").write_bytes(geotiff(pair, pair.tile))
    (folder / "baseline.tif").write_bytes(geotiff(pair, pair.baseline))
    ways = pair.site.ways
    truth = {
        "count": len(pair.asked),
        "style": pair.style,
        "seed": pair.seed,
        "gsd": pair.site.gsd_m,
        "sun": pair.tile.sun.model_dump(),
        "baseline_sun": pair.baseline.sun.model_dump(),
        "baseline_count": sum(pair.inside(car) for car in pair.baseline.cars),
    }
    documents: dict[str, Any] = {
        "tracks.geojson": _collection([("LineString", pair.lonlat(way.drawn), {"track": way.id}) for way in ways]),
        "axes.geojson": _collection([("LineString", pair.lonlat(way.line), {"track": way.id}) for way in ways]),
        "cars.geojson": _collection([_car(pair, car) for car in pair.asked]),
        "truth.json": truth,
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")


def _car(pair: Pair, car: Car) -> tuple[str, list[Any], dict[str, Any]]:
    ring = pair.lonlat(np.concatenate([car.outline_m, car.outline_m[:1]]))
    about = {
        "track": car.standing.track,
        "kind": car.standing.vehicle.kind.name,
        "length_m": round(car.standing.vehicle.length_m, 2),
        "visible": round(car.visible, 2),
    }
    return "Polygon", [ring], about


def _collection(features: list[tuple[str, list[Any], dict[str, Any]]]) -> dict[str, Any]:
    listed = [
        {"type": "Feature", "geometry": {"type": kind, "coordinates": places}, "properties": about}
        for kind, places, about in features
    ]
    return {"type": "FeatureCollection", "features": listed}
