"""The running system on Apache Kafka, with Prometheus and Alertmanager configured from the files in deploy/."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.tests.alertmanager import running_alertmanager
from deploy.tests.rendering import DEPLOY
from deploy.tests.running.desk import Desk, running_desk
from railwatch.demo.system import System, running_services
from railwatch.demo.yard import write_site
from railwatch.embedded import free_port, running
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.settings import KafkaSettings
from tests.support.apache_kafka import apache_broker
from tests.support.bus import eventually

RAILWATCH = (sys.executable, "-c", "from railwatch.cli import main; main()")
# A site that no image ever shows.
UNSEEN = "unseen"

WEBHOOK_SECRET = "a-secret-of-the-desk"
DESK_TOKEN = "a-token-of-the-desk"


class Server:
    """A server that can be stopped and started again with its data."""

    def __init__(self, run: Callable[[], AbstractContextManager[Any]]) -> None:
        self._run, self._running = run, ExitStack()

    def start(self) -> None:
        """Start it, and wait until its port answers."""
        self._running.enter_context(self._run())

    def stop(self) -> None:
        """End it in order."""
        self._running.close()


@dataclass
class Stack:
    """What runs.

    Attributes:
        system: the three services.
        prometheus: its base URL.
        alertmanager: its base URL.
        desk: what was sent to webhooks.
        directory: holds `sites` and `store`.
        settings: what all services were started with.
        kafka: for taking it away.
        redis: for taking it away.
    """

    system: System
    prometheus: str
    alertmanager: str
    desk: Desk
    directory: Path
    settings: dict[str, str]
    kafka: Server
    redis: Server

    @property
    def kafka_settings(self) -> KafkaSettings:
        """How to reach Kafka."""
        return KafkaSettings(bootstrap_servers=self.settings["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"])

    def environment(self, service: str) -> dict[str, str]:
        """The variables that a running service was started with."""
        pairs = Path(f"/proc/{self.system.processes[service].pid}/environ").read_text().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if pair)

    def stop(self, service: str) -> dict[str, str]:
        """Stop a service as Kubernetes does, and give back its variables for starting it again."""
        environment = self.environment(service)
        self.system.processes[service].terminate()
        assert self.system.processes[service].wait(120) == 0
        return environment

    def start(self, service: str, environment: dict[str, str]) -> None:
        """Start a service where it was, and wait until it is ready."""
        with self.system.log_of(service).open("ab") as log:
            self.system.processes[service] = subprocess.Popen(
                [*RAILWATCH, service], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: is_ready(self.system.urls[service]), f"{service} is ready again")

    def restart(self, service: str, **changed: str) -> None:
        """Stop a service and start it again, with some variables changed."""
        self.start(service, {**self.stop(service), **changed})

    def missing(self, service: str) -> list[str]:
        """What a service says that it waits for."""
        missing: list[str] = httpx.get(f"{self.system.urls[service]}/readyz", timeout=30).json()["missing"]
        return missing

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

    def posted(self, alertname: str, **labels: str) -> list[dict[str, Any]]:
        """Alertmanager's alerts of a name, with some labels."""
        filters = [f'{name}="{value}"' for name, value in {"alertname": alertname, **labels}.items()]
        answer = httpx.get(f"{self.alertmanager}/api/v2/alerts", params={"filter": filters}, timeout=30)
        found: list[dict[str, Any]] = answer.json()
        return found

    def inhibited(self, alertname: str, **labels: str) -> bool:
        """Whether Alertmanager inhibits such an alert because of another."""
        return any(alert["status"]["inhibitedBy"] for alert in self.posted(alertname, **labels))

    def notified(self, to: str, alertname: str, /, **labels: str) -> bool:
        """Whether a receiver of Alertmanager ever got such an alert."""
        wanted = {"alertname": alertname, **labels}.items()
        return any(wanted <= alert["labels"].items() for alert in self.desk.alerts(to))


