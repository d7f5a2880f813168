"""What a person sees in a browser when something is wrong: the problem details that programs get, as a page.

It loads nothing, so it is whole when the server is too busy to give more, or lets nobody in.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import NamedTuple

TITLES = {
    400: "This address is not right",
    401: "You are not signed in",
    403: "You may not do this",
    404: "This was not found",
    422: "This address is not right",
    503: "Not now",
}
# What a browser asks for when it is refused with HTTP Basic authentication.
SIGN_IN = (
    "Load this page again. Your browser then asks for a name and a password: any name will do, and the password is a "
    "token with the scope `read`."
)


class Home(NamedTuple):
    """Where a service's pages begin: the address and its words."""

    address: str
    words: str


def problem_page(
    status: int, title: str, detail: str, headers: Mapping[str, str], path: str, home: Home | None
) -> tuple[str, dict[str, str]]:
    """The page as HTML, and its headers.

    Args:
        status: the HTTP status.
        title: what is wrong, where `TITLES` has no better words.
        detail: what is wrong this time; may be empty.
        headers: those of the answer.
        path: what was asked for.
        home: where to go from here; null if there is no such page.
    """
    challenge = next((text for name, text in headers.items() if name.lower() == "www-authenticate"), "")
    if challenge.startswith("Basic"):
        detail = SIGN_IN
    elif not detail and status == 404:
        detail = f"There is nothing at `{path}`."
    again = '<p><a href="">Try again</a></p>' if status in (401, 503) else ""
    words = escape(TITLES.get(status, title))
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{words} - Railwatch</title>'
        f"<style>{_style()}</style></head>"
        f"<body>{_head(home)}<main><section><h1>{words}</h1><p>{_marked(detail)}</p>{again}{_way_on(home)}"
        f'<p class="status">HTTP {status}</p></section></main></body></html>'
    )
    style = b64encode(sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'"
    return text, {"Content-Security-Policy": policy, "Cache-Control": "no-store"}


def _head(home: Home | None) -> str:
    name = f'<a href="{escape(home.address)}">Railwatch</a>' if home else "<span>Railwatch</span>"
    return f'<header><nav aria-label="Where you are">{name}</nav></header>'


def _way_on(home: Home | None) -> str:
    return f'<p><a href="{escape(home.address)}">{escape(home.words)}</a></p>' if home else ""


def _marked(detail: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(detail))


@cache
def _style() -> str:
    assets = files("railwatch.shared") / "assets"
    return (assets / "base.css").read_text() + (assets / "problem.css").read_text()
