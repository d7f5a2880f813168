"""The alerting service as a process: from counts in Kafka to receivers, once each, over crashes and restarts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from railwatch.embedded import embedded_redis, free_port
from railwatch.services.alerting.state.keys import KNOWN_SINCE
from railwatch.shared.bus import Publisher
from railwatch.shared.events import AlertEvent, DeadLetter, MissedLookEvent
from railwatch.shared.settings import KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import count_event, write_site
from tests.support.bus import PATIENCE_S, eventually, topic_view
from tests.support.receivers import ReceiverLog, receiver, rude_server

SECRET = "0123456789abcdef-desk"
QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
FIRST, SECOND = count_event(61, 30), count_event(64, 70, spread=6)


@dataclass
class Alerting:
    """The service, as an operator runs it."""

    environment: dict[str, str]
    url: str

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", "from railwatch.services.alerting.main import run; run()"]
        process = subprocess.Popen(command, env={**os.environ, **self.environment})
        try:
            eventually(lambda: process.poll() is None and self._ready(), "alerting is ready")
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
            process.wait()

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path).raise_for_status().json()

    def metric(self, start: str) -> float:
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(start)), 0.0)

    def missing(self) -> list[str]:
        try:
            found: list[str] = httpx.get(f"{self.url}/readyz", timeout=30).json()["missing"]
        except httpx.TransportError:
            return ["everything"]
        return found

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def desk() -> Iterator[ReceiverLog]:
    with receiver() as log:
        yield log


@pytest.fixture
def alertmanager() -> Iterator[ReceiverLog]:
    with receiver() as log:
        yield log


@pytest.fixture
def alerting(
    tmp_path: Path,
    kafka_environment: dict[str, str],
    redis_environment: dict[str, str],
    desk: ReceiverLog,
    alertmanager: ReceiverLog,
) -> Alerting:
    port = free_port()
    environment = {
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": f"file://{tmp_path}/blobs",
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
        "RAILWATCH_HTTP_PORT": str(port),
        "RAILWATCH_ALERTING_PUBLIC_URL": "https://railwatch.example",
        "RAILWATCH_ALERTMANAGER_URLS": f"main={alertmanager.url}",
        "RAILWATCH_WEBHOOK_URLS": f"desk={desk.url}",
        "RAILWATCH_WEBHOOK_SECRETS": f"desk={SECRET}",
        "RAILWATCH_DELIVERY_FIRST_RETRY_S": "0.1",
    }
    return Alerting(environment, f"http://127.0.0.1:{port}")


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


def sent(log: ReceiverLog) -> list[tuple[str, str]]:
    return [(request.json["id"], request.json["data"]["transition"]) for request in log.requests]


def test_a_surge_reaches_everyone_who_should_know_and_poison_nobody(
    alerting: Alerting,
    publisher: Publisher,
    kafka_settings: KafkaSettings,
    desk: ReceiverLog,
    alertmanager: ReceiverLog,
) -> None:
    desk.statuses += [500, 302]
    desk.location = "http://127.0.0.1:1/internal"
    poison = [count_event(60.5, 1e6), count_event(60.5, 9, tile="r9c9", tiles=("r9c9",)), count_event(61, 9, site="x")]
    with topic_view(kafka_settings, DeadLetter) as letters, alerting.running():
        publisher.publish(*QUIET, *poison, FIRST, SECOND)
        eventually(lambda: len(set(sent(desk))) == 2, "both transitions at the webhook")
        eventually(lambda: len(alertmanager.requests) >= 2, "both transitions at Alertmanager")
        (alert,) = alerting.get("/v1/alerts?state=standing")["items"]
        looks = alerting.get("/v1/sites/tumangang/observations?limit=3")["items"]
        eventually(lambda: alerting.metric("railwatch_alerts_standing") == 1, "the gauge of standing alerts")
        assert alerting.metric('railwatch_deliveries_total{outcome="failed",receiver="desk"}') == 2
        eventually(lambda: len(letters.ids()) == 3, "the dead letters")
        reasons = {letter.reason for letter in letters.events()}
    assert reasons == {"implausible-count", "unknown-tile", "unknown-site"}
    last = desk.requests[-1]
    Webhook(SECRET.encode()).verify(last.body, last.headers)
    assert [transition for _, transition in sent(desk)] == ["opened", "opened", "opened", "updated"]
    assert last.json["data"]["sentence"] == alert["sentence"]
    assert [look["count"] for look in looks] == [70, 30, 9]
    assert alertmanager.requests[-1].json[0]["generatorURL"] == f"https://railwatch.example/alerts/{alert['alert']}"


def test_a_service_that_is_killed_and_started_again_announces_everything_once(
    alerting: Alerting, publisher: Publisher, kafka_settings: KafkaSettings, desk: ReceiverLog
) -> None:
    with topic_view(kafka_settings, AlertEvent) as alerts:
        with alerting.running() as process:
            publisher.publish(*QUIET, FIRST)
            eventually(lambda: len(alerts.ids()) == 1, "the opening on the topic")
            process.kill()
            process.wait()
        publisher.publish(*QUIET, FIRST, SECOND)
        with alerting.running():
            eventually(lambda: {transition for _, transition in sent(desk)} == {"opened", "updated"}, "the webhook")
            eventually(lambda: len(alerting.get("/v1/alerts")["items"]) == 1, "the API")
        events = {event.id: event for event in alerts.events()}
    assert sorted(event.transition for event in events.values()) == ["opened", "updated"]
    assert {event_id for event_id, _ in sent(desk)} == set(events)


def test_a_missed_look_and_its_end_are_announced_once_over_a_kill_and_restarts(
    alerting: Alerting,
    publisher: Publisher,
    kafka_settings: KafkaSettings,
    redis_settings: RedisSettings,
    desk: ReceiverLog,
    alertmanager: ReceiverLog,
) -> None:
    connect(redis_settings).hset(KNOWN_SINCE, "tumangang", "2023-01-01T00:00:00+00:00")
    with topic_view(kafka_settings, MissedLookEvent) as topic:
        with alerting.running() as process:
            eventually(lambda: desk.requests, "the missed look at the webhook")
            eventually(lambda: alertmanager.requests, "and at Alertmanager")
            (site,) = alerting.get("/v1/sites")["items"]
            process.kill()
            process.wait()
        with alerting.running():
            publisher.publish(*QUIET)
            eventually(lambda: len(alerting.get("/v1/sites/tumangang/observations")["items"]) == 20, "all looks")
        with alerting.running():
            eventually(lambda: len(set(sent(desk))) == 2, "that it was seen, at the webhook")
            assert alerting.get("/v1/sites")["items"][0]["missed"] == []
        events = {event.id: event.transition for event in topic.events()}
    assert [look["miss"] for look in site["missed"]] == ["look"]
    assert list(events.values()) == ["opened", "resolved"]
    assert dict(sent(desk)) == events
    assert alertmanager.requests[0].json[0]["labels"]["alertname"] == "SiteNotSeen"


def test_a_redis_that_is_emptied_is_noticed_and_costs_no_look_and_no_alert(
    alerting: Alerting,
    publisher: Publisher,
    kafka_settings: KafkaSettings,
    redis_settings: RedisSettings,
    desk: ReceiverLog,
    alertmanager: ReceiverLog,
) -> None:
    alerting.environment["RAILWATCH_ALERTMANAGER_RESEND_S"] = "0.5"

    with topic_view(kafka_settings, DeadLetter) as letters:
        with alerting.running():
            publisher.publish(*QUIET, FIRST)
            eventually(lambda: len(sent(desk)) == 1, "the alert stands")
            eventually(lambda: len(alertmanager.requests) >= 2, "Alertmanager is reminded of it")
            connect(redis_settings).flushall()
            publisher.publish(SECOND)
            rebuilt = 'railwatch_rebuilds_total{outcome="done"}'
            eventually(lambda: alerting.metric(rebuilt) == 1, "alerting rebuilds its state by itself")
            eventually(lambda: len(sent(desk)) == 2, "the look that waited updates the alert")
            eventually(lambda: alerting.missing() == [], "it goes on by itself")
            alertmanager.requests.clear()
            eventually(lambda: alertmanager.requests, "Alertmanager is reminded again")
            assert len(alerting.get("/v1/sites/tumangang/observations")["items"]) == 22
            assert len(alerting.get("/v1/alerts?state=standing")["items"]) == 1
        assert [transition for _, transition in sent(desk)] == ["opened", "updated"], "nobody hears anything twice"
        assert letters.events() == []


def test_a_redis_that_is_full_is_not_ready_and_costs_no_look(
    alerting: Alerting, publisher: Publisher, kafka_settings: KafkaSettings, desk: ReceiverLog
) -> None:
    with (
        topic_view(kafka_settings, DeadLetter) as letters,
        embedded_redis() as environment,
        connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])) as client,
    ):
        alerting.environment |= environment
        with alerting.running():
            publisher.publish(*QUIET)
            eventually(lambda: len(alerting.get("/v1/sites/tumangang/observations")["items"]) == 20, "all looks")
            client.config_set("maxmemory", "1")
            publisher.publish(FIRST)
            eventually(lambda: alerting.missing() == ["redis"], "alerting says that Redis takes no writes")
            eventually(lambda: alerting.metric("railwatch_handle_retries_total") >= 2, "the look waits")
            client.config_set("maxmemory", "0")
            eventually(lambda: sent(desk), "the look is judged")
            eventually(lambda: alerting.missing() == [], "it goes on by itself")
        assert letters.events() == []


def test_a_redis_that_was_emptied_while_alerting_was_stopped_is_rebuilt_at_the_start(
    alerting: Alerting, publisher: Publisher, redis_settings: RedisSettings, desk: ReceiverLog
) -> None:
    with alerting.running():
        publisher.publish(*QUIET, FIRST)
        eventually(lambda: len(sent(desk)) == 1, "the alert stands")
        eventually(lambda: alerting.metric("railwatch_lag_records") == 0, "all is committed")
    connect(redis_settings).flushall()
    with alerting.running():
        assert alerting.metric('railwatch_rebuilds_total{outcome="done"}') == 1
        assert len(alerting.get("/v1/alerts?state=standing")["items"]) == 1
        publisher.publish(SECOND)
        eventually(lambda: len(sent(desk)) == 2, "the alert goes on")
    assert [transition for _, transition in sent(desk)] == ["opened", "updated"]


def test_alerting_does_not_start_on_a_redis_that_evicts(alerting: Alerting, redis_settings: RedisSettings) -> None:
    with embedded_redis() as environment, connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        command = [sys.executable, "-c", "from railwatch.cli import main; main()", "alerting"]
        ended = subprocess.run(
            command, env={**os.environ, **alerting.environment, **environment}, capture_output=True, check=False
        )
    assert ended.returncode == 1
    assert b"RAILWATCH_REDIS_ALLOW_EVICTION" in ended.stderr


def test_a_receiver_that_hangs_holds_up_no_other(
    alerting: Alerting, publisher: Publisher, desk: ReceiverLog, kafka_settings: KafkaSettings
) -> None:
    with rude_server(lambda connection: (connection.recv(1), None)[1]) as hanging:
        alerting.environment["RAILWATCH_WEBHOOK_URLS"] += f",hanging={hanging}"
        alerting.environment["RAILWATCH_WEBHOOK_SECRETS"] += f",hanging={SECRET}"
        alerting.environment["RAILWATCH_DELIVERY_TIMEOUT_S"] = "4"
        alerting.environment["RAILWATCH_DELIVERY_GIVE_UP_AFTER_S"] = "3"
        with topic_view(kafka_settings, DeadLetter) as letters, alerting.running():
            publisher.publish(*QUIET, FIRST, SECOND)
            eventually(lambda: len(sent(desk)) == 2, "the webhook that answers")
            eventually(lambda: len(letters.ids()) == 2, "the dead letters of the one that does not")
            assert {letter.reason for letter in letters.events()} == {"undelivered-hanging"}
            assert alerting.metric('railwatch_delivery_healthy{receiver="hanging"}') == 0
            assert alerting.metric('railwatch_delivery_healthy{receiver="desk"}') == 1
