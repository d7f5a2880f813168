"""Object stores by their addresses."""

from typing import Any

from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

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
