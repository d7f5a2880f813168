"""A server of files on loopback that sends parts of them, and notes what it was asked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.http_server import LOOPBACK, Quiet, serving


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: str
    headers: dict[str, str]


@dataclass
class FileServer:
    """What the server has, and how it behaves.

    Attributes:
        files: by path.
        redirects: by path, to an address.
        wants: headers without which it answers 401.
        query_wanted: the query without which it answers 403.
        sends_parts: whether it knows `Range`.
        answers: statuses with headers that the next requests get instead.
        changes_after: after so many requests, files have other versions.
        asked: the requests.
        sent_bytes: of bodies.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    wants: dict[str, str] = field(default_factory=dict)
    query_wanted: str | None = None
    sends_parts: bool = True
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    changes_after: int = 1_000_000
    asked: list[Asked] = field(default_factory=list)
    sent_bytes: int = 0


@contextmanager
def file_server() -> Iterator[FileServer]:
    """The server answers while the block lasts."""
    given = FileServer()

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path, query = urlsplit(self.path)[2:4]
            given.asked.append(Asked(path, query, {name.lower(): value for name, value in self.headers.items()}))
            body = given.files.get(path, b"")
            if given.answers:
                status, headers = given.answers.pop(0)
                self._answer(status, b"", headers)
            elif path in given.redirects:
                self._answer(302, b"", {"location": given.redirects[path]})
            elif any(self.headers.get(name) != value for name, value in given.wants.items()):
                self._answer(401, b"", {})
            elif given.query_wanted not in (None, query):
                self._answer(403, b"", {})
            elif path not in given.files:
                self._answer(404, b"", {})
            else:
                self._send(body)

        def _send(self, body: bytes) -> None:
            version = "2" if len(given.asked) > given.changes_after else "1"
            tag = {"etag": f'"{len(body)}-{version}"', "last-modified": "Thu, 05 Oct 2023 02:11:00 GMT"}
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
            if not (wanted and given.sends_parts):
                self._answer(200, body, tag)
                return
            start, end = int(wanted[1]), min(int(wanted[2]) + 1, len(body))
            lies = {"content-range": f"bytes {start}-{end - 1}/{len(body)}"}
            self._answer(206, body[start:end], {**tag, **lies})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
                given.sent_bytes += len(body)

    with serving(ThreadingHTTPServer(LOOPBACK, Handler)) as given.url:
        yield given
