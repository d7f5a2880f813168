"""The page's API for pictures: the last ones of a site, and one from a file."""

import json
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.pictures import TilePicture
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted, check_reach
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.errors import ConfigurationError, UnprocessableError
from railwatch.shared.events import Slug
from railwatch.shared.sites import Cell, read_site
from railwatch.siting.page.backdrops import MEDIA_TYPE, Backdrop, backdrop
from railwatch.siting.page.requests import RefusedError, received_file, refused
from railwatch.siting.page.shelves import ChangedMeanwhileError, Shelf

# The header with the four corners of a picture, as JSON.
CORNERS = "Railwatch-Corners"


class Look(Frozen):
    """The pictures of one time: the checksum of each cell's."""

    observed_at: UtcDatetime
    cells: dict[str, str]


class Looks(Frozen):
    """The last looks at a site, the newest first."""

    items: tuple[Look, ...]


def pictures_router(shelf: Shelf, tokens: Tokens, intake: Intake) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/drawing", tags=["drawing"])
    draws = Depends(admitted(tokens, Scope.DRAW))

    @router.get("/sites/{site}/pictures", summary="The last pictures of a site")
    def list_pictures(site: Slug, by: Annotated[Holder, draws]) -> Looks:
        looks: dict[UtcDatetime, dict[str, str]] = {}
        for cell, pictures in known_pictures(shelf, site, by, intake):
            for picture in pictures:
                looks.setdefault(picture.observed_at, {})[cell.id] = picture.image.sha256
        newest = sorted(looks, reverse=True)
        return Looks(items=tuple(Look(observed_at=at, cells=looks[at]) for at in newest))

    @router.get("/sites/{site}/pictures/{sha256}", summary="A picture of a site", response_class=Response)
    def get_picture(site: Slug, sha256: str, by: Annotated[Holder, draws]) -> Response:
        known = (picture for _, pictures in known_pictures(shelf, site, by, intake) for picture in pictures)
        picture = next((picture for picture in known if picture.image.sha256 == sha256), None)
        if picture is None:
            raise RefusedError(404, f"The site {site} has no picture {sha256}.", "picture-unknown")
        try:
            with intake.spool.spooled([intake.blobs.get(picture.image)], intake.limits.max_bytes) as path:
                return _answer(backdrop(path, intake.limits))
        except UnprocessableError as error:
            raise refused(error) from None

    @router.post("/picture", summary="A picture from a file, as a map shows it", response_class=Response)
    async def post_picture(request: Request, by: Annotated[Holder, draws]) -> Response:
        async with received_file(request, intake, intake.limits.max_bytes) as path:
            try:
                return _answer(await to_thread.run_sync(backdrop, path, intake.limits))
            except UnprocessableError as error:
                raise refused(error) from None

    return router


def known_pictures(shelf: Shelf, site: str, by: Holder, intake: Intake) -> list[tuple[Cell, tuple[TilePicture, ...]]]:
    """The last pictures of each cell of a site; none if the site's files cannot be used, or are not saved yet.

    Raises:
        NotAdmittedError: they do not reach the site.
    """
    check_reach(by, site)
    if (file := shelf.file_of(site)) is None:
        return []
    try:
        with shelf.taken(file) as held:
            cells = read_site(held.path, with_proposed=True).site.cells()
    except (ChangedMeanwhileError, ConfigurationError):
        return []
    return [(cell, intake.pictures.of(site, cell.id)) for cell in cells]


def _answer(made: Backdrop) -> Response:
    return Response(made.data, media_type=MEDIA_TYPE, headers={CORNERS: json.dumps(made.corners)})
