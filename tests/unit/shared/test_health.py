"""What a service answers to probes."""

import threading
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from railwatch.shared import health
from railwatch.shared.bus import metrics
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.health import Progress, health_router
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.bus import PATIENCE_S, eventually


def client(progress: Progress, ready: dict[str, bool], alive_within_s: float = 60.0) -> TestClient:
    app = FastAPI()
    answers = {name: partial(bool, answer) for name, answer in ready.items()}
    app.include_router(health_router("ingest", progress, answers, alive_within_s))
    return TestClient(app)


def test_healthz_means_progress_not_an_open_port() -> None:
    assert client(Progress(), {}).get("/healthz").status_code == 200

    stuck = client(Progress(), {}, alive_within_s=-1.0).get("/healthz")
    assert stuck.status_code == 503
    assert stuck.json()["status"] == "stuck"


def test_a_beat_brings_a_service_back_to_life() -> None:
    progress = Progress()
    aged = progress.age_s
    progress.beat()

    assert progress.age_s <= aged + 1
    assert progress.alive(within_s=60)


def test_to_wait_for_what_is_away_is_progress_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BEAT_EVERY_S", 0.01)
    beats = [0]

    class Counted(Progress):
        def beat(self) -> None:
            beats[0] += 1

    with Counted().waiting():
        eventually(lambda: beats[0] >= 3, "it beats while it waits")
    after = beats[0]
    monkeypatch.setattr(health, "WAITS_AT_MOST_S", -1.0)
    with Counted().waiting():
        pass
    assert beats[0] == after


def test_readyz_names_what_is_missing() -> None:
    assert client(Progress(), {"kafka": True, "redis": True}).get("/readyz").json() == {
        "status": "ready",
        "missing": [],
    }

    answer = client(Progress(), {"kafka": True, "redis": False, "blobs": False}).get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "missing": ["redis", "blobs"]}


def test_a_dependency_that_hangs_is_missing_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.5)
    asked, go_on = [], threading.Event()

    def hang() -> bool:
        asked.append(1)
        return go_on.wait(PATIENCE_S)

    app = FastAPI()
    app.include_router(health_router("ingest", Progress(), {"kafka": lambda: True, "redis": hang}))
    with TestClient(app) as probe:
        for _ in range(3):
            assert probe.get("/readyz").json()["missing"] == ["redis"]
        assert len(asked) == 1
        go_on.set()
        eventually(lambda: probe.get("/readyz").is_success, "it answers again")


def test_a_question_that_fails_is_a_no() -> None:
    app = FastAPI()
    app.include_router(health_router("ingest", Progress(), {"kafka": lambda: bool(1 / 0)}))
    assert TestClient(app).get("/readyz").json()["missing"] == ["kafka"]


def test_metrics_are_served_in_prometheus_format() -> None:
    metrics.EVENTS_PUBLISHED.labels("railwatch.test").inc()

    answer = client(Progress(), {}).get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'railwatch_events_published_total{type="railwatch.test"} 1.0' in answer.text


def test_serve_listens_while_the_block_lasts() -> None:
    app = FastAPI()
    app.include_router(health_router("ingest", Progress(), {}))

    with serve(app, HttpSettings(port=0)) as url:
        assert httpx.get(f"{url}/healthz").status_code == 200
        with (
            pytest.raises(ConfigurationError, match=r"^RAILWATCH_HTTP_PORT: cannot listen on 127\.0\.0\.1:"),
            serve(app, HttpSettings(port=int(url.rpartition(":")[2]))),
        ):
            pass

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz")
