"""A service as a process of its own, for tests that kill it. It counts tiles, and shows by files how far it is.

Usage: python -m tests.support.worker_process DIRECTORY

If the file `die` is in the directory, it publishes its first count itself and dies before the loop can commit. If the
file `hold` is there, it writes `holding` when it has begun a tile, and continues when `hold` is gone. When it
was told to end, it writes `told`.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from railwatch.shared.bus import Publisher, Worker
from railwatch.shared.environment import load
from railwatch.shared.events import Event, TileEvent
from railwatch.shared.health import Progress
from railwatch.shared.logs import configure_logging
from railwatch.shared.settings import KafkaSettings, ServiceSettings
from tests.support.bus import PATIENCE_S, count_of

GROUP = "counters"


class Settings(ServiceSettings):
    """What the process needs."""

    kafka: KafkaSettings


def main(directory: Path) -> None:
    """Run until SIGTERM."""
    settings = load(Settings)
    configure_logging("test", settings.log.level)
    publisher = Publisher(settings.kafka)
    stop = threading.Event()

    def told(*_: object) -> None:
        stop.set()
        (directory / "told").touch()

    signal.signal(signal.SIGTERM, told)

    def handle(event: TileEvent) -> Sequence[Event]:
        if (directory / "die").exists():
            publisher.publish(count_of(event))
            os.kill(os.getpid(), signal.SIGKILL)
        if (directory / "hold").exists():
            (directory / "holding").touch()
            deadline = time.monotonic() + PATIENCE_S
            while (directory / "hold").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
        return [count_of(event)]

    worker = Worker(
        service="detector",
        kafka=settings.kafka,
        group=GROUP,
        consumes=TileEvent,
        handle=handle,
        publisher=publisher,
        progress=Progress(),
    )
    worker.run(stop)
    publisher.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
