"""The users of the Strimzi component on real Apache Kafka: each may do what its service does, and no more."""

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from pydantic import SecretStr

from deploy.tests.rendering import Resource, name_of, of_kind, overlay
from railwatch.embedded import free_port
from railwatch.shared.bus.client import make_consumer, make_producer
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.events import AlertEvent, CountEvent, DeadLetter, Event, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.apache_kafka import apache_broker
from tests.support.bus import eventually

USERS = {name_of(user): user for user in of_kind(overlay("production"), "KafkaUser")}
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
EVENTS: tuple[type[Event], ...] = (TileEvent, CountEvent, AlertEvent, DeadLetter)
WRITES: dict[str, set[type[Event]]] = {
    "kafka-ingest": {TileEvent, DeadLetter},
    "kafka-detector": {CountEvent, DeadLetter},
    "kafka-alerting": {AlertEvent, DeadLetter},
    "kafka-scaler": set(),
}
GROUPS: dict[str, tuple[str, type[Event]]] = {
    "railwatch-detector": ("kafka-detector", TileEvent),
    "railwatch-alerting": ("kafka-alerting", CountEvent),
    "railwatch-alerting-to-main": ("kafka-alerting", AlertEvent),
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, KafkaAdminClient]]:
    """The port, and an administrator, of a broker with the topics, the users and their rules.

    Only its other port lets anyone do anything.
    """
    secured = free_port()
    properties = f"""\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},SASL_PLAINTEXT://127.0.0.1:{secured}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SASL_PLAINTEXT://127.0.0.1:{secured}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={SCRAM} required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
    users = [f"SCRAM-SHA-512=[name={user},password=hush]" for user in USERS]
    with apache_broker(tmp_path_factory.mktemp("kafka"), properties=properties, users=users) as environment:
        servers = environment["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"]
        ensure_topics(KafkaSettings(bootstrap_servers=servers), TopicPlan(partitions=1, replication=1))
        admin = KafkaAdminClient(bootstrap_servers=servers)
        admin.create_acls([acl for user in USERS.values() for acl in _acls(user)])
        yield secured, admin
        admin.close()


@pytest.fixture
def port(secured: tuple[int, KafkaAdminClient]) -> int:
    """Where users must say who they are."""
    return secured[0]


@pytest.fixture
def admin(secured: tuple[int, KafkaAdminClient]) -> KafkaAdminClient:
    """Who may do anything."""
    return secured[1]


@pytest.mark.parametrize("user", USERS)
def test_a_service_writes_to_its_topics_only(port: int, user: str) -> None:
    assert {event for event in EVENTS if _can_write(port, user, event)} == WRITES[user]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_read_by_its_service_only(port: int, group: str) -> None:
    reader, event = GROUPS[group]
    for user in USERS:
        assert _can_read(port, user, group, event) == (user == reader), user


def test_a_password_is_changed_and_what_is_connected_stays_connected(port: int, admin: KafkaAdminClient) -> None:
    user = "kafka-ingest"
    connected = make_producer(_settings(port, user))
    connected.send(TileEvent.TOPIC, b"{}").get(30)
    admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password="hush again")]
    )
    eventually(lambda: _is_known(port, user, "hush again"), "the new password is taken")
    assert not _is_known(port, user, "hush")
    connected.send(TileEvent.TOPIC, b"{}").get(30)
    connected.close()
    admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password="hush")]
    )
    eventually(lambda: _is_known(port, user, "hush"), "the password of the other tests is back")


def _is_known(port: int, user: str, password: str) -> bool:
    settings = _settings(port, user).model_copy(update={"sasl_password": SecretStr(password)})
    try:
        make_producer(settings).close()
    except KafkaError:
        return False
    return True


def _can_write(port: int, user: str, event: type[Event]) -> bool:
    producer = make_producer(_settings(port, user))  # one that was refused once writes nothing more
    try:
        producer.send(event.TOPIC, b"{}").get(30)
    except KafkaError as error:
        if "AuthorizationFailedError" not in str(error):
            raise
        return False
    finally:
        producer.close()
    return True


def _can_read(port: int, user: str, group: str, event: type[Event]) -> bool:
    consumer = make_consumer(_settings(port, user), group)
    consumer.subscribe([event.TOPIC])
    try:
        # A poll shorter than the join may leave kafka-python 3.0.12 waiting for ever; see the worker's listener.
        eventually(lambda: consumer.poll(5_000) is not None and consumer.assignment(), f"{user} joins {group}")
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return False
    finally:
        consumer.close(autocommit=False)
    return True


def _settings(port: int, user: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{port}",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username=user,
        sasl_password=SecretStr("hush"),
        session_timeout_ms=6000,
    )


def _acls(user: Resource) -> Iterator[ACL]:
    for rule in user["spec"]["authorization"]["acls"]:
        resource = rule["resource"]
        pattern = ResourcePattern(
            ResourceType[resource["type"].upper()],
            resource["name"],
            {"prefix": ACLResourcePatternType.PREFIXED, "literal": ACLResourcePatternType.LITERAL}[
                resource["patternType"]
            ],
        )
        for operation in rule["operations"]:
            who = f"User:{name_of(user)}"
            yield ACL(who, "*", ACLOperation[operation.upper()], ACLPermissionType.ALLOW, pattern)
