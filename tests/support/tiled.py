"""Alerting's app over the rendered yard as a site of two by two tiles, each with a picture of its own."""

from collections.abc import Iterator
from datetime import timedelta

import rasterio
from obstore.store import MemoryStore
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.history.observations import tracks_by_tile
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.detector.composites.looks import StandingCar
from railwatch.shared.access import Tokens
from railwatch.shared.baseline_versions import keep_version
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef, Quality, TileCount
from railwatch.shared.events import CountEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import RedisSettings
from railwatch.shared.sites import Cell, Site
from railwatch.shared.state import connect
from tests.support.watched import NOW, SCENES, Watched, became, by_track, jpeg
from tests.support.yard_looks import cars_in, yard


def tiled(redis: RedisSettings) -> Watched:
    """The app over `yard` in four tiles, with five looks. The last look lacks the tile in the south-east."""
    store, blobs = Store(connect(redis)), BlobStore(MemoryStore())
    site = in_four(yard()[0].site)
    handler = CountHandler(
        store, {site.id: site}, Rule(), timedelta(0), timedelta(minutes=10), "http://127.0.0.1", lambda: NOW,
        Archive(blobs.objects),
    )  # fmt: skip
    for event in counts_of(site, blobs):
        handler.handle(event)
        if event.baseline and event.scene == SCENES[1]:
            keep_version(blobs.objects, became(event.baseline, event.baseline.observed_at, event.tile))
    handler.settle_due()
    return Watched(make_app(store, {site.id: site}, blobs, Tokens(None), Progress(), {}), store, blobs, {site.id: site})


def in_four(site: Site) -> Site:
    """A site with two by two cells, all of which have track."""
    sides = transform_bounds("EPSG:4326", site.cells()[0].crs, *site.polygon.bounds)
    longest = max(sides[2] - sides[0], sides[3] - sides[1])
    return Site.model_validate({**dict(site), "tile_size_m": 0.55 * longest})


def counts_of(site: Site, blobs: BlobStore) -> Iterator[CountEvent]:
    """What a perfect detector counts in each tile, with the tile's picture as evidence."""
    baselines: dict[str, BaselineRef] = {}
    tracks_m = tracks_by_tile(site)
    names = tuple(cell.id for cell in site.cells())
    for scene, look in zip(SCENES, yard()[1], strict=True):
        at = look.picture.look.observed_at
        for cell in site.cells():
            if (scene, cell.id) == (SCENES[-1], "r1c1"):
                continue
            file, picture = cut(look.file, cell)
            image = blobs.put(file, "image/tiff")
            shown = blobs.put(picture, "image/jpeg")
            cars = tuple(car for car in cars_in(look) if _holds(cell, car))
            yield CountEvent(
                recorded_at=at + timedelta(hours=3),
                site=site.id,
                tile=cell.id,
                scene=scene,
                tiles_in_scene=names,
                observed_at=at,
                sensor="rendered",
                result=TileCount(
                    count=len(cars),
                    low=max(0, len(cars) - 1),
                    high=len(cars) + 1,
                    coverage=1.0,
                    quality=Quality.OK,
                    tracks=by_track(cars, tracks_m[cell.id]),
                    algorithm="perfect 1",
                ),
                image=image,
                baseline=baselines.get(cell.id),
                evidence={"tile": shown, "cars": shown},
            )
            baselines.setdefault(
                cell.id,
                BaselineRef(
                    id=f"b1-{cell.id}", version=1, image=image, observed_at=at, scene=scene, origin="first-good-look"
                ),
            )


def cut(file: bytes, cell: Cell) -> tuple[bytes, bytes]:
    """The part of a picture that a tile shows, with its margin: as GeoTIFF, and as JPEG."""
    with MemoryFile(file) as memory, memory.open() as scene:
        wanted = transform_bounds("EPSG:4326", scene.crs, *cell.tile_polygon.bounds)
        window = from_bounds(*wanted, scene.transform).round_offsets().round_lengths()
        window = window.intersection(Window(0, 0, scene.width, scene.height))
        pixels = scene.read(window=window)
        profile = scene.profile | {
            "height": pixels.shape[1], "width": pixels.shape[2], "transform": scene.window_transform(window),
            "tiled": False,
        }  # fmt: skip
        for name in ("blockxsize", "blockysize"):
            profile.pop(name, None)
        with MemoryFile() as made:
            with made.open(**profile) as tile:
                tile.write(pixels)
            return bytes(made.read()), jpeg(pixels)


def _holds(cell: Cell, car: StandingCar) -> bool:
    left, bottom, right, top = cell.bounds_m
    (x,), (y,) = rasterio.warp.transform("EPSG:4326", cell.crs, [car.lon], [car.lat])
    return bool(left <= x < right and bottom <= y < top)
