"""The part of the S3 protocol that the object store needs. It checks access keys, but no signatures."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.http_server import LOOPBACK, Quiet, serving


class _Handler(Quiet, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._allowed():
            self.server.objects[self.path] = body
        self._answer(200, b"", body)

    def do_GET(self) -> None:
        stored = self.server.objects.get(self.path)
        self._answer(404 if stored is None else 200, stored or b"", stored or b"")

    def do_HEAD(self) -> None:
        stored = self.server.objects.get(self.path)
        self._answer(404 if stored is None else 200, stored or b"", stored or b"", send_body=False)

    def _allowed(self) -> bool:
        known = any(f"Credential={name}/" in self.headers.get("Authorization", "") for name in self.server.keys)
        refused = any(self.command == method and self.path.endswith(path) for method, path in self.server.refused)
        return known and not refused

    def _answer(self, status: int, body: bytes, stored: bytes, *, send_body: bool = True) -> None:
        if not self._allowed():
            status, body = 403, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(stored, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.end_headers()
        if send_body:
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def __init__(self, keys: set[str]) -> None:
        super().__init__(LOOPBACK, _Handler)
        self.keys = keys
        self.objects: dict[str, bytes] = {}
        self.refused: list[tuple[str, str]] = []


@contextmanager
def s3_server(keys: set[str]) -> Iterator[tuple[str, dict[str, bytes], list[tuple[str, str]]]]:
    """Yields the endpoint, its objects by `/bucket/path`, and what it refuses by method and end of the path.

    Requests without one of the access keys are refused.
    """
    server = _Server(keys)
    with serving(server) as url:
        yield url, server.objects, server.refused
