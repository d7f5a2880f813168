"""Delivering to one receiver, with what is remembered of it in Redis."""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis
from pydantic import SecretStr

from railwatch.services.alerting.delivery.deliver import Delivery, Receiver
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.alerting.delivery.receivers import webhook
from railwatch.services.alerting.state.store import Store
from railwatch.shared.errors import DependencyAwayError, TransientError, UnprocessableError
from railwatch.shared.events import Notice, Transition
from railwatch.shared.metrics import registry
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, missed_look
from tests.support.clock import Clock
from tests.support.receivers import ReceiverLog, receiver

SECRET = SecretStr("a secret of the desk")
T0 = datetime.fromisoformat("2026-01-01T00:00:00Z")


@pytest.fixture
def redis_client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def clock() -> Clock:
    return Clock(T0)


@pytest.fixture
def desk() -> Iterator[ReceiverLog]:
    with receiver() as log:
        yield log


@pytest.fixture
def delivery(redis_client: redis.Redis, desk: ReceiverLog, clock: Clock) -> Delivery[Notice]:
    to_desk = webhook(Poster(), "desk", desk.url, SECRET, "cloudevents", 2.0, clock)
    return Delivery(to_desk, redis_client, Store(redis_client), timedelta(hours=6), clock, Notice)


def metric(name: str, **labels: str) -> float:
    return registry("alerting").get_sample_value(name, {"receiver": "desk", **labels}) or 0.0


def test_a_transition_arrives_signed_and_with_its_id(
    delivery: Delivery[Notice], desk: ReceiverLog, clock: Clock
) -> None:
    event = alert_event(recorded_at=T0)
    delivery.handle(event)
    (request,) = desk.requests
    assert request.is_signed_with(SECRET.get_secret_value().encode(), clock())
    assert request.json["id"] == event.id
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert metric("railwatch_delivery_healthy") == 1


def test_a_secret_in_base64_stands_for_its_bytes(desk: ReceiverLog, clock: Clock) -> None:
    key = bytes(range(32))
    secret = SecretStr(f"whsec_{base64.b64encode(key).decode()}")
    webhook(Poster(), "desk", desk.url, secret, "cloudevents", 2.0, clock).send(alert_event(recorded_at=T0))
    assert desk.requests[0].is_signed_with(key, clock())


def test_a_transition_that_was_delivered_is_not_sent_again(delivery: Delivery[Notice], desk: ReceiverLog) -> None:
    for _ in range(3):
        delivery.handle(alert_event(recorded_at=T0))
    assert len(desk.requests) == 1


def test_each_transition_of_an_alert_is_sent(delivery: Delivery[Notice], desk: ReceiverLog) -> None:
    for sequence, transition in enumerate((Transition.OPENED, Transition.UPDATED, Transition.RESOLVED), 1):
        delivery.handle(alert_event(transition, sequence=sequence, recorded_at=T0))
    assert [request.json["data"]["transition"] for request in desk.requests] == ["opened", "updated", "resolved"]


def test_a_receiver_that_fails_gets_it_when_it_is_back(delivery: Delivery[Notice], desk: ReceiverLog) -> None:
    desk.statuses += [500, 503]
    event = alert_event(recorded_at=T0)
    for _ in range(2):
        with pytest.raises(TransientError):
            delivery.handle(event)
        assert metric("railwatch_delivery_healthy") == 0
    delivery.handle(event)
    assert metric("railwatch_delivery_healthy") == 1
    assert [request.json["id"] for request in desk.requests] == [event.id] * 3


def test_the_time_until_a_receiver_takes_it_is_measured_with_all_attempts(
    delivery: Delivery[Notice], desk: ReceiverLog, clock: Clock
) -> None:
    def late() -> float:
        return metric("railwatch_delivery_seconds_count") - metric("railwatch_delivery_seconds_bucket", le="300.0")

    before = late()
    event = alert_event(recorded_at=clock())
    desk.statuses += [503]
    with pytest.raises(TransientError):
        delivery.handle(event)
    clock.turn(minutes=6)
    delivery.handle(event)
    assert late() == before + 1


def test_what_a_receiver_would_not_take_for_too_long_is_given_up(
    delivery: Delivery[Notice], desk: ReceiverLog, clock: Clock
) -> None:
    desk.statuses += [500, 500]
    event = alert_event(recorded_at=T0)
    with pytest.raises(TransientError):
        delivery.handle(event)
    clock.turn(hours=6, seconds=1)
    with pytest.raises(UnprocessableError) as refusal:
        delivery.handle(event)
    assert refusal.value.reason == "undelivered-desk"
    assert "500" in refusal.value.detail


