"""`make bench-attacks`: the memory of each service under each attack, beside its pod's limit.

All services run as processes on the embedded servers. Memory is the peak resident size of the process (`VmHWM`), which
begins anew before each attack. After each attack `/healthz` must answer. `python -m tests.benchmarks.attacks`.
"""

import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest.mock import patch

import httpx
import yaml
from kafka import KafkaProducer

from railwatch.demo.system import System, running_services
from railwatch.embedded import embedded_broker, embedded_redis
from railwatch.shared.bus import encode
from railwatch.shared.bus.client import connection
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import count_of, kafka_settings_of, tile
from tests.support.geotiff import write_site

BASE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "base"
HALF_SENT = 10_000
# Sockets that the attacker keeps at a time: more than a service has, and less than a process may open.
KEPT = 500
BODY_MB = 1_400
ITEMS = 60
BOMBS = 10
BOMB_BYTES = 100_000_000

Attack = Callable[[System, str, KafkaSettings], None]


def peak_mib(pid: int) -> float:
    """The peak resident size of a process, MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def limit_mib(service: str) -> int:
    """The memory limit of a service's pod, MiB."""
    documents = yaml.safe_load_all((BASE / f"{service}.yaml").read_text())
    pod = next(each for each in documents if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    return int(pod["containers"][0]["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024


def nothing(system: System, service: str, kafka: KafkaSettings) -> None:
    """None: the service at rest."""


def half_sent_requests(system: System, service: str, kafka: KafkaSettings) -> None:
    """10,000 heads that do not end."""
    with ExitStack() as flood:
        for number in range(HALF_SENT):
            if number % KEPT == 0:
                flood.close()
            flood.enter_context(connected(system, service)).sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 8_000)


def endless_body(system: System, service: str, kafka: KafkaSettings) -> None:
    """1.4 GB in one chunked request, without a token."""
    path = {"ingest": "/v1/scenes", "alerting": "/v1/alerts/x/acknowledge", "detector": "/metrics"}[service]
    chunk = b"fffff\r\n" + bytes(0xFFFFF) + b"\r\n"
    with connected(system, service) as sender, suppress(OSError):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sender.sendall(head.encode())
        for _ in range(BODY_MB):
            sender.sendall(chunk)


def readers_that_do_not_read(system: System, service: str, kafka: KafkaSettings) -> None:
    """500 readers of the longest answer, who do not take it."""
    path = {"ingest": "/metrics", "alerting": "/assets/railwatch.css", "detector": "/metrics"}[service]
    with ExitStack() as readers:
        for _ in range(KEPT):
            with suppress(OSError):
                readers.enter_context(connected(system, service)).sendall(
                    f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 50
                )


def items_of_empty_lists(system: System, service: str, kafka: KafkaSettings) -> None:
    """60 STAC Items of 1 MB at once, which become as much memory as JSON can, with a token."""
    item = json.dumps({"type": "Feature", "assets": {"a": [[]] * 330_000}}, separators=(",", ":")).encode()
    headers = {"Authorization": f"Bearer {system.token}", "Content-Type": "application/json"}
    url = f"{system.urls[service]}/v1/scenes"
    with ThreadPoolExecutor(ITEMS) as senders:
        list(senders.map(lambda _: httpx.post(url, content=item, headers=headers, timeout=300), range(ITEMS)))


def batches_that_open_to_gigabytes(system: System, service: str, kafka: KafkaSettings) -> None:
    """10 batches of gzip that open to 100 MB each."""
    event: TileEvent | CountEvent = tile(1) if service == "detector" else count_of(tile(1))
    message = encode(event)
    producer = KafkaProducer(**connection(kafka), compression_type="gzip", max_request_size=2 * BOMB_BYTES)
    for _ in range(BOMBS):
        producer.send(kafka.prefix + message.topic, bytes(BOMB_BYTES), message.key, message.headers).get(120)
    producer.close()
    for _ in range(600):
        if 'reason="unreadable-record"} 10' in httpx.get(f"{system.urls[service]}/metrics", timeout=60).text:
            return


def connected(system: System, service: str) -> socket.socket:
    """A connection to a service."""
    host, _, port = system.urls[service].removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


HTTP_ATTACKS: tuple[Attack, ...] = (nothing, half_sent_requests, endless_body, readers_that_do_not_read)
ATTACKS: dict[str, tuple[Attack, ...]] = {
    "ingest": (*HTTP_ATTACKS, items_of_empty_lists),
    "detector": (*HTTP_ATTACKS, batches_that_open_to_gigabytes),
    "alerting": (*HTTP_ATTACKS, batches_that_open_to_gigabytes),
}


def measured(
    service: str, directory: Path, kafka: KafkaSettings, servers: dict[str, str]
) -> Iterator[tuple[str, float]]:
    """Each attack on a service, and its peak memory in MiB."""
    with patch("railwatch.demo.system.SERVICES", (service,)), running_services(directory, servers) as system:
        pid = system.processes[service].pid
        for attack in ATTACKS[service]:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
            attack(system, service, kafka)
            assert httpx.get(f"{system.urls[service]}/healthz", timeout=60).status_code == 200
            yield (attack.__doc__ or "").rstrip("."), peak_mib(pid)


def main() -> None:
    """Print the table, of all services or of those that are named."""
    with tempfile.TemporaryDirectory() as directory, embedded_broker() as broker, embedded_redis() as redis:
        (sites := Path(directory) / "sites").mkdir()
        write_site(sites)
        kafka = kafka_settings_of(broker)
        ensure_topics(kafka, TopicPlan(partitions=1, replication=1))
        print("| service | attack | peak, MiB | limit of the pod, MiB |\n| --- | --- | --- | --- |")
        for service in sys.argv[1:] or ATTACKS:
            for attack, mib in measured(service, Path(directory), kafka, {**broker, **redis}):
                print(f"| {service} | {attack} | {mib:.0f} | {limit_mib(service)} |", flush=True)


if __name__ == "__main__":
    main()
