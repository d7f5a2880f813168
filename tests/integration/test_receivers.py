"""Receivers and the topic: each has its own order by site, and Kafka remembers it whatever happens to Redis."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from railwatch.services.alerting.settings import DeliverySettings, Settings, WebhookSettings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import Slowest, begin_deliveries, delivery_workers, make_deliveries
from railwatch.shared.bus import Publisher
from railwatch.shared.events import AlertEvent, Transition
from railwatch.shared.health import Progress
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.state import connect
from tests.conftest import APACHE
from tests.support.alerting import alert_event
from tests.support.bus import eventually, working
from tests.support.receivers import ReceiverLog, receiver

SITES = [f"site-{number}" for number in range(12)]
REFUSED = SITES[0]


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with connect(redis_settings) as client:
        yield client


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


@pytest.fixture
def desk() -> Iterator[ReceiverLog]:
    with receiver() as log:
        yield log


Delivering = Callable[[], AbstractContextManager[object]]


@pytest.fixture
def delivering(
    tmp_path: Path, kafka_settings: KafkaSettings, redis_settings: RedisSettings, desk: ReceiverLog
) -> Delivering:
    """Delivers to the desk while the block runs, as a process that was just started."""
    settings = Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url="memory://"),
        sites=SiteSettings(dir=tmp_path),
        delivery=DeliverySettings(first_retry_s=0.05, longest_retry_s=0.2),
        webhook=WebhookSettings.model_validate(
            {"urls": {"desk": desk.url}, "secrets": {"desk": "a secret of the desk"}}
        ),
    )

    def deliver() -> AbstractContextManager[object]:
        client = connect(redis_settings)
        incarnation = Incarnation(client, "alerting", lambda: True, lambda: False)
        deliveries = make_deliveries(settings, client, Store(client), incarnation)
        begin_deliveries(deliveries, kafka_settings, Progress(), threading.Event())
        (worker,) = delivery_workers(settings, deliveries, incarnation, Publisher(kafka_settings), Slowest())
        return working(worker)

    return deliver


def steps(site: str) -> list[AlertEvent]:
    """Three steps of an alert at a site."""
    transitions = (Transition.OPENED, Transition.UPDATED, Transition.RESOLVED)
    at = datetime.now(UTC)
    return [
        alert_event(transition, sequence=number, alert=f"alert-{site}", site=site, recorded_at=at)
        for number, transition in enumerate(transitions, 1)
    ]


def taken(desk: ReceiverLog) -> list[tuple[str, int]]:
    """Site and number of each step that the desk has taken, as they came."""
    bodies = [request.json["data"] for request in desk.requests if desk.judge(request.body) == 200]
    return [(body["site"], body["sequence"]) for body in bodies]


def refuses_a_site(body: bytes) -> int:
    return 500 if f'"site": "{REFUSED}"'.encode() in body else 200


def test_a_receiver_that_refuses_one_sites_alerts_gets_those_of_all_others_in_order(
    delivering: Delivering, desk: ReceiverLog, publisher: Publisher, kafka_settings: KafkaSettings
) -> None:
    desk.judge = refuses_a_site
    with delivering():
        publisher.publish(*(event for three in zip(*map(steps, SITES), strict=True) for event in three))
        eventually(lambda: len(taken(desk)) >= 3 * (len(SITES) - 1), "all other sites' steps")
        assert {site for site, _ in taken(desk)} == set(SITES) - {REFUSED}
        desk.requests.clear()
        desk.judge = lambda _: 200
        eventually(lambda: len(taken(desk)) >= 3, "the site that was refused")
    assert taken(desk) == [(REFUSED, 1), (REFUSED, 2), (REFUSED, 3)]


def test_what_waits_for_a_receiver_reaches_it_once_although_redis_was_emptied(
    delivering: Delivering,
    desk: ReceiverLog,
    publisher: Publisher,
    kafka_settings: KafkaSettings,
    client: redis.Redis,
) -> None:
    publisher.publish(*steps("before"))
    desk.judge = lambda _: 500
    with delivering():
        publisher.publish(*steps("one"), *steps("two"))
        eventually(lambda: len(desk.requests) >= 4, "it refuses them")
    client.flushall()
    desk.requests.clear()
    desk.judge = lambda _: 200
    with delivering():
        eventually(lambda: len(taken(desk)) >= 6, "they reach it")
        publisher.publish(*steps("last"))
        eventually(lambda: len(taken(desk)) >= 9, "and what comes later")
    expected = {(site, number) for site in ("one", "two", "last") for number in (1, 2, 3)}
    assert sorted(taken(desk)) == sorted(expected), "none is lost, none repeated, none from before the receiver"
    for site in ("one", "two", "last"):
        assert [number for name, number in taken(desk) if name == site] == [1, 2, 3]


def test_a_receiver_that_kafka_has_forgotten_gets_what_came_since_it_was_added(
    delivering: Delivering,
    desk: ReceiverLog,
    publisher: Publisher,
    client: redis.Redis,
) -> None:
    since = datetime.now(UTC) - timedelta(days=3)
    client.set("railwatch:alerting:receiver-since:desk", since.isoformat())
    publisher.publish(*steps("waits"))
    with delivering():
        eventually(lambda: len(taken(desk)) >= 3, "they reach it")
    assert taken(desk) == [("waits", 1), ("waits", 2), ("waits", 3)]


if APACHE:  # the embedded broker keeps no text beside an offset

    def test_what_overtook_a_refused_site_is_not_repeated_after_redis_was_emptied(
        delivering: Delivering,
        desk: ReceiverLog,
        publisher: Publisher,
        kafka_settings: KafkaSettings,
        client: redis.Redis,
    ) -> None:
        desk.judge = refuses_a_site
        with delivering():
            publisher.publish(*steps(REFUSED))
            publisher.publish(*(event for site in SITES[1:] for event in steps(site)))
            eventually(lambda: len(taken(desk)) >= 3 * (len(SITES) - 1), "all other sites' steps")
        client.flushall()
        desk.requests.clear()
        desk.judge = lambda _: 200
        with delivering():
            eventually(lambda: len(taken(desk)) >= 3, "the site that was refused")
            publisher.publish(*steps("last"))
            eventually(lambda: ("last", 3) in taken(desk), "and what comes later")
        assert sorted(taken(desk)) == [*(("last", n) for n in (1, 2, 3)), *((REFUSED, n) for n in (1, 2, 3))]
