"""JSON from strangers, nested without end: one absurd item must not cost the page that it is on."""

import json
import re
from typing import Any

# Levels of lists and objects that are read. A STAC page with a multipolygon has ten.
DEEPEST = 64

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def read_shallow(text: str) -> Any:
    """What a JSON text says. Null stands for what is nested deeper than `DEEPEST`.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(_cut(text))


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
