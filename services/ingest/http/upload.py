"""The body of `POST /v1/scenes`. The limits of size and of the spool hold while the bytes come in."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from railwatch.services.ingest.scenes.arrival import sha256_of
from railwatch.services.ingest.scenes.metadata import MAX_DOCUMENT_BYTES
from railwatch.services.ingest.scenes.spool import Spool, temporary_file, too_large
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import derived_id

JSON_TYPES = ("application/json", "application/geo+json")
MAX_MASKS = 4


@dataclass(frozen=True)
class Upload:
    """What a request contains.

    Attributes:
        text: the metadata, or a STAC Item.
        file: the scene; null where a STAC Item says where it lies.
        masks: its provider's masks, with the names of their files.
    """

    text: str | bytes
    file: Path | None = None
    masks: tuple[tuple[str, Path], ...] = ()

    @property
    def content(self) -> str:
        """An id that is derived from all its bytes."""
        files = [path for path in (self.file, *(path for _, path in self.masks)) if path]
        return derived_id(self.text, *map(sha256_of, files))


@asynccontextmanager
async def uploaded(request: Request, max_bytes: int, spool: Spool) -> AsyncIterator[Upload]:
    """Reads a request's body. Its files exist within the block.

    `request.state.subject` is the name of the scene's file as soon as that is known.

    Raises:
        UnprocessableError: `unsupported-media-type`, `scene-too-large`, `body-malformed`, `file-missing` or
            `metadata-missing`.
        TransientError: the spool has no room, or the disk is full.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_TYPES:
        yield Upload(b"".join([piece async for piece in _limited(request, MAX_DOCUMENT_BYTES)]))
    elif media_type == "multipart/form-data":
        async with _form(request, max_bytes, spool) as upload:
            yield upload
    else:
        raise UnprocessableError(
            "unsupported-media-type",
            f"The request is `{media_type or 'untyped'}`; it must be multipart/form-data with a GeoTIFF, "
            f"or a STAC Item as {' or '.join(JSON_TYPES)}.",
        )


class _FormParser(MultiPartParser):
    """Keeps files where GDAL can open them. Starlette's own have no name, so each would have to be copied."""

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part.file
        if part is not None:
            part.file.close()
            part.file = temporary_file()  # type: ignore[assignment]
            self._files_to_close_on_error.append(part.file)  # type: ignore[arg-type]


@asynccontextmanager
async def _form(request: Request, max_bytes: int, spool: Spool) -> AsyncIterator[Upload]:
    with spool.held() as hold:

        async def spooled() -> AsyncGenerator[bytes, None]:
            async for piece in _limited(request, max_bytes + 2 * MAX_DOCUMENT_BYTES, stated=max_bytes):
                hold(len(piece))
                yield piece

        spool.check_room(_announced_bytes(request))
        parser = _FormParser(
            request.headers, spooled(), max_files=2 + MAX_MASKS, max_fields=2, max_part_size=MAX_DOCUMENT_BYTES
        )
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise UnprocessableError("body-malformed", f"The multipart body cannot be read: {error.message}") from None
        except OSError as error:
            raise TransientError(f"The temporary directory cannot be written: {error.strerror}.") from error
        try:
            scene, metadata = form.get("file"), form.get("metadata")
            if not isinstance(scene, UploadFile):
                raise UnprocessableError(
                    "file-missing", "The form has no file part named `file`; it must hold the GeoTIFF."
                )
            request.state.subject = scene.filename or "upload"
            if metadata is None:
                raise UnprocessableError(
                    "metadata-missing",
                    "The form has no part named `metadata`; it must be a JSON object with `observed_at`.",
                )
            text = metadata if isinstance(metadata, str) else await metadata.read(MAX_DOCUMENT_BYTES + 1)
            masks = [mask for mask in form.getlist("mask") if isinstance(mask, UploadFile)]
            yield Upload(text, _path(scene), tuple((mask.filename or "mask", _path(mask)) for mask in masks))
        finally:
            await form.close()


async def _limited(request: Request, max_bytes: int, stated: int | None = None) -> AsyncGenerator[bytes, None]:
    refusal = too_large(stated or max_bytes)
    if _announced_bytes(request) > max_bytes:
        raise refusal
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise refusal
        yield chunk


def _announced_bytes(request: Request) -> int:
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdecimal() else 0


def _path(part: UploadFile) -> Path:
    return Path(str(part.file.name))
