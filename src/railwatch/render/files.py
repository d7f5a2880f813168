"""A rendered pair as files: two GeoTIFFs, the tracks as drawn, the true cars, and the truth about the pair."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.io import MemoryFile

from railwatch.render.canvas import Points
from railwatch.render.scene import Picture, RenderedPair, RenderedSite


def geotiff(picture: Picture) -> bytes:
    """A picture as the bytes of a GeoTIFF, with its acquisition in the tags."""
    bands, rows, cols = picture.pixels.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=cols,
            height=rows,
            count=bands,
            dtype=picture.pixels.dtype,
            crs=picture.site.crs,
            transform=picture.site.transform,
            nodata=0 if not picture.valid.all() else None,
            tiled=True,
            blockxsize=256,
            blockysize=256,
            compress="deflate",
            photometric="RGB" if bands >= 3 else "MINISBLACK",
        ) as file:
            file.write(picture.pixels)
            file.update_tags(TIFFTAG_DATETIME=picture.look.observed_at.strftime("%Y:%m:%d %H:%M:%S"))
        return bytes(memory.read())


def tracks_geojson(site: RenderedSite, *, drawn: bool = True) -> dict[str, Any]:
    """The tracks as a FeatureCollection: as a user drew them, or as they really are."""
    features = [
        feature("LineString", _degrees(site, track.drawn_m if drawn else track.points_m), {"track": track.id})
        for track in site.tracks
    ]
    return collection(features)


def cars_geojson(picture: Picture) -> dict[str, Any]:
    """The cars in a picture as polygons, where they appear."""
    features = [
        feature(
            "Polygon",
            [_degrees(picture.site, np.concatenate([truth.outline_m, truth.outline_m[:1]]))],
            {
                "track": truth.car.track,
                "cut_by_edge": truth.cut_by_edge,
                "inside": truth.inside,
                "length_m": round(truth.car.length_m, 2),
                "kind": truth.car.kind,
                "shape": truth.car.shape.value,
                "tarped": truth.car.tarped,
                "visible": round(truth.visible, 2),
            },
        )
        for truth in picture.cars
    ]
    return collection(features)


def truth(pair: RenderedPair) -> dict[str, Any]:
    """Counts, light, geolocation and conditions of a pair."""
    tile, baseline, error = pair.tile, pair.baseline, pair.baseline.look.sensor.geolocation
    return {
        "count": tile.count,
        "low": sum(truth.inside and not truth.cut_by_edge for truth in tile.cars),
        "gsd": tile.site.frame.gsd_m,
        "coverage": round(tile.coverage, 4),
        "visible_count": sum(truth.inside and truth.visible > 0.5 for truth in tile.cars),
        "baseline_count": baseline.count,
        "condition": pair.spec.condition,
        "conditions": pair.spec.conditions,
        "sun": tile.look.sun.model_dump(),
        "baseline_sun": baseline.look.sun.model_dump(),
        "observed_at": tile.look.observed_at.isoformat(),
        "baseline_observed_at": baseline.look.observed_at.isoformat(),
        "baseline_misregistration": {
            "dx_px": error.dx_px,
            "dy_px": error.dy_px,
            "rotation_deg": error.rotation_deg,
            "scale": error.scale,
        },
    }


def write_pair(pair: RenderedPair, directory: Path) -> None:
    """Write a pair: tile.tif, baseline.tif, tracks.geojson, cars.geojson, baseline-cars.geojson, truth.json."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tile.tif").write_bytes(geotiff(pair.tile))
    (directory / "baseline.tif").write_bytes(geotiff(pair.baseline))
    documents = {
        "tracks.geojson": tracks_geojson(pair.spec.site),
        "cars.geojson": cars_geojson(pair.tile),
        "baseline-cars.geojson": cars_geojson(pair.baseline),
        "truth.json": truth(pair),
    }
    for name, document in documents.items():
        (directory / name).write_text(json.dumps(document))


def _degrees(site: RenderedSite, points_m: Points) -> list[list[float]]:
    return [[round(float(lon), 8), round(float(lat), 8)] for lon, lat in site.lonlat(points_m)]


def collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    """A GeoJSON FeatureCollection."""
    return {"type": "FeatureCollection", "features": features}


def feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    """A GeoJSON Feature."""
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
