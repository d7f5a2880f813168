"""The HTTP API: `POST /v1/scenes`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import SecretStr
from starlette.requests import ClientDisconnect

from railwatch.services.ingest import openapi
from railwatch.services.ingest.arrival import arriving
from railwatch.services.ingest.assets import CHUNK_BYTES, fetched, scene_href, spooled
from railwatch.services.ingest.intake import Intake, Receipt
from railwatch.services.ingest.metadata import read_item, read_metadata
from railwatch.services.ingest.problems import problem_response, unavailable_response
from railwatch.services.ingest.upload import Upload, read_upload
from railwatch.shared import metrics
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import answer_with_problems, bearer_check, problem

SOURCE = "api"
SCENES_AT_ONCE = 2
"""Each scene in work holds a core and a tile's pixels; further requests wait their turn."""

log = structlog.get_logger()


def make_app(
    intake: Intake, tokens: Sequence[SecretStr], progress: Progress, ready: Mapping[str, Callable[[], bool]]
) -> FastAPI:
    """The whole of ingest's HTTP: scenes, health and metrics."""
    app = FastAPI(title="Railwatch ingest", version="1", description=openapi.DESCRIPTION)
    answer_with_problems(app)
    app.include_router(scenes_router(intake, tokens))
    app.include_router(health_router(progress, ready))

    @app.exception_handler(UnprocessableError)
    async def refused(request: Request, error: UnprocessableError) -> Response:
        subject = getattr(request.state, "subject", "request")
        try:
            await to_thread.run_sync(intake.refuse, error, subject, SOURCE)
        except TransientError as away:
            return deferred(request, away)
        return problem_response(error.reason, error.detail)

    @app.exception_handler(TransientError)
    def deferred(request: Request, error: TransientError) -> Response:
        metrics.SCENES.labels(source=SOURCE, outcome="deferred", reason="").inc()
        log.warning("scene deferred", source=SOURCE, detail=str(error))
        return unavailable_response(f"{error} Nothing was lost: send the scene again.")

    @app.exception_handler(ClientDisconnect)
    def hung_up(request: Request, error: ClientDisconnect) -> Response:
        log.info("sender hung up", source=SOURCE)
        return Response(status_code=400)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        return problem(500, "Internal Server Error")

    return app


def scenes_router(intake: Intake, tokens: Sequence[SecretStr]) -> APIRouter:
    """The one route by which scenes are pushed."""
    router = APIRouter(tags=["scenes"])
    at_once = CapacityLimiter(SCENES_AT_ONCE)

    @router.post(
        "/v1/scenes",
        status_code=201,
        summary="Push a scene",
        description=openapi.PUSH_DESCRIPTION,
        responses=openapi.RESPONSES,
        openapi_extra={"requestBody": openapi.REQUEST_BODY},
        dependencies=[Depends(bearer_check(tokens, "RAILWATCH_INGEST_TOKENS"))],
    )
    async def push(
        request: Request,
        response: Response,
        asset: Annotated[
            str | None, Query(description="The asset to take, where an item has several GeoTIFFs.")
        ] = None,
    ) -> Receipt:
        with arriving(SOURCE, request.headers.get("traceparent", "")):
            upload = await read_upload(request, intake.limits.max_bytes)
            try:
                receipt = await to_thread.run_sync(_take, intake, upload, asset, limiter=at_once)
            finally:
                if upload.file:
                    upload.file.close()
        response.status_code = 201 if receipt.published else 200
        return receipt

    return router


def _take(intake: Intake, upload: Upload, asset: str | None) -> Receipt:
    metadata = read_metadata(upload.document, datetime.now(UTC))
    with _local_file(intake, upload, asset) as path:
        return intake.take(path, metadata, SOURCE)


@contextmanager
def _local_file(intake: Intake, upload: Upload, asset: str | None) -> Iterator[Path]:
    if upload.file is None:
        href = scene_href(read_item(upload.document), asset)
        with fetched(href, intake.limits) as path:
            yield path
    else:
        file = upload.file
        with spooled(iter(lambda: file.read(CHUNK_BYTES), b""), intake.limits.max_bytes) as path:
            yield path
