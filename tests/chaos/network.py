"""A network of its own for each service, in which packets can be lost one way, the other way, or both ways, or crawl.

The run itself is in a network namespace where nobody else is (`tests.chaos.__main__`). Each service gets another,
joined by a pair of virtual interfaces. Each server has an address of its own, so a service can lose one of them only.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

SERVERS = {"kafka": "10.77.0.2", "redis": "10.77.0.3", "store": "10.77.0.4", "receivers": "10.77.0.5"}
SERVICES = ("ingest", "detector", "alerting")
Direction = Literal["out", "in", "both"]
# Where `ip` keeps the names of network namespaces.
NAMES = Path("/run/netns")
# Slow enough that a tile takes seconds, fast enough that heartbeats come through.
SLOW_BITS_PER_S = "400kbit"


def ip(*words: str, check: bool = True) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=check, capture_output=not check)


class Network:
    """The namespaces of one run."""

    def __init__(self) -> None:
        self._name = f"railwatch-chaos-{os.getpid()}"

    def namespace(self, service: str) -> str:
        """The name of a service's namespace."""
        return f"{self._name}-{service}"

    def address(self, service: str) -> str:
        """The address of a service."""
        return f"10.77.{SERVICES.index(service) + 1}.2"

    def enter(self, service: str) -> list[str]:
        """The beginning of a command that runs in a service's namespace."""
        return ["ip", "netns", "exec", self.namespace(service)]

    def up(self) -> None:
        """Make everything. Nobody else on the machine sees the namespaces' names."""
        NAMES.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(NAMES)], check=True)
        ip("link", "set", "lo", "up")
        for address in SERVERS.values():
            ip("address", "add", f"{address}/32", "dev", "lo")
        for number, service in enumerate(SERVICES, start=1):
            name, inside = self.namespace(service), ("-n", self.namespace(service))
            ip("netns", "add", name)
            ip("link", "add", f"to-{service}", "type", "veth", "peer", "name", "uplink", "netns", name)
            ip("address", "add", f"10.77.{number}.1/24", "dev", f"to-{service}")
            ip("link", "set", f"to-{service}", "up")
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "address", "add", f"10.77.{number}.2/24", "dev", "uplink")
            ip(*inside, "link", "set", "uplink", "up")
            ip(*inside, "route", "add", "default", "via", f"10.77.{number}.1")

    def down(self) -> None:
        """Forget the namespaces; they end with the last process in them."""
        for service in SERVICES:
            ip("netns", "delete", self.namespace(service), check=False)

    @contextmanager
    def cut(self, service: str, server: str, direction: Direction) -> Iterator[None]:
        """Lose all packets between a service and a server: those to the server, those from it, or all."""
        there, here = SERVERS[server], self.address(service)
        outward = ("-n", self.namespace(service), "route")
        inward = ("from", there, "to", here, "blackhole")
        if direction != "in":
            ip(*outward, "add", "blackhole", f"{there}/32")
        if direction != "out":
            ip("rule", "add", *inward)
        try:
            yield
        finally:
            if direction != "in":
                ip(*outward, "delete", "blackhole", f"{there}/32")
            if direction != "out":
                ip("rule", "delete", *inward)

    @contextmanager
    def crawl(self, service: str) -> Iterator[None]:
        """Let everything to and from a service crawl."""
        shape = ("root", "tbf", "rate", SLOW_BITS_PER_S, "burst", "16kbit", "latency", "2s")
        inside = ("-n", self.namespace(service))
        subprocess.run(["tc", "qdisc", "add", "dev", f"to-{service}", *shape], check=True)
        subprocess.run(["tc", *inside, "qdisc", "add", "dev", "uplink", *shape], check=True)
        try:
            yield
        finally:
            subprocess.run(["tc", "qdisc", "delete", "dev", f"to-{service}", "root"], check=True)
            subprocess.run(["tc", *inside, "qdisc", "delete", "dev", "uplink", "root"], check=True)
