"""The object store. A blob's path is derived from its content, so writing the same bytes again changes nothing.

Pixels never travel in messages. A message carries a `BlobRef`, and a reader verifies the bytes against it.
"""

import hashlib
import time
from typing import Self

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import ConfigurationError, DependencyAwayError, TransientError, UnprocessableError
from railwatch.shared.objects import object_store, store_errors
from railwatch.shared.settings import BlobSettings

# A small blob like any other, so that whoever may store tiles may store it. It is written to see that writes succeed.
PROBE = b"Railwatch was here to see whether the object store takes writes.\n"
# How often it is written while all is well, in seconds. A bucket with versions keeps each of them.
PROBE_EVERY_S = 300.0


def blob_path(sha256: str) -> str:
    """The path in the store of the bytes that have this checksum."""
    return f"sha256/{sha256[:2]}/{sha256[2:]}"


class BlobStore:
    """Blobs, stored under their SHA-256.

    Attributes:
        objects: the object store that holds them.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.objects = store
        self._wrote_at: float | None = None

    @classmethod
    def open(cls, settings: BlobSettings) -> Self:
        """Open the store that the settings name. A missing `file://` directory is made.

        Raises:
            ConfigurationError: the directory cannot be made.
        """
        try:
            return cls(object_store(settings.url, settings))
        except (BaseError, OSError) as error:
            raise ConfigurationError(f"RAILWATCH_BLOBS_URL is wrong: the directory cannot be made: {error}.") from None

    def put(self, data: bytes, media_type: str) -> BlobRef:
        """Store the bytes, unless the store has them already. What is truncated or changed there is replaced.

        Raises:
            DependencyAwayError: the store does not answer, or refuses.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        ref = BlobRef(path=blob_path(sha256), sha256=sha256, size_bytes=len(data), media_type=media_type)
        if not self.holds(sha256):
            self._write(ref.path, data)
        return ref

    def get(self, ref: BlobRef) -> bytes:
        """The bytes of a reference, verified.

        Raises:
            UnprocessableError: `blob-path-mismatch`, `blob-missing`, or `checksum-mismatch`.
            DependencyAwayError: the store does not answer, or refuses.
            TransientError: the store refuses this blob only.
        """
        if ref.path != blob_path(ref.sha256):
            raise UnprocessableError(
                "blob-path-mismatch",
                f"The blob's path is {ref.path!r}; by its checksum it must be {blob_path(ref.sha256)!r}.",
            )
        try:
            with store_errors(ref.path):
                found = obstore.get(self.objects, ref.path)
                size_bytes = found.meta["size"]
                data = bytes(found.bytes()) if size_bytes == ref.size_bytes else b""
        except DependencyAwayError as error:
            if isinstance(error.__cause__, PermissionDeniedError | UnauthenticatedError) and self.ready():
                raise TransientError(str(error)) from error
            raise
        if size_bytes != ref.size_bytes or hashlib.sha256(data).hexdigest() != ref.sha256:
            raise UnprocessableError(
                "checksum-mismatch",
                f"The {size_bytes} bytes at {ref.path} are not the {ref.size_bytes} that were stored.",
            )
        return data

    def holds(self, sha256: str) -> bool:
        """Whether the store has the bytes of this checksum, whole. They are read for that.

        Raises:
            DependencyAwayError: the store does not answer, or refuses.
        """
        try:
            with store_errors(blob_path(sha256)):
                data = bytes(obstore.get(self.objects, blob_path(sha256)).bytes())
        except UnprocessableError:
            return False
        return hashlib.sha256(data).hexdigest() == sha256

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            self._size(hashlib.sha256(PROBE).hexdigest())
        except DependencyAwayError:
            return False
        return True

    def takes_writes(self) -> bool:
        """Whether the store answers and takes writes. It is written now and then, and at each call after a failure."""
        if self._wrote_at is not None and time.monotonic() - self._wrote_at < PROBE_EVERY_S:
            return self.ready()
        try:
            self._write(blob_path(hashlib.sha256(PROBE).hexdigest()), PROBE)
        except DependencyAwayError:
            return False
        return True

    def _write(self, path: str, data: bytes) -> None:
        self._wrote_at = None
        with store_errors(path):
            obstore.put(self.objects, path, data)
        self._wrote_at = time.monotonic()

    def _size(self, sha256: str) -> int | None:
        try:
            with store_errors(blob_path(sha256)):
                size_bytes: int = obstore.head(self.objects, blob_path(sha256))["size"]
        except UnprocessableError:
            return None
        return size_bytes
