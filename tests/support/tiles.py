"""A server of map tiles on loopback, as the page for drawing may be given one."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

COLOUR = (12, 160, 96)


@dataclass
class TileServer:
    """The server: every tile has one colour.

    Attributes:
        url: its origin.
        asked: the paths that it was asked for.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def template(self) -> str:
        """The address of its tiles."""
        return f"{self.url}/{{z}}/{{x}}/{{y}}.png"


@contextmanager
def tile_server() -> Iterator[TileServer]:
    """The server answers while the block lasts."""
    given = TileServer()
    made = io.BytesIO()
    Image.new("RGB", (256, 256), COLOUR).save(made, "PNG")
    tile = made.getvalue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given.asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("access-control-allow-origin", "*")  # as public tile servers say
            self.send_header("content-length", str(len(tile)))
            self.end_headers()
            self.wfile.write(tile)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        given.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield given
        finally:
            server.shutdown()
            thread.join()
