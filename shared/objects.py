"""Object stores by their addresses, and their errors as ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from railwatch.shared.errors import DependencyAwayError, UnprocessableError
from railwatch.shared.settings import BlobSettings


def object_store(url: str, settings: BlobSettings) -> ObjectStore:
    """The store at an address: `file:///directory`, `s3://bucket/prefix` or `memory://`. A missing directory is made.

    Args:
        url: the address.
        settings: how S3 is reached, for all buckets.

    Raises:
        BaseError: the directory cannot be made.
    """
    if url.startswith("file://"):
        return LocalStore.from_url(url, mkdir=True)
    if url.startswith("memory://"):
        return MemoryStore()
    secret = settings.s3_secret_access_key
    given: dict[str, Any] = {
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "access_key_id": settings.s3_access_key_id,
        "secret_access_key": secret.get_secret_value() if secret else None,
    }
    plain_http = (settings.s3_endpoint or "").startswith("http://")
    return S3Store.from_url(
        url,
        client_options={"allow_http": plain_http, "timeout": "60s", "connect_timeout": "5s"},
        **{name: value for name, value in given.items() if value},
    )


@contextmanager
def store_errors(path: str) -> Iterator[None]:
    """A block of calls about an object that fails with our own error.

    Raises:
        UnprocessableError: `blob-missing`.
        DependencyAwayError: the store does not answer, or refuses.
    """
    try:
        yield
    except FileNotFoundError:
        raise UnprocessableError("blob-missing", f"There is no blob at {path}.") from None
    except (BaseError, OSError) as error:
        raise DependencyAwayError(f"The object store failed at {path}: {type(error).__name__}.") from error
