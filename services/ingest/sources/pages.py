"""The pages of a STAC API, which may be too long, come too slowly, or be nested without end."""

import json
import re
import time
from typing import Any

from pystac_client.stac_api_io import StacApiIO

# Levels of lists and objects that are read. A page with a multipolygon has ten.
DEEPEST = 64
# Longest page, decompressed. One with a hundred large items has some 5 MiB.
MAX_PAGE_BYTES = 64 * 1024**2
# Seconds that a server may be silent, and that a whole page may take.
TIMEOUT_S = 30.0
PAGE_WITHIN_S = 300.0

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class Pages(StacApiIO):
    """Reads pages within limits. What it raises is as varied as what an API can do wrong."""

    def __init__(self, headers: dict[str, str] | None) -> None:
        super().__init__(headers=headers, timeout=TIMEOUT_S)
        self.session.hooks["response"].append(_read)

    def json_loads(self, txt: str, *_: Any, **__: Any) -> Any:
        """What a page says. Null stands for what is nested deeper than `DEEPEST`, so that one item costs no other."""
        return json.loads(_cut(txt))


def _read(response: Any, **_: Any) -> None:
    """Reads a response (of requests) before requests does, which would take any length and any time."""
    deadline = time.monotonic() + PAGE_WITHIN_S
    body = bytearray()
    for chunk in response.iter_content(1024**2):
        body += chunk
        if len(body) > MAX_PAGE_BYTES or time.monotonic() > deadline:
            response.close()
            raise ValueError("the page is too long or comes too slowly")
    response._content = bytes(body)


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
