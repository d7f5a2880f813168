"""What the services' HTTP interfaces share: problem details, bearer tokens and JSON bodies."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from railwatch.shared.errors import TransientError

ModelT = TypeVar("ModelT", bound=BaseModel)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = "10"

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


def problem(
    status: int, title: str, detail: str = "", headers: Mapping[str, str] | None = None, reason: str = ""
) -> JSONResponse:
    """Problem details (RFC 9457).

    Args:
        status: the HTTP status.
        title: what is wrong, the same words for each problem of one kind.
        detail: what is wrong this time, and what would be right.
        headers: further HTTP headers.
        reason: a short, stable word for the kind of problem, for programs.
    """
    body = {"type": f"urn:railwatch:problem:{reason}" if reason else "about:blank", "title": title, "status": status}
    members = {"detail": detail, "reason": reason}
    return JSONResponse(body | {name: text for name, text in members.items() if text}, status, headers, PROBLEM_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Have the app answer every error with problem details."""

    @app.exception_handler(StarletteHTTPException)
    def http_error(request: Request, error: StarletteHTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        return problem(error.status_code, phrase, "" if error.detail == phrase else error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = (f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in error.errors())
        return problem(422, "Unprocessable Content", "; ".join(faults))

    @app.exception_handler(TransientError)
    def away(request: Request, error: TransientError) -> JSONResponse:
        return problem(503, "Service Unavailable", str(error), {"Retry-After": RETRY_AFTER_S})


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


def bearer_check(tokens: Sequence[SecretStr], setting: str) -> Callable[..., None]:
    """A FastAPI dependency that requires one of the tokens.

    It compares the digests of all tokens, so that its duration reveals nothing about a token.

    Args:
        tokens: the accepted tokens. If there are none, every request is refused.
        setting: the environment variable that holds them, for the API's description.
    """
    known = [hashlib.sha256(token.get_secret_value().encode()).digest() for token in tokens]
    scheme = HTTPBearer(auto_error=False, description=f"One of {setting}.")

    def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        given = hashlib.sha256((credentials.credentials if credentials else "").encode()).digest()
        if sum(hmac.compare_digest(given, digest) for digest in known) == 0:
            what = "not one that is known" if credentials else "missing"
            raise HTTPException(
                401,
                f"The bearer token is {what}; send `Authorization: Bearer <token>`.",
                {"WWW-Authenticate": 'Bearer realm="railwatch"'},
            )

    return check
