"""A STAC API on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.geotiff import NoiseScene
from tests.support.http_server import LOOPBACK, Quiet, serving
from tests.support.stac_item import stac_item


class StacApi:
    """As much of a STAC API as a search needs, with one scene."""

    def __init__(self) -> None:
        self.searches: list[dict[str, Any]] = []
        self.items: list[Any] = []
        # What the next searches give instead of the items: a body, and a status.
        self.answers: list[tuple[bytes, int]] = []
        self.links: list[dict[str, Any]] = []
        self.scene = NoiseScene().geotiff()
        self.fails = False
        api = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, query = urlsplit(self.path)[2:4]
                if path == "/scene.tif":
                    self._answer(api.scene)
                elif path == "/search":
                    self._search({name: values[0] for name, values in parse_qs(query).items()})
                elif path == "/elsewhere":
                    self._answer(b"", 307, query)
                elif path.startswith("/status/"):
                    self._answer(b"", int(path.removeprefix("/status/").removesuffix(".tif")))
                else:
                    self._answer(json.dumps(api.landing_page()).encode())

            def do_POST(self) -> None:
                if self.path.startswith("/elsewhere"):
                    self._answer(b"", 307, self.path.partition("?")[2])
                    return
                self._search(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def _search(self, query: dict[str, Any]) -> None:
                api.searches.append({**query, "authorization": self.headers["authorization"]})
                self._answer(*api.answers.pop(0) if api.answers else (api.page(api.items),))

            def _answer(self, body: bytes, status: int = 200, location: str | None = None) -> None:
                self.send_response(400 if api.fails else status)
                if location:
                    self.send_header("location", location)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(LOOPBACK, Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def page(self, features: Any, links: Any = ()) -> bytes:
        return json.dumps({"type": "FeatureCollection", "features": features, "links": links}).encode()

    def landing_page(self) -> dict[str, Any]:
        return {
            "type": "Catalog",
            "id": "test",
            "description": "test",
            "stac_version": "1.0.0",
            "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
            "links": self.links
            or [
                {"rel": "self", "href": self.url},
                {"rel": "search", "href": f"{self.url}/search", "method": "POST", "type": "application/geo+json"},
            ],
        }

    def item(self, name: str, **properties: Any) -> dict[str, Any]:
        return {**stac_item(f"{self.url}/scene.tif", **properties), "id": name, "collection": "optical"}


@contextmanager
def running(api: StacApi) -> Iterator[StacApi]:
    """The API answers while the block lasts."""
    with serving(api.server):
        yield api
