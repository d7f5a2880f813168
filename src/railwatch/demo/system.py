"""The whole system on this machine: broker, Redis and the three services, each a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from railwatch.embedded import embedded_broker, embedded_redis, free_port
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.errors import RailwatchError
from railwatch.shared.settings import KafkaSettings

# One of each: this machine is the whole cluster.
TOPICS = TopicPlan(partitions=1, replication=1)
SERVICES = ("ingest", "detector", "alerting")
# Seconds that the services have to become ready.
START_S = 180.0
# Seconds that the services have to stop before they are killed.
STOP_S = 20.0


@dataclass
class System:
    """The running services.

    Attributes:
        token: a token that is good for everything.
        logs: folder of the logs.
        urls: base URL, by service.
        processes: the processes, by service.
        settings: the variables that name the servers, and others for all services.
    """

    token: str
    logs: Path
    urls: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def log_of(self, service: str) -> Path:
        """Path of a service's log."""
        return self.logs / f"{service}.log"

    def ended(self, wait_s: float = 0.0) -> RailwatchError | None:
        """The error of a service that ends by itself within `wait_s` seconds, or None."""
        deadline = time.monotonic() + wait_s
        while True:
            for service, process in self.processes.items():
                if (code := process.poll()) is not None:
                    return RailwatchError(
                        f"{service} ended by itself with exit code {code}; its log is {self.log_of(service)}."
                    )
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.05)

    def faults(self) -> Iterator[RailwatchError]:
        """The services that ended by themselves, and the reasons of dead letters."""
        if ended := self.ended():
            yield ended
        for service in self.processes:
            for reason in _given_up(self.urls.get(service)):
                yield RailwatchError(f"{service} gave up on a scene ({reason}); its log is {self.log_of(service)}.")

    def check(self) -> None:
        """Check that all services run and have written no dead letter.

        Raises:
            RailwatchError: a service ended by itself, or wrote a dead letter.
        """
        for fault in self.faults():
            raise fault


@contextmanager
def running_system(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[System]:
    """Start everything. Stop everything at the end of the block.

    Args:
        directory: contains `sites`. `store`, `logs` and `tokens.yaml` are created in it.
        settings: more `RAILWATCH_*` variables for all services. They override those that are made here.

    Raises:
        RailwatchError: something did not start. The message is one sentence with the path of the log.
    """
    with embedded_broker() as broker, embedded_redis() as redis:
        ensure_topics(KafkaSettings(bootstrap_servers=broker["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"]), TOPICS)
        with running_services(directory, {**broker, **redis, **(settings or {})}) as system:
            yield system


@contextmanager
def running_services(
    directory: Path, settings: Mapping[str, str], token: str | None = None, ports: Mapping[str, int] | None = None
) -> Iterator[System]:
    """Start the three services on servers that run already. Stop the services at the end of the block.

    Args:
        directory: as in `running_system`.
        settings: `RAILWATCH_*` variables for all services, with those that name the servers.
        token: a token that is in the directory's `tokens.yaml` already. Without it, one is made.
        ports: loopback ports, by service; free ones without.

    Raises:
        RailwatchError: something did not start. The message is one sentence with the path of the log.
    """
    logs, store = directory / "logs", directory / "store"
    for made in (logs, store):
        made.mkdir(parents=True, exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAILWATCH_")},
        "OMP_NUM_THREADS": "1",
        "RAILWATCH_BLOBS_URL": store.resolve().as_uri(),
        "RAILWATCH_SITES_DIR": str((directory / "sites").resolve()),
        "RAILWATCH_TOKENS_FILE": str((directory / "tokens.yaml").resolve()),
        # Looks here are single frames. Nobody should wait a quarter of an hour for more.
        "RAILWATCH_ALERTING_SCENE_WAIT_S": "10",
        **settings,
    }
    if token is None:
        token, entry = new_entry("demo", Scope, ())
        (directory / "tokens.yaml").write_text(entry)
    system = System(token, logs, settings=settings)
    try:
        system.urls = {service: f"http://127.0.0.1:{(ports or {}).get(service) or free_port()}" for service in SERVICES}
        environment["RAILWATCH_INGEST_ALERTING_URL"] = system.urls["alerting"]
        for service in SERVICES:
            _start(system, service, environment)
        _await_ready(system)
        yield system
    except RailwatchError as error:
        # A service that cannot be reached is often one that is about to end. Its end is the fault to report.
        raise system.ended(wait_s=2.0) or error from error
    finally:
        _stop(system)


def _given_up(url: str | None) -> list[str]:
    """The reasons of the dead letters that the service at `url` wrote."""
    try:
        exposition = httpx.get(f"{url}/metrics", timeout=5).text if url else ""
    except httpx.TransportError:
        return []
    samples = (sample for family in text_string_to_metric_families(exposition) for sample in family.samples)
    return [one.labels["reason"] for one in samples if one.name == "railwatch_dead_letters_total" and one.value > 0]


def _start(system: System, service: str, environment: dict[str, str]) -> None:
    url = system.urls[service]
    own = {"RAILWATCH_HTTP_PORT": url.rpartition(":")[2]}
    if service == "alerting":
        own["RAILWATCH_ALERTING_PUBLIC_URL"] = url
    command = [sys.executable, "-c", "from railwatch.cli import main; main()", service]
    with system.log_of(service).open("wb") as log:
        system.processes[service] = subprocess.Popen(  # noqa: S603
            command, env={**environment, **own}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _await_ready(system: System) -> None:
    deadline = time.monotonic() + START_S
    for service, url in system.urls.items():
        while not _is_ready(url):
            system.check()
            if time.monotonic() > deadline:
                raise RailwatchError(
                    f"{service} was not ready after {START_S:g} s; its log is {system.log_of(service)}."
                )
            time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def _stop(system: System) -> None:
    for process in system.processes.values():
        process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in system.processes.values():
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
