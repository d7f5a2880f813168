"""The object store. A blob's path is derived from its content, so writing the same bytes again changes nothing.

Pixels never travel in messages. A message carries a `BlobRef`, and a reader verifies the bytes against it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import ConfigurationError, TransientError, UnprocessableError
from railwatch.shared.settings import BlobSettings


def blob_path(sha256: str) -> str:
    """The path in the store of the bytes that have this checksum."""
    return f"sha256/{sha256[:2]}/{sha256[2:]}"


class BlobStore:
    """Blobs, stored under their SHA-256."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, settings: BlobSettings) -> Self:
        """Open the store that the settings name. A missing `file://` directory is made.

        Raises:
            ConfigurationError: the directory cannot be made.
        """
        if settings.url.startswith("file://"):
            try:
                return cls(LocalStore.from_url(settings.url, mkdir=True))
            except (BaseError, OSError) as error:
                raise ConfigurationError(
                    f"RAILWATCH_BLOBS_URL is wrong: the directory cannot be made: {error}."
                ) from None
        if settings.url.startswith("memory://"):
            return cls(MemoryStore())
        secret = settings.s3_secret_access_key
        given: dict[str, Any] = {
            "endpoint": settings.s3_endpoint,
            "region": settings.s3_region,
            "access_key_id": settings.s3_access_key_id,
            "secret_access_key": secret.get_secret_value() if secret else None,
        }
        plain_http = (settings.s3_endpoint or "").startswith("http://")
        return cls(
            S3Store.from_url(
                settings.url,
                client_options={"allow_http": plain_http, "timeout": "60s", "connect_timeout": "5s"},
                **{name: value for name, value in given.items() if value},
            )
        )

    def put(self, data: bytes, media_type: str) -> BlobRef:
        """Store the bytes, unless the store has them already.

        Raises:
            TransientError: the store does not answer, or refuses.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        ref = BlobRef(path=blob_path(sha256), sha256=sha256, size_bytes=len(data), media_type=media_type)
        if self._size(sha256) != len(data):
            with _store_errors(ref.path):
                obstore.put(self._store, ref.path, data)
        return ref

    def get(self, ref: BlobRef) -> bytes:
        """The bytes of a reference, verified.

        Raises:
            UnprocessableError: `blob-path-mismatch`, `blob-missing`, or `checksum-mismatch`.
            TransientError: the store does not answer, or refuses.
        """
        if ref.path != blob_path(ref.sha256):
            raise UnprocessableError(
                "blob-path-mismatch",
                f"The blob's path is {ref.path!r}; by its checksum it must be {blob_path(ref.sha256)!r}.",
            )
        with _store_errors(ref.path):
            found = obstore.get(self._store, ref.path)
            size_bytes = found.meta["size"]
            data = bytes(found.bytes()) if size_bytes == ref.size_bytes else b""
        if size_bytes != ref.size_bytes or hashlib.sha256(data).hexdigest() != ref.sha256:
            raise UnprocessableError(
                "checksum-mismatch",
                f"The {size_bytes} bytes at {ref.path} are not the {ref.size_bytes} that were stored.",
            )
        return data

    def holds(self, sha256: str) -> bool:
        """Whether the store has a blob with this checksum.

        Raises:
            TransientError: the store does not answer, or refuses.
        """
        return self._size(sha256) is not None

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            obstore.head(self._store, "ready")
        except FileNotFoundError:
            return True
        except BaseError:
            return False
        return True

    def _size(self, sha256: str) -> int | None:
        try:
            with _store_errors(blob_path(sha256)):
                size_bytes: int = obstore.head(self._store, blob_path(sha256))["size"]
        except UnprocessableError:
            return None
        return size_bytes


@contextmanager
def _store_errors(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UnprocessableError("blob-missing", f"There is no blob at {path}.") from None
    except (BaseError, OSError) as error:
        raise TransientError(f"The object store failed at {path}: {type(error).__name__}.") from error
