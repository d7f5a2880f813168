"""The pictures of the ground on the pages: map tiles, thumbnails, outlines of cars, time-lapses."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from railwatch.services.alerting.ground.choices import MEDIA_TYPES, Kind, Layer
from railwatch.services.alerting.ground.mercator import widened
from railwatch.services.alerting.pages.outlines import drawn_cars, features
from railwatch.services.alerting.pages.parts import counts_of_look
from railwatch.services.alerting.products.catalogue import Products
from railwatch.shared.access import Holder
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import UtcDatetime
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Site

if TYPE_CHECKING:
    from railwatch.services.alerting.ground.looks import Grounds

# Requests that may wait for pictures. There are 40 threads for all requests.
WAITING = 24
# A look may be corrected, so browsers ask again after a while.
SOON = {"Cache-Control": "private, max-age=300"}
# Pixels of a thumbnail on its longest side, as it may be asked for.
THUMBNAIL_PX = Query(default=320, ge=32, le=1024, description="Pixels of the longest side.")
# Ground around the tracks on a time-lapse, metres.
AROUND_M = 25.0


# Media types of pictures that are served.
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
# A picture's address holds its checksum, so it never changes. Caches between us and the reader keep none.
FOREVER = "private, max-age=31536000, immutable"


class _Busy(HTTPException):
    def __init__(self, what: str) -> None:
        super().__init__(503, f"Other {what} are being made; ask again soon.", {"Retry-After": "5"})


def ground_router(products: Products, blobs: BlobStore, reader: Callable[..., Holder]) -> APIRouter:
    """Pictures of looks."""
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    router = APIRouter(prefix="/v1/sites", tags=["pictures"])
    places, lapses = BoundedSemaphore(WAITING), BoundedSemaphore(1)

    @cache
    def grounds() -> "Grounds":
        # What reads rasters takes a while to load, and many processes never draw.
        from railwatch.services.alerting.ground.looks import Grounds

        return Grounds(blobs, events_of)

    def events_of(site: str, scene: str) -> Sequence[CountEvent]:
        look = products.look(site, scene)
        return look.events if look else ()

    def known(site: str, by: Holder) -> Site:
        found = products.sites.get(site)
        if found is None or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        return found

    def counts_of(site: str, scene: str) -> Sequence[CountEvent]:
        found = grounds().counts(site, scene)
        if not found:
            raise HTTPException(404, f"Nothing of the scene {scene!r} was counted at the site {site!r}.")
        return found

    @contextmanager
    def drawing(place: BoundedSemaphore, what: str) -> Iterator[None]:
        if not place.acquire(blocking=False):
            raise _Busy(what)
        try:
            yield
        except UnprocessableError as error:
            why = "Its pixels are not kept any more." if error.reason == "blob-missing" else error.detail
            raise HTTPException(404, f"The picture cannot be shown. {why}") from None
        finally:
            place.release()

    @router.get("/{site}/looks/{scene}/ground.json", summary="The map tiles of a look, as TileJSON")
    def get_tile_json(site: str, scene: str, by: Reader, layer: Layer = "look") -> dict[str, Any]:
        found, counts = known(site, by), counts_of(site, scene)
        with drawing(places, "pictures"):
            said = grounds().tile_json(counts, layer)
        tiles = f"/v1/sites/{site}/looks/{scene}/ground/{{z}}/{{x}}/{{y}}.webp?layer={layer}"
        return {**said, "name": f"{found.name}, {scene}", "tiles": [tiles], "bounds": found.polygon.bounds}

    @router.get(
        "/{site}/looks/{scene}/ground/{z}/{x}/{y}.webp", summary="A map tile of a look", response_class=Response
    )
    def get_map_tile(site: str, scene: str, z: int, x: int, y: int, by: Reader, layer: Layer = "look") -> Response:
        found = known(site, by)
        if not (0 <= z <= 24 and 0 <= x < 2**z and 0 <= y < 2**z):
            raise HTTPException(404, f"There is no map tile {z}/{x}/{y}.")
        counts = counts_of(site, scene)
        with drawing(places, "pictures"):
            data = grounds().map_tile(counts, found.cells(), layer, (z, x, y))
        return Response(data, media_type="image/webp", headers=SOON)

    @router.get("/{site}/looks/{scene}/cars.geojson", summary="The cars of a look, as outlines")
    def get_cars(site: str, scene: str, by: Reader) -> dict[str, Any]:
        known(site, by)
        look = products.look(site, scene)
        if look is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site!r}.")
        return features(drawn_cars(look))

    @router.get("/{site}/looks/{scene}/thumbnail.webp", summary="A small picture of a look", response_class=Response)
    def get_thumbnail(site: str, scene: str, by: Reader, px: int = THUMBNAIL_PX) -> Response:
        from railwatch.services.alerting.ground.thumbnails import thumbnail

        found = known(site, by)
        picture = _telling_picture(found, counts_of(site, scene))
        if picture is None:
            raise HTTPException(404, "The look has no picture.")
        with drawing(places, "pictures"):
            return Response(thumbnail(blobs.get(picture), px), media_type="image/webp", headers=SOON)

    @router.get(
        "/{site}/looks/{scene}/pictures/{sha256}", summary="A picture that came with a look", response_class=Response
    )
    def get_picture(site: str, scene: str, sha256: str, by: Reader) -> Response:
        known(site, by)
        pictures = (ref for count in counts_of(site, scene) for ref in count.evidence.values())
        ref = next((ref for ref in pictures if ref.sha256 == sha256 and ref.media_type in PICTURES), None)
        if ref is None:
            raise HTTPException(404, f"The look has no picture {sha256!r}.")
        with drawing(places, "pictures"):
            return Response(blobs.get(ref), media_type=ref.media_type, headers={"Cache-Control": FOREVER})

    @router.get("/{site}/time-lapse.{kind}", summary="A site's looks as an animated picture", response_class=Response)
    def get_time_lapse(
        site: str,
        kind: Kind,
        by: Reader,
        from_: Annotated[UtcDatetime | None, Query(alias="from", description="Not before this time.")] = None,
        to: Annotated[UtcDatetime | None, Query(description="Before this time.")] = None,
    ) -> Response:
        from railwatch.services.alerting.ground.lapse import Frame, affordable, chosen, time_lapse

        found = known(site, by)
        looks = [
            look
            for look in products.store.record(site).history.judgements
            if (from_ is None or look.observed_at >= from_) and (to is None or look.observed_at < to)
        ]
        with drawing(lapses, "time-lapses"):
            frames = [
                Frame(look, counts)
                for look in chosen(looks)
                if (counts := counts_of_look(products.archive, site, look))
            ]
            if not frames:
                raise HTTPException(404, f"Between these times, nothing was seen of the site {site!r}.")
            frames = affordable(frames)
            data = time_lapse(frames, widened(found.lines.bounds, AROUND_M), blobs.get, kind)
        name = f"{site}-{frames[0].look.observed_at:%Y%m%d}-{frames[-1].look.observed_at:%Y%m%d}.{kind}"
        headers = {**SOON, "Content-Disposition": f'inline; filename="{name}"'}
        return Response(data, media_type=MEDIA_TYPES[kind], headers=headers)

    return router


def _telling_picture(site: Site, counts: Sequence[CountEvent]) -> Any:
    """The picture of the tile with the most track, with its cars if they are drawn."""
    most_track = {cell.id: cell.polygon.intersection(site.lines).length for cell in site.cells()}
    for count in sorted(counts, key=lambda count: -most_track.get(count.tile, 0.0)):
        for name in ("cars", "tile"):
            if name in count.evidence:
                return count.evidence[name]
    return None
