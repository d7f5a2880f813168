"""The process of a service: its name, and how it is stopped."""

import signal
import threading
from typing import Literal, get_args

# The services, as they are called in events, metrics, logs and traces.
Service = Literal["ingest", "detector", "alerting"]
SERVICES: tuple[Service, ...] = get_args(Service)


def stop_on_signal() -> threading.Event:
    """An event that is set when the process gets SIGTERM or SIGINT."""
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    return stop
