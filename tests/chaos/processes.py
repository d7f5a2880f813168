"""The processes of a run: servers that can be killed and started again, and services that are restarted."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from railwatch.embedded import free_port
from tests.chaos.network import Network
from tests.chaos.timeline import Timeline
from tests.support.bus import eventually

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
RAILWATCH = "from railwatch.cli import main; main()"
# What a kubelet waits before it starts a container again, shortened.
RESTART_AFTER_S = 0.3
# What a pod is given to end (`terminationGracePeriodSeconds`).
STOP_S = 60.0
Answers = Callable[[], bool]


def send_signal(process: "subprocess.Popen[bytes] | None", number: signal.Signals) -> None:
    """Send a signal to a process, if there is one."""
    if process is not None and process.poll() is None:
        process.send_signal(number)


@dataclass
class Server:
    """A broker or a Redis: a process that keeps its data in a directory.

    Attributes:
        command: starts it.
        answers: whether it can be used.
        log: where it writes.
    """

    command: Sequence[str]
    answers: Answers
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it answers. Start it again if it ends meanwhile: its port may still be in use."""

        def up() -> bool:
            if self.process is None or self.process.poll() is not None:
                with self.log.open("ab") as log:
                    self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
                time.sleep(0.2)
            return self.answers()

        eventually(up, f"{self.command[0]} answers")

    def end(self, number: signal.Signals) -> None:
        """End it by a signal."""
        send_signal(self.process, signal.SIGCONT)
        send_signal(self.process, number)
        if self.process is not None:
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Slot:
    """A place for a service's process.

    Attributes:
        service: which service.
        name: of the place, `detector-2`.
        url: where it listens.
        command: starts it.
        environment: what it is started with.
        log: where it writes.
        wanted: whether it is started again when it ends.
        paused: whether a fault has stopped it, so that it cannot answer.
    """

    service: str
    name: str
    url: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    wanted: bool = True
    paused: bool = False
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start a process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str, timeout_s: float = 5.0) -> httpx.Response | None:
        """What the service answers; null if it does not."""
        try:
            return httpx.get(f"{self.url}{path}", timeout=timeout_s)
        except httpx.HTTPError:
            return None

    def ready(self) -> bool:
        """Whether the service has all that it needs."""
        answer = self.get("/readyz")
        return answer is not None and answer.is_success

    def missing(self) -> list[str]:
        """What the service says that it waits for."""
        answer = self.get("/readyz")
        return list(answer.json()["missing"]) if answer is not None and answer.status_code in (200, 503) else []


@dataclass
class Fleet:
    """All processes of the services. A thread starts again what ends, as a kubelet does.

    Attributes:
        directory: of logs, clocks and flags.
        settings: what all services are started with.
        network: of their own; null if they are on loopback.
        breakable: whether they have points to die at, and clocks that can be set.
        failed: exit codes of processes that nobody killed.
    """

    directory: Path
    settings: Mapping[str, str]
    network: Network | None
    timeline: Timeline
    breakable: bool = True
    slots: dict[str, Slot] = field(default_factory=dict)
    _enough: threading.Event = field(default_factory=threading.Event)
    failed: list[str] = field(default_factory=list)

    def add(self, service: str, number: int, *, wanted: bool = True) -> None:
        """Make a place for a process of a service."""
        host = self.network.address(service) if self.network else "127.0.0.1"
        port = free_port()
        name = f"{service}-{number}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAILWATCH_")}
        environment |= {"OMP_NUM_THREADS": "1", "CHAOS_DIRECTORY": str(self.directory), **self.settings}
        environment |= {"RAILWATCH_HTTP_HOST": host, "RAILWATCH_HTTP_PORT": str(port)}
        if self.breakable and FAKETIME.exists():
            self.clock(service).write_text("+0s")
            environment |= {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock(service))}
            environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_CACHE_DURATION": "1"}
        inside = self.network.enter(service) if self.network else []
        program = ("-m", "tests.chaos.service") if self.breakable else ("-c", RAILWATCH)
        command = [*inside, sys.executable, *program, service]
        log = self.directory / f"{name}.log"
        self.slots[name] = Slot(service, name, f"http://{host}:{port}", command, environment, log, wanted)

    def clock(self, service: str) -> Path:
        """The file that says how far a service's clock is off."""
        return self.directory / f"clock-{service}"

    def of(self, service: str) -> list[Slot]:
        """The places of a service that have a process."""
        return [slot for slot in self.slots.values() if slot.service == service and slot.runs]

    def watch(self) -> None:
        """Start everything, and start again what ends, until `stop`."""
        threading.Thread(target=self._watch, daemon=True, name="kubelet").start()

    def end(self, slot: Slot, number: signal.Signals = signal.SIGTERM) -> None:
        """End a process, and see that it ends."""
        process = slot.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.failed.append(f"{slot.name} did not end within {STOP_S:g} s of SIGTERM")
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End all."""
        self._enough.set()
        for slot in self.slots.values():
            slot.wanted = False
            send_signal(slot.process, signal.SIGCONT)
            send_signal(slot.process, signal.SIGTERM)
        for slot in self.slots.values():
            self.end(slot)

    def _watch(self) -> None:
        while not self._enough.wait(0.1):
            for slot in list(self.slots.values()):
                if not slot.wanted or slot.runs:
                    continue
                if slot.process is not None:
                    self._note(slot, slot.process.returncode)
                    time.sleep(RESTART_AFTER_S)
                if slot.wanted:
                    slot.start()

    def _note(self, slot: Slot, code: int) -> None:
        if code not in (0, -signal.SIGKILL, -signal.SIGTERM):  # SIGTERM may come before a service can handle it
            last_words = slot.log.read_text(errors="replace").strip().splitlines()[-1:]
            self.failed.append(f"{slot.name} ended by itself with {code}: {''.join(last_words)[:500]}")
            self.timeline.tell(self.failed[-1])
