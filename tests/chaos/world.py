"""Everything that a run needs on this machine: Apache Kafka, Redis, an object store, receivers and the services."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis, RedisError

from railwatch.embedded import free_port
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.settings import KafkaSettings
from tests.chaos import scenes
from tests.chaos.alerts import SCENE_WAIT
from tests.chaos.network import SERVERS, Network
from tests.chaos.processes import RAILWATCH, Fleet, Server, Slot
from tests.chaos.receivers import Receiver
from tests.chaos.store import Store
from tests.chaos.timeline import Timeline
from tests.chaos.topics import Topics
from tests.support.apache_kafka import broker_command
from tests.support.bus import eventually

PARTITIONS = 4
DETECTORS = 4
SECRET = "a-secret-of-sixteen"
# The broker's disk in a namespace of our own, so that it can be full.
BROKER_DISK = "size=1500m"
# A receiver's steps arrive this soon after its fault, in seconds, instead of within five minutes.
LONGEST_RETRY_S = 2.0

# How long an operator waits for a service to make its lost state anew by itself, in seconds.
# Alerting rebuilds itself, and waits for the lease of a process that died at it: 60 s.
PATIENCE_S = {"detector": 15.0, "alerting": 90.0}


@dataclass
class World:
    """What runs.

    Attributes:
        directory: of all files.
        sites: ids of the sites.
        token: good for everything at ingest and alerting.
        own_network: whether services have networks of their own.
    """

    directory: Path
    sites: list[str]
    token: str
    timeline: Timeline
    kafka_settings: KafkaSettings
    kafka: Server
    redis: Server
    client: Redis
    store: Store
    desk: Receiver
    fickle: Receiver
    fleet: Fleet
    topics: Topics
    network: Network | None
    _lost_since: dict[str, float] = field(default_factory=dict)
    _operator: threading.Lock = field(default_factory=threading.Lock)

    @property
    def receivers(self) -> dict[str, Receiver]:
        """The receivers by name."""
        return {"desk": self.desk, "fickle": self.fickle}

    def slot(self, service: str) -> Slot:
        """The first place of a service."""
        return self.fleet.slots[f"{service}-1"]

    def all_ready(self) -> bool:
        """Whether every service has all that it needs."""
        return all(slot.ready() for slot in self.fleet.slots.values() if slot.wanted)

    def operate(self) -> None:
        """Do what an operator does by the book: rebuild the state of a service that says for long that it lost it."""
        for service in PATIENCE_S:
            slots = [slot for slot in self.fleet.of(service) if not slot.paused]
            if not (slots and "state" in slots[0].missing()):
                self._lost_since.pop(service, None)
            elif self.timeline.now_s - self._lost_since.setdefault(service, self.timeline.now_s) > PATIENCE_S[service]:
                self.rebuild(service)
                del self._lost_since[service]

    def rebuild(self, service: str) -> None:
        """Stop a service, rebuild its state, and start it."""
        with self._operator:
            slots = [slot for slot in self.fleet.slots.values() if slot.service == service and slot.wanted]
            for slot in slots:
                slot.wanted = False
                self.fleet.end(slot)
            command = [sys.executable, "-c", RAILWATCH, "rebuild", service]
            environment = {name: value for name, value in slots[0].environment.items() if name != "LD_PRELOAD"}
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
            last = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()[-1:]
            self.timeline.tell(f"the operator rebuilt {service}: exit code {done.returncode} {last}")
            for slot in slots:
                slot.wanted = True


@contextmanager
def running_world(
    directory: Path, sites: int, bug: str | None = None, *, own_network: bool = False, breakable: bool = True
) -> Iterator[World]:
    """Start everything. Stop everything at the end of the block.

    Args:
        directory: for all files; it must be empty.
        sites: how many there are.
        bug: a bug of `tests.chaos.bugs` that the services have.
        own_network: whether each service has a network of its own, and the broker a disk. Needs root.
        breakable: whether services have points to die at, clocks that can be set, and short sessions.
    """
    timeline = Timeline()
    network = Network() if own_network else None
    hosts = dict(SERVERS) if network else dict.fromkeys(SERVERS, "127.0.0.1")
    scenes.write_sites(directory / "sites", sites)
    for made in ("kafka", "redis"):
        (directory / made).mkdir()
    if network:
        network.up()
        subprocess.run(["mount", "-t", "tmpfs", "-o", BROKER_DISK, "tmpfs", str(directory / "kafka")], check=True)
    kafka, bootstrap = _kafka(directory, hosts["kafka"])
    redis_server, client = _redis(directory, hosts["redis"])
    store, desk, fickle = Store(hosts["store"]), Receiver(hosts["receivers"]), Receiver(hosts["receivers"])
    token, entry = new_entry("chaos", Scope, ())
    (directory / "tokens.yaml").write_text(entry)
    settings = {
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        **({"RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000"} if breakable else {}),
        "RAILWATCH_REDIS_URL": f"redis://{client.connection_pool.connection_kwargs['host']}:{_port(client)}/0",
        "RAILWATCH_SITES_DIR": str(directory / "sites"),
        "RAILWATCH_TOKENS_FILE": str(directory / "tokens.yaml"),
        "RAILWATCH_ALERTING_SCENE_WAIT_S": str(SCENE_WAIT.total_seconds()),
        "RAILWATCH_DETECTOR_RECALL_SHARE": "0",
        "RAILWATCH_DELIVERY_TIMEOUT_S": "2",
        "RAILWATCH_DELIVERY_LONGEST_RETRY_S": str(LONGEST_RETRY_S),
        "RAILWATCH_WEBHOOK_URLS": f"desk={desk.url},fickle={fickle.url}",
        "RAILWATCH_WEBHOOK_SECRETS": f"desk={SECRET},fickle={SECRET}",
        **store.settings,
        **({"CHAOS_BUG": bug} if bug else {}),
    }
    fleet = Fleet(directory, settings, network, timeline, breakable)
    fleet.add("ingest", 1)
    fleet.add("alerting", 1)
    for number in range(1, DETECTORS + 1):
        fleet.add("detector", number, wanted=number == 1)
    try:
        fleet.watch()  # while the servers start, as services may
        redis_server.start()
        kafka.start()
        timeline.tell("Redis and Kafka answer")
        kafka_settings = KafkaSettings(bootstrap_servers=bootstrap)
        ensure_topics(kafka_settings, TopicPlan(partitions=PARTITIONS, replication=1))
        topics = Topics(kafka_settings)
        world = World(
            directory,
            scenes.names(sites),
            token,
            timeline,
            kafka_settings,
            kafka,
            redis_server,
            client,
            store,
            desk,
            fickle,
            fleet,
            topics,
            network,
        )
        eventually(world.all_ready, "all services are ready")
        timeline.tell("all services are ready")
        yield world
        topics.stop()
    finally:
        fleet.stop()
        for server in (kafka, redis_server):
            server.end(signal.SIGKILL)
        if network:
            network.down()
            subprocess.run(["umount", "--lazy", str(directory / "kafka")], check=False)


def _kafka(directory: Path, host: str) -> tuple[Server, str]:
    port = free_port()
    properties = "num.partitions=1\nlog.cleaner.enable=false\n"

    def answers() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) == 0

    command = broker_command(directory / "kafka", port, properties, host=host)
    return Server(command, answers, directory / "kafka.log"), f"{host}:{port}"


def _redis(directory: Path, host: str) -> tuple[Server, Redis]:
    port = free_port()
    client = Redis(host=host, port=port, decode_responses=True, socket_timeout=10)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except RedisError:
            return False

    path = shutil.which("redis-server") or "redis-server"
    command = [path, "--bind", host, "--port", str(port), "--appendonly", "yes", "--save", "", "--protected-mode", "no"]
    command += ["--dir", str(directory / "redis"), "--enable-debug-command", "yes"]
    return Server(command, answers, directory / "redis.log"), client


def _port(client: Redis) -> int:
    return int(client.connection_pool.connection_kwargs["port"])
