"""A labelled set from people's verdicts: the tiles of looks whose every car is known, and a polygon for each true car.

Each tile is a folder as `make train` and the benchmarks take real yards: `tile.tif`, `baseline.tif`, `tracks.geojson`,
`cars.geojson` and `truth.json`. Beside the folders of `train/` and of `held-out/` lie `coco.json` and `cars.geojson` of
all of them. A site is held out as a whole, and always on the same side: by the checksum of its id.

A picture shows its cell and a margin around it. Cars in the margin are counted on the tile beside, but they are cars on
this picture, too: all that learns from it or is judged by it looks at the whole picture.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from railwatch.services.alerting.pages.outlines import Ring, drawn_cars, outline_of
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.verdicts.corrected import by_look, corrected, is_near
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Car
from railwatch.shared.errors import ConfigurationError, UnprocessableError
from railwatch.shared.events import CountEvent, Place, VerdictEvent, VerdictKind
from railwatch.shared.geography import from_lon_lat, shape_from_lon_lat
from railwatch.shared.sites import Site

TRAIN, HELD_OUT = "train", "held-out"
LICENCE = "Pictures belong to their providers; the labels are yours."


@dataclass(frozen=True)
class Labelled:
    """A tile with the true cars on its picture as rings of longitude and latitude."""

    site: Site
    count: CountEvent
    cars: tuple[Ring, ...]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.site.id}--{self.count.scene}--{self.count.tile}"


def side_of(site: str, held_out: float) -> str:
    """On which side a site is: `train` or `held-out`, as its id alone says."""
    place = int.from_bytes(hashlib.sha256(site.encode()).digest()[:8], "big") / 2**64
    return HELD_OUT if place < held_out else TRAIN


def write_labelled(products: Products, blobs: BlobStore, output: Path, held_out: float) -> dict[str, int]:
    """Write the set; returns how many tiles each side has, and how many were left out, by reason.

    Args:
        products: the looks.
        blobs: their pictures.
        output: a folder that is not there yet, or is empty.
        held_out: share of the sites that are held out.

    Raises:
        ConfigurationError: the folder is not empty.
        TransientError: Redis or the object store does not answer.
    """
    if output.exists() and any(output.iterdir()):
        raise ConfigurationError(f"{output} is not empty; name a folder that is not there.")
    written: Counter[str] = Counter({TRAIN: 0, HELD_OUT: 0})
    documents: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
        side: (_empty_coco(), []) for side in (TRAIN, HELD_OUT)
    }
    for labelled in _all(products, written):
        side = side_of(labelled.site.id, held_out)
        folder = output / side / labelled.name
        try:
            _write_tile(labelled, blobs, folder)
        except UnprocessableError:
            shutil.rmtree(folder)
            written["without its pictures"] += 1
            continue
        coco, features = documents[side]
        _add(coco, features, labelled, folder)
        written[side] += 1
    for side, (coco, features) in documents.items():
        if coco["images"]:
            _write(output / side / "coco.json", coco)
            _write(output / side / "cars.geojson", _collection(features))
    return dict(written)


def _all(products: Products, left_out: Counter[str]) -> Iterator[Labelled]:
    for site_id, site in sorted(products.sites.items()):
        for scene, held in by_look(products.store.verdicts(site_id)).items():
            if not corrected(held).explained:
                left_out["not judged as a whole"] += 1
                continue
            look = products.look(site_id, scene)
            if look is None or not look.counts:
                left_out["without its counts"] += 1
            elif len({count.scene for count in look.events}) > 1:
                left_out["of several frames"] += 1
            elif sorted(count.id for count in look.events) != sorted(_judged_counts(held)):
                left_out["counted again since"] += 1
            else:
                yield from _of_look(site, look, held, left_out)


def _judged_counts(held: Sequence[VerdictEvent]) -> tuple[str, ...]:
    decided = corrected(held).decided
    return decided.found.counts if decided and decided.found else ()


def _of_look(site: Site, look: SiteLook, held: Sequence[VerdictEvent], left_out: Counter[str]) -> Iterator[Labelled]:
    """Its tiles, each with all cars that its picture shows: in its cell, and in the margin beside it."""
    cells = {cell.id: cell for cell in site.cells()}
    counted = {count.tile for count in look.events if count.result.count is not None}
    cars = _true_cars(site, look, held)
    for count in look.events:
        if count.tile not in cells:
            left_out["of another grid"] += 1
            continue
        shown = cells[count.tile].tile_polygon
        if count.tile not in counted:
            left_out["without a count"] += 1
        elif count.baseline is None or "no-baseline" in count.result.reasons:
            left_out["without a baseline"] += 1
        elif any(cell.id not in counted and shown.intersects(cell.polygon) for cell in cells.values()):
            left_out["beside a tile without a count"] += 1
        else:
            yield Labelled(site, count, tuple(ring for ring in cars if shown.contains(shapely.Polygon(ring).centroid)))


def _true_cars(site: Site, look: SiteLook, held: Sequence[VerdictEvent]) -> list[Ring]:
    """The cars of a look as the verdicts on it leave them."""
    places = {kind: [verdict.places for verdict in held if verdict.kind is kind] for kind in VerdictKind}
    false = [place for (place,) in places[VerdictKind.NOT_A_CAR]]
    two = [place for (place,) in places[VerdictKind.TWO_CARS]]
    joined = places[VerdictKind.ONE_CAR]
    drawn = [car for car in drawn_cars(look) if not _near(car.car, false)]
    cars: list[Ring] = []
    for car in drawn:
        if _near(car.car, two):
            cars += _halves(car.outline)
        elif not any(_near(car.car, pair) for pair in joined):
            cars.append(car.outline)
    for pair in joined:
        both = [car for car in drawn if _near(car.car, pair)]
        if both:
            hull = shapely.MultiPoint([at for car in both for at in car.outline]).minimum_rotated_rectangle
            cars.append(tuple((float(x), float(y)) for x, y in hull.exterior.coords))
    crs = site.cells()[0].crs
    lines = [shape_from_lon_lat(crs, track.line) for track in site.tracks]
    length_m = float(np.median([car.car.length_m for car in drawn])) if drawn else float(np.mean(site.car_lengths_m))
    for (place,) in places[VerdictKind.MISSED_CAR]:
        x, y = (float(value) for value in from_lon_lat(crs, np.array(place.lon), np.array(place.lat)))
        line = min(lines, key=lambda one: one.distance(shapely.Point(x, y)))
        cars.append(outline_of(crs, line, Car(lon=place.lon, lat=place.lat, length_m=length_m, probability=1.0)))
    return cars


def _near(car: Car, places: Sequence[Place]) -> bool:
    return is_near(car.lon, car.lat, places)


def _halves(ring: Ring) -> list[Ring]:
    """A car's ring cut across its length: its corners go along one side and back along the other."""
    a, b, c, d = (np.array(corner) for corner in ring[:4])
    side, other = (a + b) / 2, (c + d) / 2
    quads = ([a, side, other, d], [side, b, c, other])
    return [tuple((float(x), float(y)) for x, y in (*quad, quad[0])) for quad in quads]


