"""Connections of strangers: how many there may be, and how long one may keep us waiting.

uvicorn alone waits for ever for the head of a first request, and for a reader that does not read.
"""

import asyncio
import time

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 256
# Seconds from the beginning of a connection, or from the answer before, in which a whole head must have arrived. What
# is left of the body of a request that was answered early must end within the same time.
HEAD_WITHIN_S = 10.0
# Seconds in which a reader must take what does not fit into the buffers.
READ_WITHIN_S = 60.0
# Bytes of a head that is not whole yet.
MAX_HEAD_BYTES = 16 * 1024


class BoundedConnection(H11Protocol):
    """A connection that is closed when it keeps us waiting.

    If there are more than `MAX_CONNECTIONS`, the one closes that has waited longest for its next request. So senders of
    half a request push out one another. A request that is being answered is never cut for that.
    """

    _waiting_since: float | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A stranger has come."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The stranger has gone."""
        self._stop_awaiting_head()
        self._stop_awaiting_reader()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Bytes have come."""
        super().handle_events()
        if not getattr(self.cycle, "response_complete", True):  # there is none before the first request
            self._stop_awaiting_head()

    def on_response_complete(self) -> None:
        """A request is answered."""
        self._await_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The buffers are full."""
        super().pause_writing()
        self._read_timer = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """There is room in the buffers."""
        super().resume_writing()
        self._stop_awaiting_reader()

    def _await_head(self) -> None:
        self._stop_awaiting_head()
        self._waiting_since = time.monotonic()
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._head_is_late)

    def _stop_awaiting_head(self) -> None:
        self._waiting_since = None
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _stop_awaiting_reader(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()

    def _head_is_late(self) -> None:
        if self.flow.write_paused:  # it still reads the answer before
            self._await_head()
        else:
            self._close()

    def _close(self) -> None:
        self._stop_awaiting_head()
        self.transport.abort()

    def _make_room(self) -> None:
        waiting = [
            (other._waiting_since, id(other), other)
            for other in self.connections
            if isinstance(other, BoundedConnection) and other._waiting_since is not None
        ]
        longest = min(waiting, default=(0.0, 0, self))[2]
        longest._close()
