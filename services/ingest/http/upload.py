"""The body of `POST /v1/scenes`. The size limit holds while the bytes come in."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from railwatch.services.ingest.scenes.intake import too_large
from railwatch.services.ingest.scenes.metadata import MAX_DOCUMENT_BYTES, is_stac_item, parse_json
from railwatch.shared.errors import TransientError, UnprocessableError

JSON_TYPES = ("application/json", "application/geo+json")
MAX_MASKS = 4


@dataclass(frozen=True)
class Upload:
    """What a request contains.

    Attributes:
        document: the metadata, or a STAC Item.
        file: the scene; null where a STAC Item says where it lies.
        masks: its provider's masks, by the names of their files.
    """

    document: dict[str, Any]
    file: BinaryIO | None
    masks: tuple[tuple[str, BinaryIO], ...] = ()

    def close(self) -> None:
        """Removes the temporary files."""
        for file in (self.file, *(mask for _, mask in self.masks)):
            if file:
                file.close()


async def read_upload(request: Request, max_bytes: int) -> Upload:
    """Reads a request's body. `request.state.subject` says what it is about as soon as that is known.

    Raises:
        UnprocessableError: `unsupported-media-type`, `scene-too-large`, `body-malformed`, `file-missing`,
            `metadata-missing`, `metadata-invalid` or `stac-item-invalid`.
        TransientError: the disk is full.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_TYPES:
        return await _read_item(request)
    if media_type == "multipart/form-data":
        return await _read_form(request, max_bytes)
    raise UnprocessableError(
        "unsupported-media-type",
        f"The request is `{media_type or 'untyped'}`; it must be multipart/form-data with a GeoTIFF, "
        f"or a STAC Item as {' or '.join(JSON_TYPES)}.",
    )


async def _read_item(request: Request) -> Upload:
    document = parse_json(b"".join([chunk async for chunk in _limited(request, MAX_DOCUMENT_BYTES)]))
    request.state.subject = str(document.get("id", "item"))
    if not is_stac_item(document):
        raise UnprocessableError(
            "stac-item-invalid", "A JSON body must be a STAC Item; our own metadata comes with its file, as multipart."
        )
    return Upload(document, file=None)


async def _read_form(request: Request, max_bytes: int) -> Upload:
    stream = _limited(request, max_bytes + 2 * MAX_DOCUMENT_BYTES, stated=max_bytes)
    parser = MultiPartParser(
        request.headers, stream, max_files=2 + MAX_MASKS, max_fields=2, max_part_size=MAX_DOCUMENT_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise UnprocessableError("body-malformed", f"The multipart body cannot be read: {error.message}") from None
    except OSError as error:
        raise TransientError(f"The temporary directory cannot be written: {error.strerror}.") from error
    scene, metadata = form.get("file"), form.get("metadata")
    if not isinstance(scene, UploadFile):
        raise UnprocessableError("file-missing", "The form has no file part named `file`; it must hold the GeoTIFF.")
    if metadata is None:
        raise UnprocessableError(
            "metadata-missing", "The form has no part named `metadata`; it must be a JSON object with `observed_at`."
        )
    request.state.subject = scene.filename or "upload"
    text = metadata if isinstance(metadata, str) else await metadata.read(MAX_DOCUMENT_BYTES + 1)
    masks = [mask for mask in form.getlist("mask") if isinstance(mask, UploadFile)]
    return Upload(parse_json(text), scene.file, tuple((mask.filename or "mask", mask.file) for mask in masks))


async def _limited(request: Request, max_bytes: int, stated: int | None = None) -> AsyncGenerator[bytes, None]:
    refusal = too_large(stated or max_bytes)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise refusal
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise refusal
        yield chunk
