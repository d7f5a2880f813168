"""The HTTP API: `POST /v1/scenes`."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from starlette.requests import ClientDisconnect

from railwatch.services.ingest import metrics
from railwatch.services.ingest.http import openapi
from railwatch.services.ingest.http.problems import problem_response, unavailable_response
from railwatch.services.ingest.http.upload import Upload, read_upload
from railwatch.services.ingest.scenes.arrival import arriving
from railwatch.services.ingest.scenes.assets import CHUNK_BYTES, spooled, take_item
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import problem, service_app
from railwatch.shared.masks import MaskFile, meaning_of

SOURCE = "api"
# Scenes that are pushed at the same time, or fetched for an item that is. So a slow server holds up no other scene.
PUSHES_AT_ONCE = 8

log = structlog.get_logger()


def make_app(intake: Intake, tokens: Tokens, progress: Progress, ready: Mapping[str, Callable[[], bool]]) -> FastAPI:
    """All HTTP routes of ingest: scenes, health and metrics."""
    app = service_app("Railwatch ingest", openapi.DESCRIPTION)
    app.include_router(scenes_router(intake, tokens))
    app.include_router(health_router("ingest", progress, ready))

    @app.exception_handler(UnprocessableError)
    async def refused(request: Request, error: UnprocessableError) -> Response:
        subject = getattr(request.state, "subject", "request")
        try:
            await to_thread.run_sync(intake.refuse, error, subject, SOURCE, request.state.sender)
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


def scenes_router(intake: Intake, tokens: Tokens) -> APIRouter:
    """The route by which scenes are pushed."""
    router = APIRouter(tags=["scenes"])
    at_once = CapacityLimiter(PUSHES_AT_ONCE)

    @router.post(
        "/v1/scenes",
        status_code=201,
        response_model_exclude_defaults=True,
        summary="Push a scene",
        description=openapi.PUSH_DESCRIPTION,
        responses=openapi.RESPONSES,
        openapi_extra={"requestBody": openapi.REQUEST_BODY},
    )
    async def push(
        request: Request,
        response: Response,
        sender: Annotated[Holder, Depends(admitted(tokens, Scope.PUSH, Scope.BASELINE))],
        asset: Annotated[
            str | None, Query(description="The asset to take, where an item has several GeoTIFFs.")
        ] = None,
    ) -> Receipt:
        request.state.sender = sender
        with arriving(SOURCE, request.headers.get("traceparent", "")):
            upload = await read_upload(request, intake.limits.max_bytes)
            try:
                receipt = await to_thread.run_sync(_take, intake, upload, asset, sender, limiter=at_once)
            finally:
                upload.close()
        response.status_code = 201 if receipt.published else 200
        return receipt

    return router


def _take(intake: Intake, upload: Upload, asset: str | None, sender: Holder) -> Receipt:
    file = upload.file
    if file is None:
        return take_item(intake, upload.document, asset, SOURCE, sender)
    metadata = read_metadata(upload.document, datetime.now(UTC), asset)
    with ExitStack() as stack:
        path = stack.enter_context(_spooled(file, intake))
        masks = [
            MaskFile(stack.enter_context(_spooled(mask, intake)), name, meaning_of(name)) for name, mask in upload.masks
        ]
        return intake.take(path, metadata, SOURCE, masks, sender)


def _spooled(file: BinaryIO, intake: Intake) -> AbstractContextManager[Path]:
    return spooled(iter(lambda: file.read(CHUNK_BYTES), b""), intake.limits.max_bytes)
