"""Bodies of the page's requests, read up to a limit, and its answers about faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.shared.errors import ConfigurationError, UnprocessableError
from railwatch.shared.text import said

# Largest document and largest file of lines, bytes.
MAX_DOCUMENT_BYTES = 8 * 1024**2
MAX_LINES_BYTES = 64 * 1024**2


ModelT = TypeVar("ModelT", bound=BaseModel)


class RefusedError(HTTPException):
    """What cannot be done, in a sentence for people and a word for programs."""

    def __init__(self, status: int, detail: str, reason: str) -> None:
        super().__init__(status, detail)
        self.reason = reason


def refused(error: ConfigurationError | UnprocessableError) -> RefusedError:
    """The answer to a faulty site or picture. It is no dead letter: nothing came in."""
    if isinstance(error, UnprocessableError):
        return RefusedError(422, error.detail, error.reason)
    return RefusedError(422, str(error), "site-invalid")


async def read_body(request: Request, model: type[ModelT]) -> ModelT:
    """A JSON body.

    Raises:
        RefusedError: it is too long, or not as it should be.
    """
    data = b"".join([piece async for piece in _limited(request, MAX_DOCUMENT_BYTES)])
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise RefusedError(422, f"{where or 'body'}: {said(fault['msg'])}", "site-invalid") from None


@asynccontextmanager
async def received_file(request: Request, intake: Intake, max_bytes: int) -> AsyncIterator[Path]:
    """The body as a temporary file of ingest's spool, which exists within the block.

    Raises:
        RefusedError: it is too long.
        TransientError: the spool has no room.
    """
    with intake.spool.file(max_bytes) as file:
        async for piece in _limited(request, max_bytes):
            file.write(piece)
        yield file.path


async def _limited(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    size_bytes = 0
    async for piece in request.stream():
        size_bytes += len(piece)
        if size_bytes > max_bytes:
            raise RefusedError(413, f"It is longer than {max_bytes} bytes.", "too-large")
        yield piece
