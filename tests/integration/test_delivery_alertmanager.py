"""Delivering to Alertmanager, which wants to be reminded of all that stands."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

import pytest
import redis
from pydantic import SecretStr
from structlog.testing import capture_logs

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.delivery.deliver import Delivery, Receiver
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.alerting.delivery.receivers import Alertmanager
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.bus.timers import Timer, Timers
from railwatch.shared.events import Notice, Transition
from railwatch.shared.metrics import registry
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, missed_look
from tests.support.clock import Clock
from tests.support.receivers import ReceiverLog, receiver

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


def whole() -> None:
    """The state is whole."""


def test_alertmanager_is_reminded_of_standing_alerts_until_they_end(
    redis_client: redis.Redis, desk: ReceiverLog, clock: Clock
) -> None:
    store = Store(redis_client)
    alertmanager = Alertmanager(Poster(), desk.url, SecretStr("token"), store, whole, timedelta(minutes=1), 2.0, clock)
    opened, resolved = alert_event(recorded_at=T0), alert_event(Transition.RESOLVED, sequence=2, recorded_at=T0)
    store.transact("tumangang", lambda transaction: transaction.announce([opened]))
    alertmanager.send(opened)
    for _ in range(3):
        clock.turn(minutes=1)
        alertmanager.remind()
    store.transact("tumangang", lambda transaction: transaction.announce([resolved]))
    clock.turn(minutes=1)
    alertmanager.remind()
    alertmanager.send(resolved)
    assert [request.path for request in desk.requests] == ["/hook/api/v2/alerts"] * 5
    assert desk.requests[0].headers["Authorization"] == "Bearer token"
    sent_at = [T0 + timedelta(minutes=minutes) for minutes in (0, 1, 2, 3, 4)]
    holds = [datetime.fromisoformat(request.json[0]["endsAt"]) for request in desk.requests]
    assert holds == [*(at + timedelta(minutes=4) for at in sent_at[:4]), sent_at[4]]


def test_an_overtaken_transition_does_not_raise_an_ended_alert_again(
    redis_client: redis.Redis, desk: ReceiverLog, clock: Clock
) -> None:
    store = Store(redis_client)
    alertmanager = Alertmanager(Poster(), desk.url, None, store, whole, timedelta(minutes=1), 2.0, clock)
    opened, resolved = alert_event(recorded_at=T0), alert_event(Transition.RESOLVED, sequence=2, recorded_at=T0)
    store.transact("tumangang", lambda transaction: transaction.announce([opened, resolved]))
    alertmanager.send(resolved)
    alertmanager.send(opened)
    assert [request.json[0]["endsAt"] for request in desk.requests] == [T0.isoformat()] * 2


def test_alertmanager_is_reminded_of_a_missed_look_until_it_ends(
    redis_client: redis.Redis, desk: ReceiverLog, clock: Clock
) -> None:
    store = Store(redis_client)
    alertmanager = Alertmanager(Poster(), desk.url, None, store, whole, timedelta(minutes=1), 2.0, clock)
    missed = missed_look(recorded_at=T0)
    seen_again = missed_look(Transition.RESOLVED, sequence=2, recorded_at=T0)
    store.transact("tumangang", lambda transaction: transaction.announce_missed([missed]))
    alertmanager.send(missed)
    clock.turn(minutes=1)
    alertmanager.remind()
    store.transact("tumangang", lambda transaction: transaction.announce_missed([seen_again]))
    clock.turn(minutes=1)
    alertmanager.remind()
    alertmanager.send(missed)
    alertmanager.send(seen_again)
    ends = [request.json[0]["endsAt"] for request in desk.requests]
    hold = timedelta(minutes=4)
    assert ends == [at.isoformat() for at in (T0 + hold, T0 + timedelta(minutes=1) + hold, clock(), clock())]


ALERTS = [alert_event(alert=f"{number:032x}").model_copy(update={"site": f"site-{number}"}) for number in range(9)]


def standing(store: Store) -> None:
    for event in ALERTS:
        store.transact(event.site, partial(Transaction.announce, events=[event]))


def sites_of(body: bytes) -> set[str]:
    return {alert["labels"]["site"] for alert in json.loads(body)}


@pytest.mark.parametrize(
    ("judge", "refused"),
    [
        (lambda body: 413 if len(body) > 3000 else 200, set()),
        (lambda body: 400 if "site-6" in sites_of(body) else 200, {"site-6"}),
        (lambda body: 422 if sites_of(body) & {"site-0", "site-8"} else 200, {"site-0", "site-8"}),
    ],
    ids=["too-large", "one-at-fault", "two-at-fault"],
)
def test_what_alertmanager_refuses_together_it_gets_apart_and_only_the_alert_at_fault_is_left_out(
    redis_client: redis.Redis, desk: ReceiverLog, clock: Clock, judge: Callable[[bytes], int], refused: set[str]
) -> None:
    store = Store(redis_client)
    standing(store)
    taken: set[str] = set()

    def answer(body: bytes) -> int:
        status = judge(body)
        if status == 200:
            taken.update(sites_of(body))
        return status

    desk.judge = answer
    minute = timedelta(minutes=1)
    alertmanager = Alertmanager(Poster(), desk.url, None, store, whole, minute, 2.0, clock)
    main = Receiver("desk", alertmanager.send, Timer(minute, alertmanager.remind))
    timers = Timers(Delivery(main, redis_client, store, timedelta(hours=6), clock, Notice).timers())
    with capture_logs() as lines:
        timers.run_due(0)

    assert taken == {event.site for event in ALERTS} - refused
    assert timers.next_due() > 59, "the pause is kept"
    assert len(lines) == bool(refused), "one line of log"
    assert all(f"at {site}: the receiver answered 4" in lines[0]["detail"] for site in refused)
    assert registry("alerting").get_sample_value("railwatch_delivery_healthy", {"receiver": "desk"}) == (not refused)


def test_alertmanager_is_reminded_of_what_stood_while_redis_is_away(desk: ReceiverLog, clock: Clock) -> None:
    with embedded_redis() as environment:
        client = connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"]))
        store = Store(client)
        standing(store)
        alertmanager = Alertmanager(Poster(), desk.url, None, store, whole, timedelta(minutes=1), 2.0, clock)
        alertmanager.remind()
    clock.turn(minutes=1)
    alertmanager.remind()
    first, second = (request.json for request in desk.requests)
    assert [alert["labels"] for alert in first] == [alert["labels"] for alert in second]
    assert {alert["endsAt"] for alert in second} == {(T0 + timedelta(minutes=5)).isoformat()}
