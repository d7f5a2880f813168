"""The page's API for a first count: on the site's last picture, or on one from a file."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from railwatch.services.ingest.http.upload import uploaded
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted
from railwatch.shared.counts import UtcDatetime
from railwatch.shared.errors import RailwatchError, TransientError, UnprocessableError
from railwatch.shared.events import Slug
from railwatch.shared.sites import Cell
from railwatch.shared.text import said
from railwatch.siting.page.drafts import Draft, draft_files
from railwatch.siting.page.first_count import FirstCount, count_on
from railwatch.siting.page.pictures import known_pictures
from railwatch.siting.page.requests import RefusedError, refused
from railwatch.siting.page.shelves import Shelf


def counts_router(shelf: Shelf, tokens: Tokens, intake: Intake) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1/drawing", tags=["drawing"])

    @router.post("/sites/{site}/first-count", summary="Count on tracks that are being drawn")
    async def post_first_count(
        request: Request,
        site: Slug,
        by: Annotated[Holder, Depends(admitted(tokens, Scope.DRAW, files=True))],
        at: Annotated[UtcDatetime | None, Query(description="When the picture was taken, RFC 3339.")] = None,
    ) -> FirstCount:
        """Send the draft as JSON to count on the site's pictures of a time, or with a `file` as multipart."""
        try:
            async with uploaded(request, intake.limits.max_bytes, intake.spool) as upload:
                draft = Draft.model_validate_json(upload.text)
                if upload.file is not None:
                    return await to_thread.run_sync(count_on, draft_files(site, draft), {upload.file: None}, at)
                return await to_thread.run_sync(_on_pictures, shelf, site, by, intake, draft, at)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise RefusedError(422, f"{where or 'body'}: {said(fault['msg'])}", "site-invalid") from None
        except UnprocessableError as error:
            raise refused(error) from None
        except TransientError:
            raise
        except RailwatchError as error:
            raise RefusedError(422, str(error), "count-impossible") from None

    return router


def _on_pictures(
    shelf: Shelf, site: str, by: Holder, intake: Intake, draft: Draft, at: UtcDatetime | None
) -> FirstCount:
    with ExitStack() as files:
        pictures: dict[Path, Cell | None] = {}
        for cell, known in known_pictures(shelf, site, by, intake):
            for picture in known:
                if picture.observed_at == at:
                    data = intake.blobs.get(picture.image)
                    pictures[files.enter_context(intake.spool.spooled([data], intake.limits.max_bytes))] = cell
                    break
        if not pictures:
            raise RefusedError(404, f"The site {site} has no picture of this time.", "picture-unknown")
        return count_on(draft_files(site, draft), pictures, at)
