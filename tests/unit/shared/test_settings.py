"""Settings: every fault is a sentence that names its variable and shows no secret."""

from pathlib import Path
from typing import Annotated, Self

import pytest
from pydantic import Field, SecretStr, model_validator

from railwatch.shared.bus.client import connection
from railwatch.shared.environment import load
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.settings import (
    BlobSettings,
    Group,
    KafkaSettings,
    RedisSettings,
    Separated,
    ServiceSettings,
)
from tests.support.tls_proxy import CERTIFICATE


class Api(Group):
    """A service's own group."""

    tokens: Annotated[tuple[Annotated[SecretStr, Field(min_length=8)], ...], Separated] = ()
    limit_mb: int = 512


class Service(ServiceSettings):
    """What a service might need."""

    kafka: KafkaSettings
    redis: RedisSettings
    blobs: BlobSettings
    api: Api = Api()


GOOD = {
    "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9092",
    "RAILWATCH_REDIS_URL": "redis://localhost:6379/0",
    "RAILWATCH_BLOBS_URL": "file:///var/lib/railwatch",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def faults() -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        load(Service)
    return str(error.value).splitlines()


def test_variables_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_API_TOKENS", "the-first,the-second")
    environment.setenv("RAILWATCH_LOG_LEVEL", "WARNING")

    settings = load(Service)

    assert settings.kafka.bootstrap_servers == "a:9092,b:9092"
    assert [token.get_secret_value() for token in settings.api.tokens] == ["the-first", "the-second"]
    assert settings.log.level == "WARNING"


def test_everything_that_is_missing_is_named_at_once() -> None:
    assert faults() == [
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS is missing: host:port[,host:port].",
        "RAILWATCH_REDIS_URL is missing: redis://host:port/db or rediss://host:port/db.",
        "RAILWATCH_BLOBS_URL is missing: file:///directory or s3://bucket/prefix.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RAILWATCH_LOG_LEVEL", "loud", "RAILWATCH_LOG_LEVEL is wrong: it should be `DEBUG`, `INFO`"),
        ("RAILWATCH_API_LIMIT_MB", "ten", "RAILWATCH_API_LIMIT_MB is wrong: it should be a whole number"),
        ("RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", "kafka", "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS is wrong: it should be host"),
        (
            "RAILWATCH_KAFKA_SSL_CAFILE",
            "/nowhere",
            "RAILWATCH_KAFKA_SSL_CAFILE is wrong: path does not point",
        ),
        (
            "RAILWATCH_KAFKA_SSL_CAFILE",
            "/" + "a" * 3000,
            "RAILWATCH_KAFKA_SSL_CAFILE is wrong: path does not point",
        ),
        (
            "RAILWATCH_KAFKA_SECURITY_PROTOCOL",
            "SASL_SSL",
            "RAILWATCH_KAFKA_SECURITY_PROTOCOL is SASL: RAILWATCH_KAFKA_SASL_MECHANISM, RAILWATCH_KAFKA_SASL_USERNAME",
        ),
        (
            "RAILWATCH_REDIS_URL",
            "redis://user:hush@host/0",
            "RAILWATCH_REDIS_URL holds a password: give it as RAILWATCH_REDIS_PASSWORD, which is never printed.",
        ),
        (
            "RAILWATCH_KAFKA_SASL_PASWORD",
            "hush",
            "RAILWATCH_KAFKA_SASL_PASWORD is not a setting: did you mean RAILWATCH_KAFKA_SASL_PASSWORD?",
        ),
        (
            "RAILWATCH_KAFAK_BOOTSTRAP_SERVERS",
            "a:1",
            "RAILWATCH_KAFAK_BOOTSTRAP_SERVERS is not a setting: did you mean RAILWATCH_KAFKA_BOOTSTRAP_SERVERS?",
        ),
        ("RAILWATCH_KAFKA_NONSENSE", "1", "RAILWATCH_KAFKA_NONSENSE is not a setting."),
        ("RAILWATCH_KAFKA", "a:1", "RAILWATCH_KAFKA is not a setting: did you mean RAILWATCH_KAFKA_BOOTSTRAP_SERVERS?"),
        ("RAILWATCH_API_TOKENS", "short", "RAILWATCH_API_TOKENS is wrong: it should be text of at least 8 characters"),
        ("RAILWATCH_REDIS_ALLOW_EVICTION", "maybe", "RAILWATCH_REDIS_ALLOW_EVICTION is wrong: it should be `true` or"),
    ],
)
def test_a_fault_is_one_sentence_that_names_its_variable(
    environment: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    environment.setenv(name, value)

    (fault,) = faults()

    assert fault.startswith(sentence)
    assert "hush" not in fault


def test_variables_of_other_services_are_left_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_ALERTING_WEBHOOK_URL", "https://example.com")

    assert load(Service).api.limit_mb == 512


def test_secrets_are_not_printed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_REDIS_PASSWORD", "hush")
    environment.setenv("RAILWATCH_API_TOKENS", "hush-hush,hush-hush")

    settings = load(Service)

    assert "hush" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_kafka_clients_get_tls_and_sasl(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "SCRAM-SHA-512",
        "SASL_USERNAME": "detector",
        "SASL_PASSWORD": "hush",
        "SSL_CAFILE": str(CERTIFICATE),
    }.items():
        environment.setenv(f"RAILWATCH_KAFKA_{name}", value)

    given = connection(load(Service).kafka)

    assert given["bootstrap_servers"] == ["a:9092", "b:9092"]
    assert given["security_protocol"] == "SASL_SSL"
    assert given["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("detector", "hush")
    assert given["ssl_cafile"] == str(CERTIFICATE)


@pytest.mark.parametrize("name", ["RAILWATCH_KAFKA_SSL_CAFILE", "RAILWATCH_REDIS_TLS_CA_FILE", "SSL_CERT_FILE"])
def test_a_file_that_holds_no_authority_is_a_fault_at_the_start(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    environment.setenv("RAILWATCH_REDIS_URL", "rediss://a/0")
    environment.setenv(name, str(tmp_path / "ca.pem"))
    assert faults() == [f"{name} is wrong: path does not point to certificates in PEM."]
    environment.setenv(name, str(tmp_path / "nowhere"))
    assert faults() == [f"{name} is wrong: path does not point to a file."]


def test_a_fault_of_two_groups_together_is_one_sentence(environment: pytest.MonkeyPatch) -> None:
    class Two(ServiceSettings):
        kafka: KafkaSettings

        @model_validator(mode="after")
        def _never(self) -> Self:
            raise ValueError("RAILWATCH_KAFKA_PREFIX and RAILWATCH_LOG_LEVEL do not agree")

    environment.setenv("RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    with pytest.raises(ConfigurationError) as caught:
        load(Two)
    assert str(caught.value) == "RAILWATCH_KAFKA_PREFIX and RAILWATCH_LOG_LEVEL do not agree."
