"""Receivers of alerts that hang, lie, redirect and refuse on request, and remember what they have taken."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG_S = 6.0
# Answers by mood: the status, and more headers.
ANSWERS: dict[str, tuple[int, dict[str, str]]] = {
    "well": (204, {}),
    "answers 500": (500, {}),
    "answers 503 and a long pause": (503, {"Retry-After": "3600"}),
    "answers 413": (413, {}),
    "answers 429": (429, {"Retry-After": "2"}),
    "redirects": (302, {"Location": "http://127.0.0.1:9/elsewhere"}),
}
# These give no such answer: silence, half an answer, one byte a second, no HTTP at all, and a closed connection.
RUDE = ("hangs", "lies about its length", "drips", "talks nonsense", "hangs up")


@dataclass(frozen=True)
class Taken:
    """A step that a receiver answered with 2xx: the event's id, its data, and when."""

    id: str
    data: dict[str, Any]
    at_s: float


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Receiver"

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mood = self.server.mood if self.server.only_site in (None, event["data"]["site"]) else "well"
        if mood in RUDE:
            self.close_connection = True
            self._be_rude(mood)
            return
        status, headers = ANSWERS[mood]
        if status < 300:
            self.server.taken.append(Taken(event["id"], event["data"], time.monotonic()))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            if not (status == 204 and name == "Content-Length"):
                self.send_header(name, value)
        self.end_headers()

    def _be_rude(self, mood: str) -> None:
        match mood:
            case "hangs":
                time.sleep(HANG_S)
            case "lies about its length":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\nshort")
            case "drips":
                for byte in b"HTTP/1.1 200 OK\r":
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.4)
            case "talks nonsense":
                self.wfile.write(b"220 smtp.example ready\r\n")

    def log_message(self, *_: object) -> None:
        pass


class Receiver(ThreadingHTTPServer):
    """A webhook.

    Attributes:
        taken: what it answered with 2xx, in order.
        mood: how it answers.
        only_site: the site whose alerts the mood is for; null for all.
    """

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.taken: list[Taken] = []
        self.mood = "well"
        self.only_site: str | None = None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hung up is no news."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.server_address[0]!s}:{self.server_port}/hook"

    @contextmanager
    def in_mood(self, mood: str, only_site: str | None = None) -> Iterator[None]:
        """Answer so for a while."""
        self.mood, self.only_site = mood, only_site
        try:
            yield
        finally:
            self.mood, self.only_site = "well", None
