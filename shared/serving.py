"""The HTTP server of every service: what a stranger may cost it is limited before anything of a request is used.

Connections and heads have their limits in `connections`. Here are those of requests: their number, their headers, and
the size and the time of their bodies. No body is read before the app asks for it, so the token is checked first.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import uvicorn
from starlette.exceptions import HTTPException

from railwatch.shared.connections import MAX_HEAD_BYTES, BoundedConnection
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.http import RETRY_AFTER_S, problem
from railwatch.shared.metrics import MetricsOf
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import HttpSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

MAX_HEADERS = 64
# Longest body, unless a service takes longer ones.
MAX_BODY_BYTES = 64 * 1024
# A body must arrive within this time. It may take longer if it comes at this rate: an hour for 56 MiB.
BODY_WITHIN_S = 30.0
MIN_BODY_BYTES_PER_S = 16 * 1024
# Requests that are answered at the same time, and beside them those of the operator. Together they are fewer than
# anyio's 40 threads, so that no request takes the last one. `/healthz` takes none, and is always answered.
MAX_REQUESTS = 30
MAX_OPERATOR_REQUESTS = 8
OPERATOR_PATHS = frozenset({"/readyz", "/metrics"})

RESPONSES = MetricsOf(SERVICES).counter(
    "railwatch_http_responses_total",
    "Answers to requests, without those to `/healthz`, `/readyz` and `/metrics`.",
    status="the HTTP status, such as `201`, `401` or `503`",
)


@dataclass
class Limited:
    """An ASGI app within limits.

    Attributes:
        app: the app.
        max_body_bytes: longest body; null if the app limits its bodies itself.
    """

    app: App
    max_body_bytes: int | None
    _answering: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http" and scope["path"] not in OPERATOR_PATHS | {"/healthz"}:
            send = _counting(send)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif len(scope["headers"]) > MAX_HEADERS or _head_bytes(scope) > MAX_HEAD_BYTES:
            limits = f"A request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes before its body."
            answer = problem(431, "Request Header Fields Too Large", limits, {"Connection": "close"})
            await answer(scope, receive, send)
        elif scope["path"] == "/healthz":
            await self.app(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Any, receive: Receive, send: Send) -> None:
        operator = scope["path"] in OPERATOR_PATHS
        if self._answering[operator] >= (MAX_OPERATOR_REQUESTS if operator else MAX_REQUESTS):
            headers = {"Retry-After": RETRY_AFTER_S, "Connection": "close"}
            busy = problem(503, "Service Unavailable", "There are too many requests now; send it again.", headers)
            await busy(scope, receive, send)
            return
        self._answering[operator] += 1
        try:
            await self.app(scope, _Body(scope, receive, self.max_body_bytes).receive, send)
        finally:
            self._answering[operator] -= 1


def _counting(send: Send) -> Send:
    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            RESPONSES.labels(str(message["status"])).inc()
        await send(message)

    return counted


class _Body:
    """The body of a request. If it is too long or comes too slowly, the app learns that where it reads it."""

    def __init__(self, scope: Any, receive: Receive, max_bytes: int | None) -> None:
        self._receive = receive
        self._max_bytes = float("inf") if max_bytes is None else max_bytes
        self._announced_bytes = int(dict(scope["headers"]).get(b"content-length", b"0"))
        self._read_bytes = 0
        self._began = time.monotonic()
        self._whole = False

    async def receive(self) -> Message:
        """The next message of the server.

        Raises:
            HTTPException: 413 or 408.
        """
        if self._announced_bytes > self._max_bytes:
            raise self._too_long()
        with anyio.move_on_after(None if self._whole else self._left_s()) as in_time:
            message = await self._receive()
        if in_time.cancelled_caught:
            raise HTTPException(408, "The body came too slowly; send it again.", {"Connection": "close"})
        self._read_bytes += len(message.get("body", b""))
        if self._read_bytes > self._max_bytes:
            raise self._too_long()
        self._whole = not message.get("more_body", False)
        return message

    def _left_s(self) -> float:
        allowed_s = BODY_WITHIN_S + self._read_bytes / MIN_BODY_BYTES_PER_S
        return max(0.0, self._began + allowed_s - time.monotonic())

    def _too_long(self) -> HTTPException:
        return HTTPException(413, f"The body is longer than {self._max_bytes} bytes.", {"Connection": "close"})


class _Server(uvicorn.Server):
    """Uvicorn's server, which looks around once a second, not ten times. That was nearly all that it cost at rest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # 0: each time, also set the header `Date`
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), 1.0)

    def stop(self) -> None:
        """End at once. Another thread calls this."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._stopped.set)


@contextmanager
def serve(app: App, settings: HttpSettings, max_body_bytes: int | None = MAX_BODY_BYTES) -> Iterator[str]:
    """Serve the app in a thread, and yield its base URL. When the block is left, the server has stopped.

    Args:
        app: an ASGI app.
        settings: where to listen.
        max_body_bytes: longest body of a request; null if the app limits its bodies itself.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=128)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise ConfigurationError(f"RAILWATCH_HTTP_PORT: cannot listen on {where}: {error.strerror}.") from None
    config = uvicorn.Config(
        Limited(app, max_body_bytes),
        http=BoundedConnection,
        ws="none",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # a peer is who has connected, whatever X-Forwarded-For says: see `shared.proxy`
        timeout_graceful_shutdown=10,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        yield f"http://{settings.host}:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join()
        listener.close()


def _head_bytes(scope: Any) -> int:
    target = len(scope["raw_path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) for name, value in scope["headers"])
