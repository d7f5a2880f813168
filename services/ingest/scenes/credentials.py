"""What each server gets to know of us: its own secrets, and no other server's.

A secret is given by reference, as the name of an environment variable or of a file, and is read when it is used. So a
file may be replaced while ingest runs. Secrets belong to an origin: scheme, host and port. Whoever asks for an address
asks here again for each redirect.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import httpx
from obstore.store import ObjectStore, from_url
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from railwatch.shared.errors import TransientError

Origin = tuple[str, str, int | None]


def origin_of(address: str) -> Origin:
    """Scheme, host and port of an address, as httpx reads them when it connects."""
    url = httpx.URL(address)
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def origin_text(address: str) -> str:
    """The origin of an address, as it is written."""
    url = httpx.URL(address)
    return f"{url.scheme}://{url.netloc.decode()}"


class Form(BaseModel):
    """A part of the file of sources. It is strict, so that a misspelt field is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Form):
    """Where a secret is: exactly one of both.

    Attributes:
        env: an environment variable.
        file: a file; space and newlines around the secret are left out.
    """

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _is_one_and_there(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is given by reference: `env` or `file`")
        if self.env is not None and not os.environ.get(self.env):
            raise ValueError(f"the environment variable {self.env} is not set")
        if self.file is not None and not self.file.is_file():
            raise ValueError(f"{self.file} is not a file")
        return self

    def read(self) -> str:
        """The secret.

        Raises:
            TransientError: the file cannot be read now, or what is there can be no secret.
        """
        try:
            secret = self.file.read_text().strip() if self.file else os.environ.get(self.env or "", "")
        except (OSError, ValueError):
            secret = ""
        if not secret or not (secret.isascii() and secret.isprintable()):
            raise TransientError(f"There is no secret in {self.file or self.env}, or it is not one line of ASCII.")
        return secret


class Basic(Form):
    """User and password."""

    user: str = Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")
    password: Reference


class Header(Form):
    """A header that a server wants, such as `X-Api-Key`."""

    name: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    value: Reference


class S3(Form):
    """How to read a bucket. What is not given comes from the environment (`AWS_*`, or the pod's identity).

    Attributes:
        requester_pays: whether we pay for what is read.
        anonymous: whether requests are not signed, as public buckets need.
        endpoint: of an S3-compatible store.
        region: the bucket's.
        access_key_id: the key's name.
        secret_access_key: the key.
    """

    requester_pays: bool = False
    anonymous: bool = False
    endpoint: str | None = Field(default=None, pattern=r"^https?://[^/@]+")
    region: str | None = None
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None

    def options(self) -> dict[str, Any]:
        """What `obstore.store.from_url` takes.

        Raises:
            TransientError: a secret cannot be read now.
        """
        given = {
            "request_payer": self.requester_pays or None,
            "skip_signature": self.anonymous or None,
            "endpoint": self.endpoint,
            "region": self.region,
            "access_key_id": self.access_key_id and self.access_key_id.read(),
            "secret_access_key": self.secret_access_key and self.secret_access_key.read(),
            "client_options": {"allow_http": True} if (self.endpoint or "").startswith("http:") else None,
        }
        return {name: value for name, value in given.items() if value is not None}


class Credential(Form):
    """What one origin gets: exactly one of these.

    Attributes:
        bearer: a bearer token.
        basic: user and password.
        header: another header.
        signed_by: where a short-lived token for the address is asked for, as the Planetary Computer gives them;
            `{account}` stands for the first part of the host and `{container}` for the first part of the path.
        s3: how to read a bucket.
    """

    bearer: Reference | None = None
    basic: Basic | None = None
    header: Header | None = None
    signed_by: str | None = Field(default=None, pattern=r"^https?://[^/@{}]+/")
    s3: S3 | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of `bearer`, `basic`, `header`, `signed_by` and `s3`")
        return self

    def headers(self) -> dict[str, str]:
        """What goes into a request. It raises what `Reference.read` raises."""
        if self.bearer:
            return {"Authorization": f"Bearer {self.bearer.read()}"}
        if self.basic:
            pair = f"{self.basic.user}:{self.basic.password.read()}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        if self.header:
            return {self.header.name: self.header.value.read()}
        return {}


def _plain_origin(address: str) -> str:
    url = httpx.URL(address)
    if url.scheme not in ("http", "https", "s3") or not url.host or url.userinfo or url.path.strip("/") or url.query:
        raise ValueError("an origin is https://host, https://host:port or s3://bucket")
    return address


OriginText = Annotated[str, AfterValidator(_plain_origin)]


class Credentials:
    """The credentials of one source, by origin."""

    def __init__(self, given: Mapping[str, Credential] | None = None) -> None:
        self._buckets: dict[str, tuple[dict[str, Any], ObjectStore]] = {}
        self._by_origin = {origin_of(origin): credential for origin, credential in (given or {}).items()}

    def of(self, address: str) -> Credential | None:
        """The credential of an address's origin."""
        return self._by_origin.get(origin_of(address))

    def headers(self, address: str) -> dict[str, str]:
        """The headers that an address gets. It raises what `Reference.read` raises."""
        credential = self.of(address)
        return credential.headers() if credential else {}

    def bucket(self, address: str) -> ObjectStore:
        """The objects at `s3://bucket/prefix`. The store is kept open, and opened anew if a secret was replaced.

        Raises:
            TransientError: a secret cannot be read now.
            obstore.exceptions.BaseError: there can be no such store.
        """
        credential = self.of(address)
        options = ((credential and credential.s3) or S3()).options()
        if address not in self._buckets or self._buckets[address][0] != options:
            self._buckets[address] = options, from_url(address, **options)
        return self._buckets[address][1]
