"""The running system with Prometheus and Alertmanager beside it, configured from the files in deploy/."""

import json
import re
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.tests.rendering import DEPLOY
from railwatch.demo.system import System, running_system
from railwatch.demo.yard import write_site
from railwatch.embedded import free_port, running
from tests.support.bus import eventually

RAILWATCH = (sys.executable, "-c", "from railwatch.cli import main; main()")
UNSEEN = "unseen"
"""A site of which no image ever comes."""

UNSEEN_TRACKS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"track": "1"},
            "geometry": {"type": "LineString", "coordinates": [[140.0, 45.0], [140.01, 45.0]]},
        }
    ],
}
WEBHOOK_SECRET = "a-secret-of-the-desk"


class Desk(ThreadingHTTPServer):
    """Takes webhooks on loopback and keeps their bodies by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.taken: dict[str, list[dict[str, Any]]] = defaultdict(list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Take(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken[self.path].append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@dataclass
class Stack:
    """What runs.

    Attributes:
        system: the three services.
        prometheus: its base URL.
        alertmanager: its base URL.
        desk: what was sent to webhooks.
        redis: the Redis of the services, for taking it away.
    """

    system: System
    prometheus: str
    alertmanager: str
    desk: Desk
    redis: subprocess.Popen[bytes]

    def environment(self, service: str) -> dict[str, str]:
        """The variables that a running service was started with."""
        pairs = Path(f"/proc/{self.system.processes[service].pid}/environ").read_text().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if pair)

    def stop(self, service: str) -> dict[str, str]:
        """Stop a service as Kubernetes does, and give back its variables for starting it again."""
        environment = self.environment(service)
        self.system.processes[service].terminate()
        assert self.system.processes[service].wait(60) == 0
        return environment

    def start(self, service: str, environment: dict[str, str]) -> None:
        """Start a service where it was, and wait until it is ready."""
        with self.system.log_of(service).open("ab") as log:
            self.system.processes[service] = subprocess.Popen(
                [*RAILWATCH, service], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: is_ready(self.system.urls[service]), f"{service} is ready again")

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The result of an instant query; an assertion fails if Prometheus refuses it."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expr}, timeout=30).json()
        assert answer["status"] == "success", (expr, answer.get("error"))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self) -> set[str]:
        """Names of the alerts that fire in Prometheus."""
        alerts = httpx.get(f"{self.prometheus}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def posted(self, alertname: str) -> list[dict[str, Any]]:
        """Alertmanager's alerts of a name."""
        answer = httpx.get(
            f"{self.alertmanager}/api/v2/alerts", params={"filter": f'alertname="{alertname}"'}, timeout=30
        )
        found: list[dict[str, Any]] = answer.json()
        return found

    def notified(self, receiver: str, alertname: str) -> bool:
        """Whether a receiver of Alertmanager was told of an alert."""
        told = [alert for body in self.desk.taken[f"/{receiver}"] for alert in body["alerts"]]
        return any(alert["labels"]["alertname"] == alertname for alert in told)


def is_ready(url: str) -> bool:
    """Whether the service there has all that it needs."""
    try:
        return httpx.get(f"{url}/readyz", timeout=30).is_success
    except httpx.TransportError:
        return False


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Start everything on loopback, and stop everything when the block is left."""
    write_site(directory / "sites")
    (directory / "sites" / f"{UNSEEN}.yaml").write_text(f"id: {UNSEEN}\nname: Unseen\ntracks: {UNSEEN}.geojson\n")
    (directory / "sites" / f"{UNSEEN}.geojson").write_text(json.dumps(UNSEEN_TRACKS))
    with ExitStack() as stack:
        desk = Desk()
        stack.callback(desk.server_close)
        threading.Thread(target=desk.serve_forever, daemon=True).start()
        stack.callback(desk.shutdown)
        alertmanager = stack.enter_context(_alertmanager(directory, desk.url))
        port = free_port()
        redis = stack.enter_context(
            running("Redis", ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""], port)
        )
        settings = {
            "RAILWATCH_REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "RAILWATCH_ALERTMANAGER_URLS": f"main={alertmanager}",
            "RAILWATCH_ALERTMANAGER_RESEND_S": "5",
            "RAILWATCH_ALERTING_FIRST_LOOK_DAYS": "0.0001",
            "RAILWATCH_WEBHOOK_URLS": f"desk={desk.url}/railwatch",
            "RAILWATCH_WEBHOOK_SECRETS": f"desk={WEBHOOK_SECRET}",
        }
        system = stack.enter_context(running_system(directory, settings))
        prometheus = stack.enter_context(_prometheus(directory, system, alertmanager))
        stack.enter_context(_asked_whether_ready(system))
        yield Stack(system, prometheus, alertmanager, desk, redis)


@contextmanager
def _asked_whether_ready(system: System) -> Iterator[None]:
    """Ask every service for its readiness about once a second, as a kubelet does."""
    enough = threading.Event()

    def ask() -> None:
        while not enough.wait(1.0):
            for url in system.urls.values():
                with suppress(httpx.TransportError):
                    httpx.get(f"{url}/readyz", timeout=30)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def _alertmanager(directory: Path, desk: str) -> Iterator[str]:
    """Alertmanager with the shipped routes. Only addresses and waits are changed."""
    text = (DEPLOY / "alertmanager" / "alertmanager.yaml").read_text().replace("http://receiver:8090", desk)
    configuration = directory / "alertmanager.yaml"
    configuration.write_text(re.sub(r"(group_wait|group_interval): \S+", r"\1: 200ms", text))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={configuration}",
        f"--storage.path={directory / 'alertmanager'}",
    ]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with running("Alertmanager", command, int(address.rpartition(":")[2])):
        yield f"http://{address}"


@contextmanager
def _prometheus(directory: Path, system: System, alertmanager: str) -> Iterator[str]:
    """Prometheus with the shipped rules. Only addresses and waits are changed."""
    rules = directory / "rules.yaml"
    rules.write_text(re.sub(r"for: \S+", "for: 1s", (DEPLOY / "prometheus" / "rules.yaml").read_text()))
    shipped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(rules)]
    shipped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager.removeprefix("http://")]
    for job in shipped["scrape_configs"]:
        service = job["job_name"].removeprefix("railwatch-")
        job["static_configs"][0]["targets"] = [system.urls[service].removeprefix("http://")]
    configuration = directory / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(shipped))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'prometheus'}"]
    command += [f"--web.listen-address={address}", "--log.level=warn"]
    with running("Prometheus", command, int(address.rpartition(":")[2])):
        yield f"http://{address}"
