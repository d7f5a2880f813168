"""Settings: read from `RAILWATCH_*` environment variables and checked as a whole. Secrets are never shown.

A service combines the groups that it needs. Each field of a group is one variable:

    class DetectorSettings(ServiceSettings):
        kafka: KafkaSettings                     # RAILWATCH_KAFKA_BOOTSTRAP_SERVERS, ...
        blobs: BlobSettings                      # RAILWATCH_BLOBS_URL, ...

    settings = load(DetectorSettings)            # railwatch.shared.environment
"""

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "RAILWATCH_"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

# For a field with several values, separated by commas: `tokens: Annotated[tuple[SecretStr, ...], Separated]`.
Separated = BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value)


def existing(path: Path) -> Path:
    """The path, if it points to a file. Raises `ValueError` otherwise."""
    try:
        found = path.is_file()
    except (OSError, ValueError):  # no name that the operating system takes
        found = False
    if not found:
        raise ValueError("path does not point to a file")
    return path


ExistingFile = Annotated[Path, AfterValidator(existing)]


def authorities(path: Path) -> Path:
    """The path of a file of certificate authorities. Raises `ValueError` if it holds no certificates in PEM."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # an SSLError is one
        raise ValueError("path does not point to certificates in PEM") from None
    return path


AuthoritiesFile = Annotated[ExistingFile, AfterValidator(authorities)]

# OpenSSL's own variable: the authorities that are trusted instead of the usual ones, also for all HTTPS.
TRUSTED = "SSL_CERT_FILE"


class Group(BaseModel):
    """A group of settings, `RAILWATCH_<GROUP>_<FIELD>`. Any other variable of the group is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Group):
    """How to reach Kafka: `RAILWATCH_KAFKA_*`.

    Attributes:
        bootstrap_servers: `host:port`, several separated by commas.
        prefix: the beginning of every topic and consumer group, so that several installations can share a cluster.
        security_protocol: as for Kafka's own clients.
        sasl_mechanism: `PLAIN` or SCRAM. A `SASL_*` protocol needs it.
        sasl_username: the service's user at the broker.
        sasl_password: its password.
        ssl_cafile: certificate authorities to trust instead of the system's.
        ssl_certfile: client certificate for mutual TLS.
        ssl_keyfile: its private key.
        session_timeout_ms: a member that is silent for longer loses its partitions to others.
        instance_id: makes the members of groups static: a name that stays over restarts, another one for each replica,
            such as the name of a StatefulSet's pod. A restart within the session timeout then causes no rebalance. A
            replica that ends for good keeps its partitions for that time. The embedded broker cannot do this.
    """

    bootstrap_servers: str = Field(pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$", description="host:port[,host:port]")
    prefix: str = Field(
        default="", pattern=r"^[a-zA-Z0-9._-]*$", description="letters, digits, dots, hyphens and underscores"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: AuthoritiesFile | None = None
    ssl_certfile: ExistingFile | None = None
    ssl_keyfile: ExistingFile | None = None
    session_timeout_ms: int = Field(default=45_000, ge=6_000, le=300_000)
    instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$",
        description="up to 249 letters, digits, dots, hyphens and underscores",
    )

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> Self:
        wanted = self.security_protocol.startswith("SASL_")
        if wanted and None in (self.sasl_mechanism, self.sasl_username, self.sasl_password):
            raise ValueError("SECURITY_PROTOCOL is SASL: SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD must be set")
        if not wanted and self.sasl_mechanism is not None:
            raise ValueError("SASL_MECHANISM is set, but SECURITY_PROTOCOL is not SASL_SSL or SASL_PLAINTEXT")
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("SSL_CERTFILE and SSL_KEYFILE must be set together")
        return self


class RedisSettings(Group):
    """How to reach Redis: `RAILWATCH_REDIS_*`.

    Attributes:
        url: `redis://host:port/db`, or `rediss://` for TLS. The password is given apart, never here.
        username: the ACL user.
        password: its password.
        tls_ca_file: certificate authorities to trust instead of the system's.
        tls_cert_file: client certificate for mutual TLS.
        tls_key_file: its private key.
        allow_eviction: whether to start on a Redis that throws keys away when it is full. Alerts may vanish there.
    """

    url: str = Field(pattern=r"^rediss?://", description="redis://host:port/db or rediss://host:port/db")
    username: str | None = None
    password: SecretStr | None = None
    tls_ca_file: AuthoritiesFile | None = None
    tls_cert_file: ExistingFile | None = None
    tls_key_file: ExistingFile | None = None
    allow_eviction: bool = False

    @model_validator(mode="after")
    def _url_is_plain(self) -> Self:
        parts = urlsplit(self.url)
        if parts.password is not None:
            raise ValueError("URL holds a password: give it as PASSWORD, which is never printed")
        if parts.scheme != "rediss" and (self.tls_ca_file or self.tls_cert_file or self.tls_key_file):
            raise ValueError("TLS files are given, but URL does not begin with rediss://")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS_CERT_FILE and TLS_KEY_FILE must be set together")
        return self


class BlobSettings(Group):
    """Where pixels are stored: `RAILWATCH_BLOBS_*`.

    Without the `s3_*` settings, an `s3://` store takes its credentials from the pod's identity or from `AWS_*`.

    Attributes:
        url: `file:///directory`, `s3://bucket/prefix`, or `memory://` in tests.
        s3_endpoint: the address of an S3-compatible store.
        s3_region: the bucket's region.
        s3_access_key_id: the service's access key at the store.
        s3_secret_access_key: the secret of this key.
    """

    url: str = Field(pattern=r"^(file:///|s3://[^/]|memory://)", description="file:///directory or s3://bucket/prefix")
    s3_endpoint: str | None = Field(default=None, pattern=r"^https?://", description="https://host[:port]")
    s3_region: str | None = None
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None


class HttpSettings(Group):
    """Where the service listens: `RAILWATCH_HTTP_*`.

    Attributes:
        host: the address; `0.0.0.0` for all of the machine's.
        port: the port; with 0 it takes a free one.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class TokenSettings(Group):
    """Who may do what: `RAILWATCH_TOKENS_FILE`.

    Attributes:
        file: the file of named tokens, which `railwatch token` writes.
    """

    file: ExistingFile | None = None


class SiteSettings(Group):
    """Where the site files are: `RAILWATCH_SITES_DIR`.

    Attributes:
        dir: a directory, or `s3://bucket/prefix` at the object store that `RAILWATCH_BLOBS_S3_*` names.
    """

    dir: Annotated[
        Annotated[str, Field(pattern=r"^s3://[^/@]")] | Path,
        Field(union_mode="left_to_right", description="directory of site files, or s3://bucket/prefix"),
    ]


class LogSettings(Group):
    """How much is logged: `RAILWATCH_LOG_LEVEL`.

    Attributes:
        level: the least level of a line.
    """

    level: LogLevel = "INFO"


class ServiceSettings(BaseSettings):
    """The base of a service's settings. Every field is a `Group`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        enable_decoding=False,
        frozen=True,
        extra="ignore",
    )

    log: LogSettings = LogSettings()
