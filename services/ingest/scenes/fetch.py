"""What others serve over HTTP is fetched within limits: every address on the way is checked, and no drip lasts.

Every raw read counts against the deadline, that of a head as well as that of a body. A body moves its deadline by
coming at a fair rate.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
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
# Parts of one file that are asked for at the same time.
PARTS_AT_ONCE = 4


class TooManyRedirectsError(Exception):
    """The address leads to another one, and that one to another, and so on."""


class TooSlowError(Exception):
    """The server sends, but too slowly."""


class WrongPartError(Exception):
    """The server sends more than the part that it was asked for."""


class Request(NamedTuple):
    """What to ask a server: an address, which may hold a token, and headers."""

    url: str
    headers: Mapping[str, str]


class Part(NamedTuple):
    """Bytes of a file, from `start` to before `end`."""

    start: int
    end: int


# Makes the request for an address; it raises if the address is not allowed. It is asked again for each redirect, so
# that no secret goes elsewhere.
Ask = Callable[[str], Request]


def fetch(
    href: str,
    ask: Ask,
    take: Callable[[bytes], None],
    within_s: float,
    method: str = "GET",
    json: Any = None,
    part: Part | None = None,
) -> httpx.Response:
    """Fetches a body in pieces. An answer that is no success has its status, and its body is not read.

    Args:
        href: the address.
        ask: makes the request for an address.
        take: takes the next piece; it raises if there are too many.
        within_s: the most seconds that all of it may take, at any rate.
        method: `GET` or `POST`.
        json: what to post.
        part: what is wanted of the file. A server may send all of it.

    Raises:
        TooManyRedirectsError, TooSlowError: as they say.
        httpx.HTTPError: the server failed.
        httpx.InvalidURL: an address is not a URL.
    """

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            return await _fetch(client, href, ask, take, within_s, method, json, part)

    return anyio.run(run)


def fetch_parts(
    href: str, ask: Ask, parts: Sequence[Part], take: Callable[[Part, httpx.Response, bytes], None], within_s: float
) -> None:
    """Fetches parts of a file, some at a time, over connections that stay open for all of them.

    Args:
        href: the address.
        ask: makes the request for an address.
        parts: what is wanted.
        take: takes each whole part with the head of its answer, whatever its status; it raises to end the work.
        within_s: the most seconds that each part may take.

    Raises:
        WrongPartError: as it says.
        What `fetch` raises: the first error.
    """
    places = anyio.Semaphore(PARTS_AT_ONCE)

    async def one(client: httpx.AsyncClient, part: Part) -> None:
        body = bytearray()

        def longer(piece: bytes) -> None:
            body.extend(piece)
            if len(body) > part.end - part.start:
                raise WrongPartError

        async with places:
            response = await _fetch(client, href, ask, longer, within_s, "GET", None, part)
            take(part, response, bytes(body))

    async def run() -> None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client, anyio.create_task_group() as tasks:
            for part in parts:
                tasks.start_soon(one, client, part)

    try:
        anyio.run(run)
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _fetch(
    client: httpx.AsyncClient,
    href: str,
    ask: Ask,
    take: Callable[[bytes], None],
    within_s: float,
    method: str,
    json: Any,
    part: Part | None,
) -> httpx.Response:
    began, received_bytes = anyio.current_time(), 0
    wanted = {"Range": f"bytes={part.start}-{part.end - 1}"} if part else {}
    with anyio.CancelScope(deadline=began + min(within_s, BEGIN_WITHIN_S)) as in_time:
        for _ in range(MAX_REDIRECTS + 1):
            request = await anyio.to_thread.run_sync(ask, href)
            headers = {**request.headers, **wanted, "Accept-Encoding": "identity"}
            async with client.stream(method, request.url, headers=headers, json=json) as response:
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
