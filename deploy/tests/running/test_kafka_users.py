"""The users of the Strimzi component on real Apache Kafka: each may do what its service does, and no more."""

import pytest
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from pydantic import SecretStr

from deploy.tests.running.secured import KAFKA_USERS, PASSWORD, Secured
from railwatch.shared.bus.client import JoinsForCertain, make_consumer, make_producer
from railwatch.shared.events import AlertEvent, BaselineEvent, CountEvent, DeadLetter, Event, TileEvent
from tests.support.bus import eventually

EVENTS: tuple[type[Event], ...] = (TileEvent, CountEvent, BaselineEvent, AlertEvent, DeadLetter)
WRITES: dict[str, set[type[Event]]] = {
    "kafka-ingest": {TileEvent, DeadLetter},
    "kafka-detector": {CountEvent, BaselineEvent, DeadLetter},
    "kafka-alerting": {AlertEvent, DeadLetter},
    "kafka-scaler": set(),
    "kafka-operator": set(EVENTS),
}
GROUPS: dict[str, tuple[str, type[Event]]] = {
    "railwatch-detector": ("kafka-detector", TileEvent),
    "railwatch-alerting": ("kafka-alerting", CountEvent),
    "railwatch-alerting-to-main": ("kafka-alerting", AlertEvent),
}


@pytest.mark.parametrize("user", KAFKA_USERS)
def test_a_service_writes_to_its_topics_only(secured: Secured, user: str) -> None:
    assert {event for event in EVENTS if _can_write(secured, user, event)} == WRITES[user]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_read_by_its_service_and_by_operators_only(secured: Secured, group: str) -> None:
    reader, event = GROUPS[group]
    for user in KAFKA_USERS:
        assert _can_read(secured, user, group, event) == (user in (reader, "kafka-operator")), user


def test_a_password_is_changed_and_what_is_connected_stays_connected(secured: Secured) -> None:
    user = "kafka-ingest"
    connected = make_producer(secured.kafka_settings(user))
    connected.send(TileEvent.TOPIC, b"{}").get(30)
    secured.admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password="hush again")]
    )
    eventually(lambda: _is_known(secured, user, "hush again"), "the new password is taken")
    assert not _is_known(secured, user, PASSWORD)
    connected.send(TileEvent.TOPIC, b"{}").get(30)
    connected.close()
    secured.admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password=PASSWORD)]
    )
    eventually(lambda: _is_known(secured, user, PASSWORD), "the password of the other tests is back")


def _is_known(secured: Secured, user: str, password: str) -> bool:
    settings = secured.kafka_settings(user).model_copy(update={"sasl_password": SecretStr(password)})
    try:
        make_producer(settings).close()
    except KafkaError:
        return False
    return True


def _can_write(secured: Secured, user: str, event: type[Event]) -> bool:
    producer = make_producer(secured.kafka_settings(user))  # one that was refused once writes nothing more
    try:
        producer.send(event.TOPIC, b"{}").get(30)
    except KafkaError as error:
        if "AuthorizationFailedError" not in str(error):
            raise
        return False
    finally:
        producer.close()
    return True


def _can_read(secured: Secured, user: str, group: str, event: type[Event]) -> bool:
    consumer = make_consumer(secured.kafka_settings(user), group)
    consumer.subscribe([event.TOPIC], listener=JoinsForCertain(consumer))
    try:
        eventually(lambda: consumer.poll(500) is not None and consumer.assignment(), f"{user} joins {group}")
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return False
    finally:
        consumer.close(autocommit=False)
    return True
