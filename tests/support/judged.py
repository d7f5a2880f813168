"""A look at a yard of the held-out renderer that was counted and that people judged, as alerting keeps it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.pages.outlines import DrawnCar, drawn_cars
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdict_routes import found_of
from railwatch.services.detector.counting import count_tile
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef, TileCount
from railwatch.shared.events import CountEvent, Place, VerdictKind, WhyFalse
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import Site
from railwatch.shared.state import connect
from railwatch.training import held_out
from railwatch.training.held_out import Pair

AT = datetime(2024, 5, 1, 3, tzinfo=UTC)
SITE, SCENE = "yard", "now"
URL = "http://127.0.0.1"


def site_of(pair: Pair, tile_size_m: float = 3000) -> Site:
    """The site of a rendered pair."""
    corners = pair.lonlat(np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * pair.site.size_m)
    return Site(
        id=SITE,
        name="Yard",
        area=tuple((lon, lat) for lon, lat in corners),
        tracks=held_out.as_case(pair).tracks,
        tile_size_m=tile_size_m,
    )


def counts_of(pair: Pair, site: Site) -> dict[str, TileCount]:
    """The count of each of the site's cells, all on the whole picture of the pair."""
    case = held_out.as_case(pair)
    return {
        cell.id: count_tile(case.tile, case.baseline, case.tracks, sun=case.sun, cell=cell).count
        for cell in site.cells()
    }


def taken_in(
    pair: Pair, site: Site, results: Mapping[str, TileCount], redis: RedisSettings
) -> tuple[Products, BlobStore]:
    """The look of these counts, as alerting has it, and its pictures."""
    blobs, store = BlobStore.open(BlobSettings(url="memory://")), Store(connect(redis))
    minute, archive, sites = timedelta(minutes=1), Archive(blobs.objects), {site.id: site}
    handler = CountHandler(store, sites, Rule(), minute, minute, URL, lambda: AT, archive)
    baseline = BaselineRef(
        id="baseline-1",
        version=1,
        image=blobs.put(held_out.geotiff(pair, pair.baseline), "image/tiff"),
        observed_at=AT - timedelta(days=9),
        scene="before",
        origin="operator",
    )
    image = blobs.put(held_out.geotiff(pair, pair.tile), "image/tiff")
    for tile, result in results.items():
        handler.handle(
            CountEvent(
                recorded_at=AT,
                site=site.id,
                tile=tile,
                scene=SCENE,
                tiles_in_scene=tuple(results),
                observed_at=AT,
                result=result,
                image=image,
                baseline=baseline,
            )
        )
    return Products(store, sites, archive, minute, URL), blobs


def judge(products: Products, *said: Said) -> None:
    """Let people say something of the look."""
    look = products.look(SITE, SCENE)
    assert look is not None
    for one in said:
        say(products.store, About(look.site, look.seen.scenes, None, AT, found_of(look), f"{URL}/"), one)


def cars_in(products: Products) -> list[DrawnCar]:
    """The cars that were drawn on the look."""
    look = products.look(SITE, SCENE)
    assert look is not None
    return drawn_cars(look)


def judge_as_a_whole(products: Products) -> None:
    """Let people say that one car is a shadow, that one was missed, and that all else is right."""
    car = cars_in(products)[0].car
    track = products.sites[SITE].tracks[0].coordinates
    lon, lat = track[len(track) // 2]
    judge(
        products,
        Said(VerdictKind.NOT_A_CAR, "Ada", None, AT, (Place(lon=car.lon, lat=car.lat),), reason=WhyFalse.SHADOW),
        Said(VerdictKind.MISSED_CAR, "Ada", None, AT, (Place(lon=lon, lat=lat),)),
        Said(VerdictKind.RIGHT, "Ada", None, AT),
    )
