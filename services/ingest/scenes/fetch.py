"""What others serve over HTTP is fetched within limits: every address on the way is checked, and no drip lasts.

Every raw read counts against the deadline, that of a head as well as that of a body. A body moves its deadline by
coming at a fair rate.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

import anyio
import httpx

# Seconds that a server may be silent.
TIMEOUT_S = 30.0
# Seconds in which all must have come, unless it comes at this rate.
BEGIN_WITHIN_S = 60.0
MIN_BYTES_PER_S = 64 * 1024
MAX_REDIRECTS = 3
# The statuses that turn a POST into a GET.
SEE_OTHER = frozenset({301, 302, 303})


class TooManyRedirectsError(Exception):
    """The address leads to another one, and that one to another, and so on."""


class TooSlowError(Exception):
    """The server sends, but too slowly."""


def fetch(
    href: str,
    headers_for: Callable[[str], Mapping[str, str]],
    take: Callable[[bytes], None],
    within_s: float,
    method: str = "GET",
    json: Any = None,
) -> httpx.Response:
    """Fetches a body in pieces. An answer that is no success has its status, and its body is not read.

    Args:
        href: the address.
        headers_for: the headers to send to an address; it raises if the address is not allowed. It is asked again for
            each redirect, so that no secret goes elsewhere.
        take: takes the next piece; it raises if there are too many.
        within_s: the most seconds that all of it may take, at any rate.
        method: `GET` or `POST`.
        json: what to post.

    Raises:
        TooManyRedirectsError, TooSlowError: as they say.
        httpx.HTTPError: the server failed.
        httpx.InvalidURL: an address is not a URL.
    """
    return anyio.run(_fetch, href, headers_for, take, within_s, method, json)


async def _fetch(
    href: str,
    headers_for: Callable[[str], Mapping[str, str]],
    take: Callable[[bytes], None],
    within_s: float,
    method: str,
    json: Any,
) -> httpx.Response:
    began, received_bytes = anyio.current_time(), 0
    with anyio.CancelScope(deadline=began + min(within_s, BEGIN_WITHIN_S)) as in_time:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            for _ in range(MAX_REDIRECTS + 1):
                headers = {**headers_for(href), "Accept-Encoding": "identity"}
                async with client.stream(method, href, headers=headers, json=json) as response:
                    if response.has_redirect_location:
                        href = urljoin(href, response.headers["location"])
                        if response.status_code in SEE_OTHER:
                            method, json = "GET", None
                        continue
                    if response.is_success:
                        async for piece in response.aiter_raw():
                            received_bytes += len(piece)
                            in_time.deadline = began + min(within_s, BEGIN_WITHIN_S + received_bytes / MIN_BYTES_PER_S)
                            take(piece)
                    return response
        raise TooManyRedirectsError
    raise TooSlowError
