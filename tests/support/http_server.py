"""What every HTTP server of the tests has: it listens on loopback, answers in threads, and writes no log."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

# Any free port.
LOOPBACK = ("127.0.0.1", 0)


class Quiet:
    """For a handler that logs no requests."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    """The server answers while the block lasts, and is closed then. Yields its origin."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
