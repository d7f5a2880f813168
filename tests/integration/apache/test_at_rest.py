"""A worker with nothing to do, on Apache Kafka: a fetch that rests there answers only when its time is over."""

import pytest
from kafka import KafkaConsumer

from railwatch.shared.bus import Worker, worker
from railwatch.shared.bus.client import REST_MS, rest_ms
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import counter, eventually, working

PRODUCTION_SESSION_MS = 45_000
CHECKS = 10


def test_a_worker_at_rest_stays_ready(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = kafka_settings.model_copy(update={"session_timeout_ms": PRODUCTION_SESSION_MS})
    assert rest_ms(settings) == REST_MS
    monkeypatch.setattr(worker, "CHECK_S", 0.5)
    check = Worker._check
    ready: list[bool] = []

    def noting(checked: Worker[TileEvent], consumer: KafkaConsumer) -> None:
        check(checked, consumer)
        if checked.ready() or ready:
            ready.append(checked.ready())

    monkeypatch.setattr(Worker, "_check", noting)
    with working(counter(settings)):
        eventually(lambda: len(ready) >= CHECKS, f"{CHECKS} checks since it was ready")
    assert all(ready[:CHECKS])