def _write_tile(labelled: Labelled, blobs: BlobStore, folder: Path) -> None:
    folder.mkdir(parents=True)
    count = labelled.count
    (folder / "tile.tif").write_bytes(blobs.get(count.image))
    if count.baseline:
        (folder / "baseline.tif").write_bytes(blobs.get(count.baseline.image))
    tracks = [_feature("LineString", track.coordinates, {"track": track.id}) for track in labelled.site.tracks]
    _write(folder / "tracks.geojson", _collection(tracks))
    _write(folder / "cars.geojson", _collection([_feature("Polygon", [ring], {}) for ring in labelled.cars]))
    number = len(labelled.cars)
    truth = {"count": number, "low": number, "high": number, "site": labelled.site.id, "scene": count.scene}
    _write(folder / "truth.json", truth | {"tile": count.tile, "observed_at": count.observed_at.isoformat()})


def _empty_coco() -> dict[str, Any]:
    info = {"description": "Railcars as people's verdicts left them (Railwatch)", "rights": LICENCE}
    return {"info": info, "images": [], "annotations": [], "categories": [{"id": 1, "name": "railcar"}]}


def _add(coco: dict[str, Any], features: list[dict[str, Any]], labelled: Labelled, folder: Path) -> None:
    raster = read_raster(folder / "tile.tif")
    rows, cols = raster.shape
    image = len(coco["images"]) + 1
    coco["images"].append(
        {
            "id": image,
            "file_name": f"{folder.name}/tile.tif",
            "width": cols,
            "height": rows,
            "date_captured": labelled.count.observed_at.isoformat(),
        }
    )
    for ring in labelled.cars:
        # COCO counts from the corner of the first pixel, `to_pixels` from its middle.
        points = raster.to_pixels(np.array(ring[:4])) + 0.5
        left, top = points.min(axis=0)
        wide, high = points.max(axis=0) - (left, top)
        coco["annotations"].append(
            {
                "id": len(coco["annotations"]) + 1,
                "image_id": image,
                "category_id": 1,
                "segmentation": [[round(float(value), 2) for value in points.ravel()]],
                "bbox": [round(float(value), 2) for value in (left, top, wide, high)],
                "area": round(float(shapely.Polygon(points).area), 2),
                "iscrowd": 0,
            }
        )
        about = {"site": labelled.site.id, "scene": labelled.count.scene, "tile": labelled.count.tile}
        features.append(_feature("Polygon", [ring], about))


def _feature(kind: str, coordinates: object, about: dict[str, str]) -> dict[str, Any]:
    return {"type": "Feature", "properties": about, "geometry": {"type": kind, "coordinates": coordinates}}


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