def is_ready(url: str) -> bool:
    """Whether the service there has all that it needs."""
    try:
        return httpx.get(f"{url}/readyz", timeout=30).is_success
    except httpx.TransportError:
        return False


def add_unseen_site(sites: Path, site: str) -> None:
    """Write a site that no image ever shows."""
    line = {"type": "LineString", "coordinates": [[140.0, 45.0], [140.01, 45.0]]}
    feature = {"type": "Feature", "properties": {"track": "1"}, "geometry": line}
    (sites / f"{site}.yaml").write_text(f"id: {site}\nname: {site.title()}\ntracks: unseen.geojson\n")
    (sites / "unseen.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))


@contextmanager
def running_stack(directory: Path) -> Iterator[Stack]:
    """Start everything on loopback, and stop everything when the block is left."""
    write_site(directory / "sites")
    add_unseen_site(directory / "sites", UNSEEN)
    for made in ("kafka", "redis"):
        (directory / made).mkdir()
    kafka_port, redis_port = free_port(), free_port()
    redis_command = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--appendonly", "yes"]
    redis_command += ["--dir", str(directory / "redis")]
    kafka = Server(lambda: apache_broker(directory / "kafka", kafka_port))
    redis = Server(lambda: running("Redis", redis_command, redis_port))
    with ExitStack() as stack:
        desk = stack.enter_context(running_desk())
        alertmanager = stack.enter_context(running_alertmanager(directory, desk.url))
        for server in (kafka, redis):
            stack.callback(server.stop)
            server.start()
        settings = {
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_port}",
            "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
            "RAILWATCH_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "RAILWATCH_ALERTING_FIRST_LOOK_DAYS": "0.0001",
            # A look that waits for more frames is judged before the next one comes, which would make it a late one.
            "RAILWATCH_ALERTING_SCENE_WAIT_S": "1",
            "RAILWATCH_ALERTING_TOKENS": DESK_TOKEN,
            "RAILWATCH_ALERTMANAGER_URLS": f"main={alertmanager}",
            "RAILWATCH_ALERTMANAGER_RESEND_S": "5",
            "RAILWATCH_DELIVERY_LONGEST_RETRY_S": "2",
            "RAILWATCH_DETECTOR_RECALL_SHARE": "0.5",
            "RAILWATCH_WEBHOOK_URLS": f"desk={desk.url}/railwatch",
            "RAILWATCH_WEBHOOK_SECRETS": f"desk={WEBHOOK_SECRET}",
        }
        ensure_topics(
            KafkaSettings(bootstrap_servers=settings["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"]),
            TopicPlan(partitions=1, replication=1),
        )
        system = stack.enter_context(running_services(directory, settings))
        prometheus = stack.enter_context(running_prometheus(directory, system.urls, alertmanager))
        stack.enter_context(_asked_whether_ready(system))
        yield Stack(system, prometheus, alertmanager, desk, directory, settings, kafka, redis)


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
def running_prometheus(directory: Path, urls: Mapping[str, str], alertmanager: str) -> Iterator[str]:
    """Prometheus with the shipped rules. Addresses and waits are changed: each `for`, and one of 15 minutes."""
    rules = directory / "rules.yaml"
    text = (DEPLOY / "prometheus" / "rules.yaml").read_text().replace("[15m]", "[15s]")
    rules.write_text(re.sub(r"\b(for|interval): \S+", r"\1: 1s", text))
    shipped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(rules)]
    shipped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager.removeprefix("http://")]
    for job in shipped["scrape_configs"]:
        service = job["job_name"].removeprefix("railwatch-")
        job["static_configs"][0]["targets"] = [urls[service].removeprefix("http://")]
    configuration = directory / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(shipped))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={directory / 'prometheus'}"]
    command += [f"--web.listen-address={address}", "--log.level=warn", "--storage.tsdb.retention.time=90d"]
    with running("Prometheus", command, int(address.rpartition(":")[2])):
        yield f"http://{address}"
