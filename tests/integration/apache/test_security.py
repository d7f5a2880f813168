"""Kafka as it stands in production: TLS, and users who prove who they are."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from railwatch.embedded import free_port
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import NotPublishedError, TransientError
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.apache_kafka import apache_broker
from tests.support.bus import eventually, tile, topic_view
from tests.support.tls_proxy import CERTIFICATE, KEY


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a broker that takes only users of ours, over TLS."""
    directory, secured = tmp_path_factory.mktemp("kafka"), free_port()
    (directory / "keystore.pem").write_text(KEY.read_text() + CERTIFICATE.read_text())
    login = "org.apache.kafka.common.security"
    properties = f"""\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},SASL_SSL://127.0.0.1:{secured}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{secured}
ssl.keystore.type=PEM
ssl.keystore.location={directory / "keystore.pem"}
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_railwatch="hush";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
"""
    users = ["SCRAM-SHA-256=[name=railwatch,password=hush]", "SCRAM-SHA-512=[name=railwatch,password=hush]"]
    with apache_broker(directory, properties=properties, users=users):
        yield secured


def settings(port: int, mechanism: str, password: str) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "bootstrap_servers": f"127.0.0.1:{port}",
            "prefix": f"{mechanism.lower()}-",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": mechanism,
            "sasl_username": "railwatch",
            "sasl_password": SecretStr(password),
            "ssl_cafile": CERTIFICATE,
        }
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_events_pass_over_tls_to_a_user_who_proves_who_he_is(port: int, mechanism: str) -> None:
    kafka = settings(port, mechanism, "hush")
    ensure_topics(kafka, TopicPlan(1, replication=1))
    Publisher(kafka).publish(tile(1))

    with topic_view(kafka, TileEvent) as tiles:
        eventually(lambda: tiles.events() == [tile(1)], "the tile can be read")


def test_a_wrong_password_is_refused_and_not_printed(port: int) -> None:
    with pytest.raises(TransientError) as error:
        ensure_topics(settings(port, "SCRAM-SHA-512", "not-the-password"), TopicPlan(1, replication=1))
    assert "not-the-password" not in str(error.value)

    with pytest.raises(NotPublishedError):
        Publisher(settings(port, "PLAIN", "not-the-password")).publish(tile(1))


def test_a_broker_that_nobody_vouches_for_is_refused(port: int) -> None:
    stranger = settings(port, "PLAIN", "hush").model_copy(update={"ssl_cafile": None})

    with pytest.raises(TransientError):
        ensure_topics(stranger, TopicPlan(1, replication=1))
