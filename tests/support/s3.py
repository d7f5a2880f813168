"""As much of the S3 protocol as the object store needs, with signatures taken on trust."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_PUT(self) -> None:
        self.server.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"", self.server.objects[self.path])

    def do_GET(self) -> None:
        stored = self.server.objects.get(self.path)
        self._answer(404 if stored is None else 200, stored or b"", stored or b"")

    def do_HEAD(self) -> None:
        stored = self.server.objects.get(self.path)
        self._answer(404 if stored is None else 200, stored or b"", stored or b"", send_body=False)

    def _answer(self, status: int, body: bytes, stored: bytes, *, send_body: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(stored, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}


@contextmanager
def s3_server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yields the endpoint and its objects, by `/bucket/path`."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
