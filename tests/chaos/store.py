"""An object store that fails on request: S3's protocol, as far as Railwatch speaks it, in memory."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

# How the store behaves. `hangs` never answers, `slow` answers after seconds, `empty` has nothing of before.
Mood = Literal["well", "away", "hangs", "slow", "full", "read-only", "empty", "older", "refuses"]
SLOW_S = 2.0
HANG_S = 15.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Store"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = {"full": 507, "read-only": 403}.get(self.server.mood)
        if refused is None and (status := self._status()) == 200:
            self.server.objects[self.path] = body
            self._answer(200, b"", body)
        else:
            self._answer(refused or status, b"", b"")

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if "list-type" not in query:
            self._find(send=True)
            return
        status = self._status()
        listed = self.server.listed(asked.path, query.get("prefix", ""), query.get("delimiter"))
        self._answer(status, listed if status == 200 else b"", b"")

    def do_HEAD(self) -> None:
        self._find(send=False)

    def _find(self, *, send: bool) -> None:
        status, found = self._status(), self.server.find(self.path)
        if status == 200 and found is None:
            status = 404
        self._answer(status, found if status == 200 and found else b"", found or b"", send=send)

    def _status(self) -> int:
        """What the mood makes of a request; 200 if it lets the request through."""
        match self.server.mood:
            case "away":
                return 503
            case "refuses":
                return 403
            case "slow":
                time.sleep(SLOW_S)
            case "hangs":
                time.sleep(HANG_S)
        return 200

    def _answer(self, status: int, body: bytes, stored: bytes, *, send: bool = True) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(stored, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        self.end_headers()
        if send:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Store(ThreadingHTTPServer):
    """The store. What was stored during a fault stays; what the fault hid comes back."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.mood: Mood = "well"
        self._hidden: set[str] = set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hung up is no news."""

    @property
    def settings(self) -> dict[str, str]:
        """The variables with which a service finds the store."""
        return {
            "RAILWATCH_BLOBS_URL": "s3://chaos/blobs",
            "RAILWATCH_BLOBS_S3_ENDPOINT": f"http://{self.server_address[0]!s}:{self.server_port}",
            "RAILWATCH_BLOBS_S3_REGION": "here",
            "RAILWATCH_BLOBS_S3_ACCESS_KEY_ID": "chaos",
            "RAILWATCH_BLOBS_S3_SECRET_ACCESS_KEY": "no-secret",
        }

    def find(self, path: str) -> bytes | None:
        """What is stored there, as far as the mood shows it."""
        return None if path in self._hidden else self.objects.get(path)

    def listed(self, bucket: str, prefix: str, delimiter: str | None) -> bytes:
        """ListObjectsV2, all on one page: objects with a prefix. With a delimiter, those below one are one prefix."""
        start = f"{bucket.rstrip('/')}/{prefix}"
        shown = ((unquote(path), body) for path, body in sorted(self.objects.items()) if self.find(path) is not None)
        rest = {path.removeprefix(start): len(body) for path, body in shown if path.startswith(start)}
        below = sorted({name.split(delimiter)[0] + delimiter for name in rest if delimiter and delimiter in name})
        objects = (
            f"<Contents><Key>{escape(prefix + name)}</Key><LastModified>1970-01-01T00:00:00.000Z</LastModified>"
            f"<Size>{size}</Size></Contents>"
            for name, size in rest.items()
            if not delimiter or delimiter not in name
        )
        prefixes = (f"<CommonPrefixes><Prefix>{escape(prefix + name)}</Prefix></CommonPrefixes>" for name in below)
        listed = "".join((*objects, *prefixes))
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()

    def path_of(self, sha256: str) -> str:
        """Where a blob lies in `objects`."""
        return f"/chaos/blobs/sha256/{sha256[:2]}/{sha256[2:]}"

    @contextmanager
    def in_mood(self, mood: Mood, hidden: set[str] | None = None) -> Iterator[None]:
        """Behave so for a while, and hide these objects."""
        self.mood, self._hidden = mood, hidden or set()
        try:
            yield
        finally:
            self.mood, self._hidden = "well", set()
