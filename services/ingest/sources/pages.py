"""The pages of a STAC API, which may be too long, come too slowly, be nested without end, or lead elsewhere.

Pages of origins other than the API's own are read only if the operator names them. Each origin gets its own credentials
and no other's.
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
from pystac import Link
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from railwatch.services.ingest.scenes.credentials import Credentials, origin_of
from railwatch.services.ingest.scenes.fetch import Request, fetch
from railwatch.shared.retry_after import pause_s

# Levels of lists and objects that are read. A page with a multipolygon has ten.
DEEPEST = 64
# Longest page. One with a hundred large items has some 5 MiB.
MAX_PAGE_BYTES = 64 * 1024**2
# What all pages of one search may have, and the seconds that they may take to come.
MAX_SEARCH_BYTES = 512 * 1024**2
SEARCH_WITHIN_S = 900.0
# A page is waited for so often, and each time at most for so many seconds, if the API asks for it. Beyond, the poll
# ends, and the next one begins so much later. No API is believed to ask for more than a day.
MAX_PAUSES = 5
LONGEST_PAUSE_S = 60.0
LONGEST_WAIT_S = 86_400.0
# The pause if an API has too much to do and does not say for how long, in seconds.
USUAL_PAUSE_S = 5.0
# Headers that a link may not ask for.
OURS = frozenset({"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"})

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class Pages(StacApiIO):
    """Reads pages within limits. What it raises is as varied as what an API can do wrong.

    Args:
        home: the API's landing page.
        credentials: what each origin gets of us.
        others: other origins that the API's links may lead to.
        stop: ends a pause that the API asks for.
    """

    def __init__(self, home: str, credentials: Credentials, others: tuple[str, ...], stop: threading.Event) -> None:
        super().__init__(max_retries=None)
        self._home, self._credentials, self._stop = home, credentials, stop
        self._origins = frozenset(origin_of(address) for address in (home, *others))
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
        for _ in range(MAX_PAUSES + 1):
            response, page = self._page(address, asked, parameters if posted else None, posted)
            if response.is_success:
                return page.decode()
            wait_s = _wanted_pause_s(response)
            if wait_s is None or wait_s > LONGEST_PAUSE_S or self._stop.wait(wait_s):
                break
        if wait_s is not None:
            raise AskedToWaitError(wait_s)
        error = APIError("the API refuses")
        error.status_code = response.status_code
        raise error

    def _page(
        self, address: str, headers: Mapping[str, str], posted: Any, is_post: bool
    ) -> tuple[httpx.Response, bytearray]:
        page = bytearray()
        longest = min(MAX_PAGE_BYTES, self._left_bytes)

        def take(piece: bytes) -> None:
            page.extend(piece)
            if len(page) > longest:
                raise ValueError("the page is too long")

        def ask(to: str) -> Request:
            if origin_of(to) not in self._origins:
                raise LeadsElsewhereError
            return Request(to, {**headers, **self._credentials.headers(to)})

        began = time.monotonic()
        try:
            return fetch(address, ask, take, self._left_s, "POST" if is_post else "GET", posted), page
        finally:
            self._left_bytes -= len(page)
            self._left_s -= time.monotonic() - began

    def json_loads(self, txt: str, *_: Any, **__: Any) -> Any:
        """What a page says. Null stands for what is nested deeper than `DEEPEST`, so that one item costs no other."""
        return json.loads(_cut(txt))


class LeadsElsewhereError(Exception):
    """A link of the API leads to an origin that its source's `other_origins` do not name."""


class AskedToWaitError(Exception):
    """The API asks us to wait longer than a search may pause.

    Attributes:
        wait_s: how long, in seconds.
    """

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"{wait_s:.0f} s")
        self.wait_s = wait_s


def _wanted_pause_s(response: httpx.Response) -> float | None:
    """How long a server that has too much to do asks us to wait, in seconds; null if it does not ask us to wait."""
    if response.status_code not in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return None
    asked_s = pause_s(response.headers.get("retry-after", ""))
    if asked_s is None and response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return USUAL_PAUSE_S
    return None if asked_s is None else min(asked_s, LONGEST_WAIT_S)


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