def test_what_a_receiver_refuses_is_given_up_at_once(delivery: Delivery[Notice], desk: ReceiverLog) -> None:
    desk.statuses.append(422)
    with pytest.raises(UnprocessableError) as refusal:
        delivery.handle(alert_event(recorded_at=T0))
    assert refusal.value.reason == "undelivered-desk"
    assert SECRET.get_secret_value() not in refusal.value.detail


def test_what_was_sent_but_could_not_be_noted_is_not_sent_again(
    delivery: Delivery[Notice], desk: ReceiverLog, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    with monkeypatch.context() as while_redis_is_away:
        while_redis_is_away.setattr(redis_client, "set", refuses)
        with pytest.raises(DependencyAwayError):
            delivery.handle(alert_event(recorded_at=T0))
    for _ in range(2):
        delivery.handle(alert_event(recorded_at=T0))
    assert len(desk.requests) == 1


def test_a_topic_replayed_after_months_notifies_nobody_and_says_so(
    delivery: Delivery[Notice], desk: ReceiverLog, clock: Clock
) -> None:
    delivery.handle(alert_event(recorded_at=T0))
    clock.turn(days=90)
    with pytest.raises(UnprocessableError, match="more than 30 days old"):
        delivery.handle(alert_event(recorded_at=T0))
    assert len(desk.requests) == 1


def test_receivers_hear_nothing_of_a_silenced_alert_until_its_time(
    delivery: Delivery[Notice], desk: ReceiverLog, redis_client: redis.Redis, clock: Clock
) -> None:
    silenced = alert_event(Transition.SILENCED, sequence=2, recorded_at=T0).model_copy(
        update={"until": T0 + timedelta(hours=1), "by": "Ada"}
    )
    Store(redis_client).transact("tumangang", lambda transaction: transaction.announce([silenced]))
    delivery.handle(silenced)
    delivery.handle(alert_event(Transition.UPDATED, sequence=3, recorded_at=T0))
    delivery.handle(alert_event(Transition.OPENED, alert="f" * 32, recorded_at=T0))
    clock.turn(hours=1)
    delivery.handle(alert_event(Transition.UPDATED, sequence=4, recorded_at=clock()))
    sent = [(request.json["data"]["transition"], request.json["data"]["sequence"]) for request in desk.requests]
    assert sent == [("silenced", 2), ("opened", 1), ("updated", 4)]


def test_a_missed_look_arrives_signed_once_and_so_does_its_end(
    delivery: Delivery[Notice], desk: ReceiverLog, clock: Clock
) -> None:
    missed = missed_look(recorded_at=T0)
    seen_again = missed_look(Transition.RESOLVED, sequence=2, recorded_at=T0)
    for event in (missed, missed, seen_again, missed, seen_again):
        delivery.handle(event)
    assert [request.headers["webhook-id"] for request in desk.requests] == [missed.id, seen_again.id]
    assert [request.json["data"]["transition"] for request in desk.requests] == ["opened", "resolved"]
    assert all(request.is_signed_with(SECRET.get_secret_value().encode(), clock()) for request in desk.requests)


def test_a_missed_look_that_a_receiver_refuses_is_given_up_by_name(
    delivery: Delivery[Notice], desk: ReceiverLog
) -> None:
    desk.statuses.append(400)
    with pytest.raises(UnprocessableError) as refusal:
        delivery.handle(missed_look(recorded_at=T0))
    assert refusal.value.reason == "undelivered-desk"
    assert missed_look().missed in refusal.value.detail


def test_a_receiver_is_not_blamed_for_a_redis_that_is_away(redis_client: redis.Redis, clock: Clock) -> None:
    def send(_: Notice) -> None:
        raise DependencyAwayError("Redis does not answer: TimeoutError.")

    away = Receiver("away", send)
    delivery = Delivery(away, redis_client, Store(redis_client), timedelta(hours=6), clock, Notice)
    clock.turn(days=1)
    with pytest.raises(DependencyAwayError):
        delivery.handle(alert_event(recorded_at=T0))
    outcomes = ("failed", "given-up")
    assert [metric("railwatch_deliveries_total", receiver="away", outcome=outcome) for outcome in outcomes] == [0, 0]
