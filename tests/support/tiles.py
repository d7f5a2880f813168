"""A server of map tiles on loopback, as the page for drawing may be given one."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from tests.support.http_server import LOOPBACK, Quiet, serving

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

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given.asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("access-control-allow-origin", "*")  # as public tile servers say
            self.send_header("content-length", str(len(tile)))
            self.end_headers()
            self.wfile.write(tile)

    with serving(ThreadingHTTPServer(LOOPBACK, Handler)) as given.url:
        yield given
