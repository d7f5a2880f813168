"""The HTTP API: `POST /v1/scenes`."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Event, Semaphore
from typing import Annotated

import structlog
from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from starlette.requests import ClientDisconnect

from railwatch.services.ingest import metrics
from railwatch.services.ingest.http import openapi
from railwatch.services.ingest.http.problems import problem_response, unavailable_response
from railwatch.services.ingest.http.standing import Alerting, standing_router
from railwatch.services.ingest.http.upload import Upload, uploaded
from railwatch.services.ingest.scenes.arrival import arriving
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import is_stac_item, parse_json, read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted, me_router
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import derived_id
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import service_app
from railwatch.shared.masks import MaskFile, meaning_of

SOURCE = "api"
# Scenes that are pushed at the same time. More are put off before anything of them is read.
PUSHES_IN_HAND = 16
# Of these, scenes that are checked, or fetched for an item. So a slow server holds up no other scene.
PUSHES_AT_ONCE = 8

log = structlog.get_logger()


def make_app(
    intake: Intake,
    tokens: Tokens,
    progress: Progress,
    ready: Mapping[str, Callable[[], bool]],
    alerting: Alerting,
) -> FastAPI:
    """All HTTP routes of ingest: scenes, health and metrics."""
    app = service_app("Railwatch ingest", openapi.DESCRIPTION)
    app.include_router(scenes_router(intake, tokens))
    app.include_router(standing_router(intake.standings, alerting, tokens))
    app.include_router(me_router(tokens))
    app.include_router(health_router("ingest", progress, ready))

    @app.exception_handler(UnprocessableError)
    async def refused(request: Request, error: UnprocessableError) -> Response:
        subject = getattr(request.state, "subject", "request")
        # What was not read is told apart by what is known of it.
        known = derived_id(error.detail, request.headers.get("content-length"))
        content = getattr(request.state, "content", known)
        try:
            await to_thread.run_sync(intake.refuse, error, subject, content, SOURCE, request.state.sender)
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

    return app


def scenes_router(intake: Intake, tokens: Tokens) -> APIRouter:
    """The route by which scenes are pushed."""
    router = APIRouter(tags=["scenes"])
    in_hand, at_once = Semaphore(PUSHES_IN_HAND), CapacityLimiter(PUSHES_AT_ONCE)

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
        with arriving(SOURCE, request.headers.get("traceparent", "")), _place(in_hand):
            async with uploaded(request, intake.limits.max_bytes, intake.spool) as upload:
                receipt = await _while_wanted(request, partial(_take, intake, request, upload, asset), at_once)
        response.status_code = 201 if receipt.published else 200
        response.headers["Location"] = f"/v1/scenes/{receipt.scene}"
        return receipt

    return router


@contextmanager
def _place(places: Semaphore) -> Iterator[None]:
    """A block that has one of the places.

    Raises:
        TransientError: there is none.
    """
    if not places.acquire(blocking=False):
        raise TransientError("Too many scenes are coming in now.")
    try:
        yield
    finally:
        places.release()


async def _while_wanted(
    request: Request, take: Callable[[Callable[[], None]], Receipt], limiter: CapacityLimiter
) -> Receipt:
    """Takes a scene in a thread, unless its sender goes away before it is its turn.

    Raises:
        ClientDisconnect: the sender has gone.
    """
    gone = Event()

    def its_turn() -> None:
        if gone.is_set():
            raise ClientDisconnect

    with CancelScope() as waiting:

        async def watch() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            gone.set()
            waiting.cancel()

        watching = asyncio.create_task(watch())
        try:
            return await to_thread.run_sync(take, its_turn, limiter=limiter)
        finally:
            watching.cancel()
    raise ClientDisconnect


def _take(intake: Intake, request: Request, upload: Upload, asset: str | None, its_turn: Callable[[], None]) -> Receipt:
    sender: Holder = request.state.sender
    try:
        document = parse_json(upload.text)
        if upload.file is not None:
            metadata = read_metadata(document, datetime.now(UTC), asset)
            masks = [MaskFile(path, name, meaning_of(name)) for name, path in upload.masks]
            return intake.take(upload.file, metadata, SOURCE, masks, sender, its_turn)
        request.state.subject = str(document.get("id", "item"))
        if not is_stac_item(document):
            raise UnprocessableError(
                "stac-item-invalid",
                "A JSON body must be a STAC Item; our own metadata comes with its file, as multipart.",
            )
        its_turn()
        return take_item(intake, document, asset, SOURCE, sender, its_turn)
    except UnprocessableError:
        request.state.content = upload.content
        raise
