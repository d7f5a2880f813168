"""What the services' HTTP interfaces share: problem details and JSON bodies."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Receive, Scope, Send

from railwatch.shared.accept import wants_page
from railwatch.shared.errors import MAX_DETAIL, TransientError
from railwatch.shared.headers import WithHeaders
from railwatch.shared.metrics import MetricsOf
from railwatch.shared.problem_page import problem_page
from railwatch.shared.text import plain, said

log = structlog.get_logger()

ModelT = TypeVar("ModelT", bound=BaseModel)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = "10"

# Methods that change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD"})

ACTS_REFUSED = MetricsOf(("ingest", "alerting")).counter(
    "railwatch_acts_refused_total",
    "Requests that would have changed something, from somebody who may not. The log says which, and who it was if that "
    "is known.",
    reason="`token-unknown`, `scope-missing`, `site-not-allowed` or `not-same-origin`",
)

# What every route may answer with, for the OpenAPI documents.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    int(status): {
        "description": status.phrase,
        "content": {
            PROBLEM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer", "const": int(status)},
                        "detail": {"type": "string"},
                        "reason": {"type": "string"},
                    },
                }
            }
        },
    }
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}


class ProblemDetails(JSONResponse):
    """Problem details (RFC 9457); for a person with a browser, a page that says the same."""

    media_type = PROBLEM_TYPE

    def __init__(self, body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> None:
        self._said = {**headers, "Vary": "Accept"}
        self._title, self._detail = body["title"], body.get("detail", "")
        super().__init__(body, status, self._said)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if not wants_page(Headers(scope=scope).get("accept", "")):
            await super().__call__(scope, receive, send)
            return
        home = getattr(scope["app"].state, "home", None) if "app" in scope else None
        text, headers = problem_page(self.status_code, self._title, self._detail, self._said, scope["path"], home)
        await HTMLResponse(text, self.status_code, {**self._said, **headers})(scope, receive, send)


def problem(
    status: int, title: str, detail: str = "", headers: Mapping[str, str] | None = None, reason: str = ""
) -> ProblemDetails:
    """Problem details (RFC 9457), or the page of them.

    Args:
        status: the HTTP status.
        title: what is wrong, the same words for each problem of one kind.
        detail: what is wrong this time, and what would be right.
        headers: further HTTP headers.
        reason: a short, stable word for the kind of problem, for programs.
    """
    body = {"type": f"urn:railwatch:problem:{reason}" if reason else "about:blank", "title": title, "status": status}
    members = {"detail": detail, "reason": reason}
    return ProblemDetails(body | {name: text for name, text in members.items() if text}, status, headers or {})


def service_app(title: str, description: str) -> FastAPI:
    """An app that answers every error with problem details, and every request with the headers of `shared.headers`.

    It has no page of documentation: FastAPI's loads scripts from elsewhere. And it does not redirect: that would follow
    the `Host` header of a request.
    """
    app = FastAPI(
        title=title,
        version="1",
        description=description,
        responses=PROBLEM_RESPONSES,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(WithHeaders)
    answer_with_problems(app)
    return app


def answer_with_problems(app: FastAPI) -> None:
    """Have the app answer every error with problem details."""

    @app.exception_handler(StarletteHTTPException)
    def http_error(request: Request, error: StarletteHTTPException) -> ProblemDetails:
        phrase = HTTPStatus(error.status_code).phrase
        if error.status_code in (401, 403) and request.method not in SAFE_METHODS:
            _note_refusal(request, error)
        detail = "" if error.detail == phrase else error.detail
        return problem(error.status_code, phrase, detail, error.headers, getattr(error, "reason", ""))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> ProblemDetails:
        faults = (f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {said(fault['msg'])}" for fault in error.errors())
        return problem(422, "Unprocessable Content", "; ".join(faults))

    @app.exception_handler(TransientError)
    def away(request: Request, error: TransientError) -> ProblemDetails:
        return problem(503, "Service Unavailable", str(error), {"Retry-After": RETRY_AFTER_S})

    # Requests are checked by FastAPI, whose error is another one. What is left is what Redis holds.
    @app.exception_handler(ValidationError)
    def unreadable(request: Request, error: ValidationError) -> ProblemDetails:
        log.error(
            "state cannot be read", path=request.url.path, model=error.title, detail=plain(str(error), MAX_DETAIL)
        )
        detail = f"What Redis holds cannot be read as {error.title}. docs/operate.md says how to make it anew."
        return problem(500, "Internal Server Error", detail, reason="state-unreadable")

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> ProblemDetails:
        return problem(500, "Internal Server Error")


def _note_refusal(request: Request, error: StarletteHTTPException) -> None:
    reason = getattr(error, "reason", "")
    ACTS_REFUSED.labels(reason).inc()
    by, path = getattr(error, "by", None), plain(request.url.path, MAX_DETAIL)
    log.warning("act refused", method=request.method, path=path, reason=reason, by=by)


def json_body(model: type[ModelT]) -> Callable[[Request], Awaitable[ModelT]]:
    """A FastAPI dependency that reads a JSON body. FastAPI by itself would read it before any token is checked.

    Args:
        model: what the body must be. `body_schema` says it in the API's description.
    """

    async def read(request: Request) -> ModelT:
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(
                [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
            ) from None

    return read


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The part of the OpenAPI document that describes a body for `json_body`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}
