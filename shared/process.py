"""The process of a service: its name, and how it is stopped."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Literal, get_args

import structlog

# The services, as they are called in events, metrics, logs and traces.
Service = Literal["ingest", "detector", "alerting"]
SERVICES: tuple[Service, ...] = get_args(Service)

# Seconds in which a service ends after it was told to stop. Each wait for a server has a limit of its own, but a
# service may have several such waits before it when Redis, Kafka and the store keep silent. A pod is killed after 60 s.
ENDS_WITHIN_S = 40.0

log = structlog.get_logger(__name__)


def stop_on_signal() -> threading.Event:
    """An event that is set when the process gets SIGTERM or SIGINT.

    If the process still runs `ENDS_WITHIN_S` later, it ends then as in a crash, and the log says what it waited for.
    Nothing is lost by that: what was not finished is done by the next process.
    """
    stop = threading.Event()

    def told(*_: object) -> None:
        # Not set here: the main thread, which runs this, may hold the event's lock.
        threading.Thread(target=_stop, args=(stop,), name="stopping", daemon=True).start()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, told)
    return stop


def _stop(stop: threading.Event) -> None:
    stop.set()
    time.sleep(ENDS_WITHIN_S)
    frames = sys._current_frames()
    waiting = [thread for thread in threading.enumerate() if not thread.daemon]
    places = {thread.name: _place(frames.get(thread.ident or 0)) for thread in waiting}
    log.warning("ended before everything was done", waiting=places)
    os._exit(0)


def _place(frame: FrameType | None) -> str:
    """Where a thread is: the innermost line of our own code, such as `railwatch.shared.lease:37`."""
    package = __name__.partition(".")[0] + "."
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(package):
            return f"{module}:{frame.f_lineno}"
        frame = frame.f_back
    return "unknown"
