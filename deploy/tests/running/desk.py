"""Whoever is told of alerts: a server that keeps what it gets."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from railwatch.shared.events import AlertEvent
from tests.support.http_server import LOOPBACK, Quiet, serving


class Desk(ThreadingHTTPServer):
    """Accepts webhooks on loopback and keeps their headers and bodies by path. It refuses some paths."""

    def __init__(self) -> None:
        super().__init__(LOOPBACK, _Take)
        self.taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.signed: list[tuple[bytes, dict[str, str]]] = []
        self.refused: set[str] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The transitions of alerts that the desk got, as CloudEvents, without those of missed looks."""
        return [event for event in self.taken["/railwatch"] if event["type"] == AlertEvent.TYPE]

    def alerts(self, to: str) -> list[dict[str, Any]]:
        """All alerts that a receiver of Alertmanager got."""
        return [alert for body in self.taken[f"/{to}"] for alert in body["alerts"]]


class _Take(Quiet, BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path not in self.server.refused:
            self.server.taken[self.path].append(json.loads(body))
            if "webhook-signature" in self.headers:
                self.server.signed.append((body, dict(self.headers.items())))
        self.send_response(503 if self.path in self.server.refused else 204)
        self.end_headers()


@contextmanager
def running_desk() -> Iterator[Desk]:
    """A desk that accepts everything."""
    desk = Desk()
    with serving(desk):
        yield desk
