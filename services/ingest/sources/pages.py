"""The pages of a STAC API, which may be too long, come too slowly, be nested without end, or lead elsewhere.

The token goes to the API's own origin and to no other. Pages of other origins are read only if the operator names them.
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
from pydantic import SecretStr
from pystac import Link
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from railwatch.services.ingest.scenes.fetch import fetch

# Levels of lists and objects that are read. A page with a multipolygon has ten.
DEEPEST = 64
# Longest page. One with a hundred large items has some 5 MiB.
MAX_PAGE_BYTES = 64 * 1024**2
# What all pages of one search may have, and the seconds that they may take to come.
MAX_SEARCH_BYTES = 512 * 1024**2
SEARCH_WITHIN_S = 900.0
# Headers that a link may not ask for.
OURS = frozenset({"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"})

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')

Origin = tuple[str, str, int | None]


class Pages(StacApiIO):
    """Reads pages within limits. What it raises is as varied as what an API can do wrong.

    Args:
        home: the API's landing page.
        token: bearer token for the API's origin.
        others: other origins that the API's links may lead to. They get no token.
    """

    def __init__(self, home: str, token: SecretStr | None, others: tuple[str, ...]) -> None:
        super().__init__(max_retries=None)
        self._home, self._token = home, token
        self._others = frozenset(_origin(other) for other in others)
        self.begin_search()

    def begin_search(self) -> None:
        """The pages of the next search have all of the limits to themselves."""
        self._left_bytes, self._left_s = MAX_SEARCH_BYTES, SEARCH_WITHIN_S

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """The text of a page. What is not a link is an address, never a file."""
        if isinstance(source, Link):
            return str(super().read_text(source, *args, **kwargs))
        return self.request(str(source), *args, **kwargs)

    def request(
        self, href: str, method: str | None = None, headers: dict[str, str] | None = None, parameters: Any = None
    ) -> str:
        """The text of a page."""
        asked = {name: value for name, value in (headers or {}).items() if name.lower() not in OURS}
        posted = (method or "GET").upper() == "POST"
        url = httpx.URL(urljoin(self._home, href))
        address = str(url if posted else url.copy_merge_params(parameters or {}))
        page = bytearray()
        longest = min(MAX_PAGE_BYTES, self._left_bytes)

        def take(piece: bytes) -> None:
            page.extend(piece)
            if len(page) > longest:
                raise ValueError("the page is too long")

        began = time.monotonic()
        try:
            response = fetch(
                address,
                lambda to: {**asked, **self._authorization(to)},
                take,
                self._left_s,
                "POST" if posted else "GET",
                parameters if posted else None,
            )
        finally:
            self._left_bytes -= len(page)
            self._left_s -= time.monotonic() - began
        if not response.is_success:
            error = APIError("the API refuses")
            error.status_code = response.status_code
            raise error
        return page.decode()

    def json_loads(self, txt: str, *_: Any, **__: Any) -> Any:
        """What a page says. Null stands for what is nested deeper than `DEEPEST`, so that one item costs no other."""
        return json.loads(_cut(txt))

    def _authorization(self, address: str) -> Mapping[str, str]:
        origin = _origin(address)
        if origin == _origin(self._home):
            return {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}
        if origin not in self._others:
            raise LeadsElsewhereError
        return {}


class LeadsElsewhereError(Exception):
    """A link of the API leads to an origin that `RAILWATCH_STAC_OTHER_ORIGINS` does not name."""


def _origin(address: str) -> Origin:
    """Scheme, host and port, as httpx reads them when it connects."""
    url = httpx.URL(address)
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _cut(text: str) -> str:
    kept: list[str] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                kept += (text[begin : token.start()], "null")
        elif token[0] in ("]", "}"):
            if depth == DEEPEST + 1:
                begin = token.end()
            depth -= 1
    return "".join((*kept, text[begin:]))
