"""Little loopback receivers of alerts: one that behaves, and sockets that do not."""

import base64
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.http_server import LOOPBACK, Quiet, serving


@dataclass
class Request:
    """A request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, key: bytes, at: datetime) -> bool:
        """Whether the request is signed as the Standard Webhooks specification asks, computed by hand."""
        seconds = str(int(at.timestamp()))
        signed = f"{self.json['id']}.{seconds}.".encode() + self.body
        signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return (self.headers["webhook-id"], self.headers["webhook-timestamp"], self.headers["webhook-signature"]) == (
            self.json["id"],
            seconds,
            f"v1,{signature}",
        )


@dataclass
class ReceiverLog:
    """Where a receiver listens, what it got, and the statuses that it will answer with; then as `judge` says."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    location: str | None = None
    retry_after: str | None = None
    judge: Callable[[bytes], int] = lambda _: 200


@contextmanager
def receiver() -> Iterator[ReceiverLog]:
    """A receiver that notes every request."""
    log = ReceiverLog()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            log.requests.append(Request(self.path, dict(self.headers.items()), body))
            self.send_response(log.statuses.pop(0) if log.statuses else log.judge(body))
            if log.location:
                self.send_header("Location", log.location)
            if log.retry_after:
                self.send_header("Retry-After", log.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

    with serving(ThreadingHTTPServer(LOOPBACK, Handler)) as url:
        log.url = f"{url}/hook"
        yield log


@contextmanager
def rude_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does to each connection whatever `behave` does, once it has something to read."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65_536)
                behave(connection)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
