"""Five rendered looks at one small yard, each with other cars, and what a perfect detector finds in them."""

import json
from functools import cache
from pathlib import Path

from railwatch.services.detector.composites.looks import GoodLook, StandingCar
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Sun
from railwatch.shared.events import TileEvent
from railwatch.shared.sites import Site
from tests.support.yard_year import YardYear, YearLook, yard_year


@cache
def yard() -> tuple[YardYear, tuple[YearLook, ...]]:
    """The yard and its looks. It is empty in none of them."""
    year = yard_year(21, looks=5, size_px=320, stay=0.0, stays_all_year=0.0, weather=("clear",))
    return year, tuple(year.looks)


def cars_in(look: YearLook) -> tuple[StandingCar, ...]:
    """What a perfect detector finds."""
    raster = read_raster(look.file)
    return tuple(
        StandingCar(truth.car.track, lon, lat, truth.car.length_m)
        for truth in look.picture.cars
        for lon, lat in raster.to_lonlat(truth.outline_m.mean(axis=0)[None] / raster.gsd_m - 0.5).tolist()
    )


def tile_of(blobs: BlobStore, number: int) -> TileEvent:
    """A look as ingest hands it on."""
    _, looks = yard()
    at = looks[number].picture.look.observed_at
    return TileEvent(
        recorded_at=at,
        site="yard",
        tile="r0c0",
        scene=f"look-{number + 1}",
        tiles_in_scene=("r0c0",),
        observed_at=at,
        image=blobs.put(looks[number].file, "image/tiff"),
        gsd_m=0.5,
        sun=Sun(azimuth_deg=180, elevation_deg=45),
        source="api",
    )


def good_look_of(blobs: BlobStore, number: int) -> GoodLook:
    """A look as it is kept, with its true cars."""
    tile = tile_of(blobs, number)
    cars = cars_in(yard()[1][number])
    return GoodLook(scene=tile.scene, observed_at=tile.observed_at, image=tile.image, cars=cars)


def write_site(site: Site, directory: Path) -> None:
    """The files of a site, as an operator writes them."""
    directory.mkdir()
    tracks = [_feature("LineString", track.coordinates, track=track.id) for track in site.tracks]
    for name, features in (("tracks", tracks), ("area", [_feature("Polygon", [site.area])])):
        (directory / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    text = f"id: {site.id}\nname: {site.name}\ntracks: tracks.geojson\narea: area.geojson\ntile_size_m: 5000\n"
    (directory / f"{site.id}.yaml").write_text(text)


def _feature(kind: str, coordinates: object, **properties: str) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
